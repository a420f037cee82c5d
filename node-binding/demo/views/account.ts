/** Logging in and out. */

import { html } from 'hono/html'
import { MAX_NAME_CHARACTERS, type User } from '../visitor.js'
import { clock } from './clock.js'
import type { Html } from './layout.js'
import { noticeAt } from './notice.js'
import type { PageModel } from './page.js'

export function accountSection({ user, notice }: PageModel): Html {
  return html`
<section id="account" aria-labelledby="account-title">
<h2 id="account-title">Account</h2>
${noticeAt('account', notice)}
${user ? loggedIn(user) : LOGGED_OUT}
</section>`
}

function loggedIn({ name, sinceUnixMs }: User): Html {
  return html`
<form class="row" method="post" action="/logout">
<p class="who"><strong>${name}</strong> <span class="muted">since ${clock(sinceUnixMs)}</span></p>
<button id="logout">Log out</button>
</form>
<p class="fine">Logging out empties the session and gives it a new id.</p>`
}

const LOGGED_OUT = html`
<form class="row" method="post" action="/login">
<label for="name">Your name</label>
<input id="name" name="name" required maxlength="${MAX_NAME_CHARACTERS}" autocomplete="nickname">
<button id="login" class="main">Log in</button>
</form>
<p class="fine">Any name will do, there is no password. Logging in gives the session a new id.</p>`
