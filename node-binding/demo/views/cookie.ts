/** The cookie that this answer carries, part by part. */

import { html } from 'hono/html'
import { type CookieParts, MAX_COOKIE_BYTES } from '../cookie-parts.js'
import { count } from '../drawing.js'
import type { Html } from './layout.js'
import type { PageModel } from './page.js'
import { shortened } from './record.js'

export function cookieSection({ cookie, figures }: PageModel): Html {
  return html`
<section aria-labelledby="cookie-title">
<h2 id="cookie-title">The cookie as sent</h2>
${cookie ? parts(cookie, figures.driver === 'cookie') : NONE}
</section>`
}

function parts(cookie: CookieParts, holdsRecord: boolean): Html {
  const { name, value, signature, attributes, bytes } = cookie
  return html`
<p class="wire"><span class="unseen">Set-Cookie: </span><code>${name}=<span class="value">${
    holdsRecord ? value : shortened(value)
  }</span><b>.</b><span class="signature">${shortened(signature)}</span></code></p>
<dl class="legend">
<div><dt class="value">value</dt><dd>${holdsRecord ? RECORD : ID}</dd></div>
<div><dt class="signature">signature</dt><dd>HMAC-SHA256 of the value, ${signature.length}
characters. Change one byte and the cookie is refused. Shortened here, since value and signature
together are the key to your session.</dd></div>
${attributes.map(
  (attribute) => html`<div><dt>${attribute}</dt><dd>${MEANINGS[nameOf(attribute)]}</dd></div>`,
)}
</dl>
${scale(bytes)}`
}

/** A chart's scale bar, filled as far as the cookie goes. */
function scale(bytes: number): Html {
  const width = Math.min(bytes, MAX_COOKIE_BYTES)
  return html`
<div class="scale">
<p><b>${count(bytes)}</b> of ${count(MAX_COOKIE_BYTES)} bytes that a browser keeps</p>
<svg viewBox="0 0 ${MAX_COOKIE_BYTES} 100" preserveAspectRatio="none" aria-hidden="true">
<rect class="filled" width="${width}" height="100" /><path d="M1024 0v100M2048 0v100M3072 0v100" />
</svg>
<p class="ticks" aria-hidden="true"><span>0</span><span>1,024</span><span>2,048</span>
<span>3,072</span><span>4,096</span></p>
</div>`
}

function nameOf(attribute: string): string {
  return attribute.split('=', 1)[0] ?? ''
}

const NONE = html`
<p>This answer carries none. What your browser holds stays as it is.</p>`

const RECORD = `The whole record in base64url. Anybody who holds the cookie can read it; only the
server can write it.`

const ID = 'The id of the record, shortened here. Nothing else leaves the server.'

const MEANINGS: Record<string, string> = {
  Path: 'Sent with every request to this host.',
  'Max-Age': 'Seconds that the browser keeps it after the last save.',
  SameSite: 'Not sent with forms and scripts of other sites.',
  HttpOnly: 'Out of reach for scripts.',
  Secure: 'Sent over HTTPS only.',
}
