/** Where the user is logged in, and how to log out there. Only for who is logged in. */

import type { SessionDevice } from '@rudderjs/session-native'
import { html } from 'hono/html'
import { clock } from './clock.js'
import type { Html } from './layout.js'
import { noticeAt } from './notice.js'
import type { PageModel } from './page.js'

export function devicesSection({ user, devices, notice, figures }: PageModel): Html | null {
  if (user === null || devices.length === 0) return null
  return html`
<section id="devices" aria-labelledby="devices-title">
<h2 id="devices-title">Your devices</h2>
${noticeAt('devices', notice)}
<ul class="devices">${devices.map(row)}</ul>
${
  devices.length > 1
    ? END_OTHERS
    : html`<p class="fine">Log in as ${user.name} in another browser:
it will be listed here, and can be logged out from here.</p>`
}
${figures.driver === 'cookie' ? ALSO_COOKIES : null}
</section>`
}

function row({ handle, label, created, seen, current }: SessionDevice, place: number): Html {
  return html`
<li>
<div class="product"><strong>${label || 'Unknown browser'}</strong>
<span class="muted">Logged in ${clock(created.getTime())}, seen ${clock(seen.getTime())}</span></div>
${current ? html`<em class="current">This device</em>` : end(handle, label, place)}
</li>`
}

/** The handle names the session and opens nothing, so it may stand in a page. */
function end(handle: string, label: string, place: number): Html {
  return html`
<form method="post" action="/devices/end">
<input type="hidden" name="handle" value="${handle}">
<button id="end-${place}" class="plain" aria-label="Log out: ${label || 'unknown browser'}"
>Log out</button>
</form>`
}

const END_OTHERS = html`
<form class="row" method="post" action="/devices/end-others">
<button id="end-others">Log out everywhere else</button>
</form>
<p class="fine">There is no password here, so whoever logs in with your name is in this list.</p>`

const ALSO_COOKIES = html`
<p class="fine">With this driver the server keeps no session, but it keeps this list: a cookie
whose session was ended is refused.</p>`
