/**
 * Finds out whether the session of a request may be used, before anybody sees it.
 *
 *   text --mark--> index --> live: the text without its mark, and the user
 *                            over: as if the cookie had expired; the record goes
 */

import type { Loaded } from '../driver.js'
import { LazyPayload } from '../lazy-payload.js'
import type { Mark } from './mark.js'
import { takeMark } from './marked-text.js'
import { adoptedHandle, indexIdOf, isUserKey } from './names.js'
import { SessionUser, type UserBinding } from './session-user.js'

/** What of a loaded session is left, and whose it is. */
export interface Opened {
  loaded: Loaded
  user: SessionUser
}

/**
 * @param destroy Forgets the record of a session that is over. May fail: nobody can use it.
 * @throws {SessionStoreError} if the store cannot say. Nobody knows then.
 */
export async function openUser(
  binding: UserBinding,
  loaded: Loaded,
  destroy: (id: string) => Promise<void>,
): Promise<Opened> {
  const whole = typeof loaded === 'object' ? loaded?.text : loaded
  if (whole === undefined) return { loaded, user: new SessionUser(binding, null, null) }

  const { text, mark } = takeMark(whole)
  const own = mark ?? adoptedMark(text, binding.key)
  if (own === null || (await binding.sessions.check(own))) {
    const rest = typeof loaded === 'object' && loaded !== null ? { ...loaded, text } : text
    return { loaded: rest, user: new SessionUser(binding, whole, own) }
  }
  await destroy(LazyPayload.loaded(text).id).catch(() => {})
  return { loaded: null, user: new SessionUser(binding, null, null) }
}

/**
 * The mark of a session that names a user and has none yet: it was saved before there was an
 * index, or by a program that knows none.
 *
 * The same each time, so it need not be saved; and of the first epoch, so an end of all sessions
 * of the user ends it, too.
 */
function adoptedMark(text: string, key: string | null): Mark | null {
  // Parsing costs more than a look.
  if (key === null || !text.includes(JSON.stringify(key).slice(1, -1))) return null
  const payload = LazyPayload.loaded(text)
  const value = payload.data.get(key, null)
  if (payload.isFresh || !isUserKey(value)) return null
  try {
    return { index: indexIdOf(value), handle: adoptedHandle(payload.id), epoch: 0 }
  } catch {
    return null
  }
}
