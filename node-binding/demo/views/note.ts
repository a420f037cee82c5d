/** A note that is kept slowly, so that a person can be in two tabs at once. */

import { html } from 'hono/html'
import { MAX_NOTE_CHARACTERS } from '../visitor.js'
import type { Html } from './layout.js'
import { noticeAt } from './notice.js'
import type { PageModel } from './page.js'

/** Enough to change tabs and press a button there. */
export const SLOW_SECONDS = 3

export function noteSection({ note, notice, figures }: PageModel): Html {
  return html`
<section id="note" aria-labelledby="note-title">
<h2 id="note-title">Two tabs at once</h2>
${noticeAt('note', notice)}
<form class="row" method="post" action="/note">
<label for="note-text">A note for the crew</label>
<input id="note-text" class="sentence" name="note" value="${note ?? ''}"
maxlength="${MAX_NOTE_CHARACTERS}" autocomplete="off">
<button id="keep">Keep it slowly</button>
</form>
<p class="fine">This takes ${SLOW_SECONDS} seconds, session in hand. Meanwhile fill the cart in
another tab, or log out there. ${figures.driver === 'cookie' ? LAST_ONE_WINS : BOTH_COUNT}</p>
</section>`
}

const BOTH_COUNT = `The cart and the note are both kept; after a logout you stay logged out, and the
note is dropped.`

const LAST_ONE_WINS = `With this driver the browser has the only record, so the last answer wins:
what the other tab put in the cart is lost. After a logout you stay logged out: the server keeps
the list of your devices.`
