/** The session as it was stored at the end of this request. */

import { html } from 'hono/html'
import type { Html } from './layout.js'
import type { PageModel, SessionRecord } from './page.js'

export function recordSection({ available, record, flashTaken, figures, user }: PageModel): Html {
  return html`
<section aria-labelledby="record-title">
<h2 id="record-title">The session as stored</h2>
${available ? stored(record, flashTaken, figures.driver) : html`<p>It cannot be read now.</p>`}
${user === null ? null : MARK}
</section>`
}

function stored(
  record: SessionRecord,
  flashTaken: Record<string, unknown>,
  driver: keyof typeof WHERE,
): Html {
  return html`
<p>${WHERE[driver]}</p>
<pre class="json"><code>${json({
    ...record,
    id: shortened(record.id),
  })}</code></pre>
${Object.keys(flashTaken).length > 0 ? taken(flashTaken) : null}`
}

/** The id opens the session, and pages end up on screens that others see. */
export function shortened(secret: string): string {
  return `${secret.slice(0, 8)}\u2026`
}

function taken(flash: Record<string, unknown>): Html {
  return html`
<p class="fine">This request found a <code>flash_next</code>, showed it, and left none:</p>
<pre class="json gone"><code>${json(flash)}</code></pre>`
}

/** JSON text with its keys and its strings told apart. */
function json(value: unknown): Html {
  const text = JSON.stringify(value, null, 2)
  const parts = text.split(/("(?:[^"\\]|\\.)*"(?:: )?)/)
  return html`${parts.map((part) => {
    if (part.endsWith('": ')) return html`<span class="key">${part}</span>`
    return part.startsWith('"') ? html`<span class="text">${part}</span>` : part
  })}`
}

const MARK = html`
<p class="fine">Beside the data it says whose session this is, which leads to the list of devices.</p>`

const WHERE = {
  cookie: 'It travels inside the cookie. The server keeps nothing.',
  memory: 'It is in the memory of this process, and ends with it. The cookie carries the id only.',
  file: 'It is in a file on the server, and outlives a restart. The cookie carries the id only.',
  redis: html`It is in Redis, as <code>session:</code> and the id. The cookie carries the id only.`,
}
