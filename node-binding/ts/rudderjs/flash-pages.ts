/**
 * Gives every page that Vike renders what the previous request flashed, as `pageContext.flash`.
 *
 * Applications without Vike have no `@rudderjs/vite`, and older ones not this part of it: flash
 * is for them to pass on. Nothing that goes wrong here may keep an application from booting.
 */

import { Session } from '../session.js'

export async function addFlashToPages(): Promise<void> {
  try {
    const { registerPageContextEnhancer } = await import('@rudderjs/vite/page-context-enhancers')
    registerPageContextEnhancer((pageContext) => {
      pageContext.flash = Session.allFlash()
    })
  } catch {
    // As said above.
  }
}
