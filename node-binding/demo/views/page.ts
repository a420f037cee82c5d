/**
 * The page: what a visitor does (land), what becomes of it (sea), what it costs (deep).
 *
 * Each section is a file of its own; this one puts them in order.
 */

import type { SessionDevice } from '@rudderjs/session-native'
import { html } from 'hono/html'
import type { CookieParts } from '../cookie-parts.js'
import type { FiguresSnapshot } from '../figures.js'
import type { CartLine, Notice, User } from '../visitor.js'
import { accountSection } from './account.js'
import { cartSection } from './cart.js'
import { cookieSection } from './cookie.js'
import { devicesSection } from './devices.js'
import { figuresSection } from './figures.js'
import { type Html, layout } from './layout.js'
import { noteSection } from './note.js'
import { recordSection } from './record.js'

/** Everything that the page shows. */
export interface PageModel {
  /** Whether the store took part; if not, this is a guest's page. */
  available: boolean
  visits: number
  user: User | null
  /** Where the user is logged in. */
  devices: SessionDevice[]
  cart: CartLine[]
  note: string | null
  notice: Notice | null
  record: SessionRecord
  /** What the previous request left for this one. */
  flashTaken: Record<string, unknown>
  /** The cookie that this answer carries, if it carries one. */
  cookie: CookieParts | null
  figures: FiguresSnapshot
}

export interface SessionRecord {
  id: string
  data: Record<string, unknown>
  flash_next: Record<string, unknown>
}

export function page(model: PageModel): Html {
  const { driver } = model.figures
  return layout({
    title: 'Rudder Session, the demo',
    aside: html`<p class="driver">driver <strong>${driver}</strong></p>`,
    main: html`
<div class="coast">
<div class="land">
${model.available ? null : OUTAGE}
${visitSection(model)}
${accountSection(model)}
${devicesSection(model)}
${cartSection(model)}
${noteSection(model)}
</div>
<div class="sea">
${recordSection(model)}
${cookieSection(model)}
</div>
</div>
<div class="deep">
${figuresSection(model.figures)}
${otherDrivers(driver)}
</div>`,
  })
}

function visitSection({ available, visits }: PageModel): Html {
  return html`
<section class="visit">
<h1>Every visit leaves a&nbsp;record.</h1>
<p class="lead">Log in, fill the cart, come back. This page shows what the server keeps of it,
what your browser carries, and how long the engine took.</p>
<div class="counter">
<p class="tally">${
    available
      ? html`<span>Visit</span> <b id="visits">${visits}</b>`
      : html`<span>Visit not counted</span>`
  }</p>
<a class="button" href="/">Visit again</a>
</div>
</section>`
}

function otherDrivers(driver: string): Html {
  const others = ['file', 'memory', 'cookie', 'redis'].filter((other) => other !== driver)
  return html`
<footer>
<h2>Start it another way</h2>
<ul class="commands">${others.map(
    (other) => html`
<li><code>SESSION_DRIVER=${other} ${
      other === 'redis' ? html`REDIS_URL=redis://127.0.0.1:6379 ` : null
    }make run</code></li>`,
  )}
</ul>
<p class="fine">For machines: <a href="/api/figures">figures</a>, <a href="/healthz">health</a>.</p>
</footer>`
}

const OUTAGE = html`
<div class="outage" role="alert">
<strong>The session store is out of reach.</strong>
You see this page as a guest, and nothing you do here is kept. Your own session is untouched and
comes back with the store.
</div>`
