/** The page for a request that was refused or failed. */

import { html } from 'hono/html'
import type { Refusal } from '../refusal.js'
import { type Html, layout } from './layout.js'

export function errorPage({ status, title, message }: Refusal): Html {
  return layout({
    title: `${title} - Rudder Session`,
    main: html`
<section class="refusal">
<p class="tally"><b>${status}</b></p>
<h1>${title}</h1>
<p class="lead">${message}</p>
<a class="button" href="/">Back to the page</a>
</section>`,
  })
}
