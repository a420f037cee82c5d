/**
 * Starts the chromium of the system, without a window.
 *
 *   chromium()  -->  Browser     of playwright-core, one for a test file
 *
 * CHROMIUM names another program than Debian's.
 */

import { createRequire } from 'node:module'
import type { Browser } from 'playwright-core'

/** Compiled, this file is in build, and playwright-core stays beside its source. */
const fromSource = createRequire(new URL('../../../test/browser/package.json', import.meta.url))
const playwright: typeof import('playwright-core') = fromSource('playwright-core')

export function chromium(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'
  return playwright.chromium.launch({ executablePath })
}
