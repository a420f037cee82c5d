/** The flash message, at the section whose button was pressed. */

import { html } from 'hono/html'
import type { Notice } from '../visitor.js'
import type { Html } from './layout.js'

/** An empty live region if there is no message for `place`: the script announces through it. */
export function noticeAt(place: Notice['place'], notice: Notice | null): Html {
  const here = notice?.place === place
  return html`<div class="notice" role="status">${
    here ? html`<p>${notice.text} <span>Flash: shown once.</span></p>` : null
  }</div>`
}
