/** Instants, as people read them and as machines do. */

import { html } from 'hono/html'
import type { Html } from './layout.js'

/** The time of day. */
export function clock(unixMs: number): Html {
  const iso = new Date(unixMs).toISOString()
  return html`<time datetime="${iso}">${iso.slice(11, 16)} UTC</time>`
}
