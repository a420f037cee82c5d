/** Line drawings of the products, 24 by 24. */

import { html } from 'hono/html'
import type { Html } from './layout.js'

export function icon(productId: string): Html {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">${DRAWINGS[productId]}</svg>`
}

const DRAWINGS: Record<string, Html> = {
  compass: html`<circle cx="12" cy="12" r="9" /><path d="m15.8 8.2-2.3 5.3-5.3 2.3 2.3-5.3z" />
<path d="M12 3v2M12 19v2M3 12h2M19 12h2" />`,
  lantern: html`<path d="M10 6.5V5a2 2 0 0 1 4 0v1.5M8.5 6.5h7l1.5 11H7zM6.5 20.5h11M7 17.5v3M17 17.5v3" />
<path d="M12 10c1.7 1.7 1.7 3.6 0 4.8-1.7-1.2-1.7-3.1 0-4.8z" />`,
  rope: html`<circle cx="11.5" cy="11.5" r="8.5" /><circle cx="11.5" cy="11.5" r="5.5" />
<circle cx="11.5" cy="11.5" r="2.5" /><path d="M11.5 20h10" />`,
  almanac: html`<path d="M5.5 18.5V5a2 2 0 0 1 2-2h11v18H8a2.5 2.5 0 0 1 0-5h10.5" />
<path d="M9 10.5c1-1.5 2-1.5 3 0s2 1.5 3 0M9 7.5c1-1.5 2-1.5 3 0s2 1.5 3 0" />`,
}
