/**
 * Saves the session of a request, and answers the text of its `Set-Cookie` header.
 *
 *   not dirty, or out of reach                     nothing
 *   the data name another user than the mark       the index of users first
 *   fresh and empty, where that leaves no trace    nothing, or the cookie is taken back
 *   a driver with records                          COMMIT   onto the record it was loaded from
 *   a driver that keeps nothing                    ENCODE   into the cookie value
 *   any other driver                               persist  whatever happened meanwhile
 *
 * No promise is made where none is needed. Changes no value, and sends nothing.
 */

import { checkCookieSize } from './cookie-size.js'
import { COMMIT, ENCODE, isEncodingDriver, type RecordDriver } from './driver.js'
import { SessionStoreError } from './errors.js'
import { idMaker } from './ids.js'
import { limitedText } from './limits.js'
import type { SessionRecord } from './payload.js'
import type { SessionState } from './session-state.js'
import { setCookieText } from './set-cookie.js'
import { ttlSecondsOf } from './time.js'
import type { SessionUser } from './users/session-user.js'

/** See `SessionInstance.saveToCookie`. May throw, too. */
export function saveState(state: SessionState): string | null | Promise<string | null> {
  state.unsentCookie = null
  if (!state.dirty) {
    state.nested?.warn()
    return null
  }
  if (state.outage) return null
  const { user } = state
  if (user?.isBehind(userKeyIn(state, user))) return saveFollowing(state, user)
  return saveDirty(state)
}

/** Saves it once the index of users knows what the data say. */
async function saveFollowing(state: SessionState, user: SessionUser): Promise<string | null> {
  const followed = await user.follow(userKeyIn(state, user))
  const known = state.savedAs ?? state.payload.record
  if (followed === 'over') {
    // As if another request had destroyed it.
    state.dirty = false
    return null
  }
  if (followed === 'entered' && known?.id === state.payload.id) await state.regenerate()
  if (followed === 'left') state.becomeNew()
  return saveDirty(state)
}

function userKeyIn(state: SessionState, { key }: SessionUser): unknown {
  return key === null ? null : state.payload.data.get(key, null)
}

function saveDirty(state: SessionState): string | null | Promise<string | null> {
  const { config, driver, payload, stamp } = state
  if (!state.everSaved && (config.storeEmpty === false || state.isLoggedOut)) {
    if (state.isFreshAndEmpty) return state.isLoggedOut ? takeCookieBack(state) : null
  }

  const lifetimeSeconds = ttlSecondsOf(config.lifetime)
  const ttlSeconds = stamp === null ? lifetimeSeconds : stamp.cap(lifetimeSeconds)
  // It came to its end while it was in use.
  if (ttlSeconds <= 0) return null
  if (state.moves) {
    payload.id = idMaker(config.format)()
    state.moves = false
  }
  const { records } = state
  if (records) return commit(state, records, ttlSeconds)
  if (!isEncodingDriver(driver)) return persist(state, ttlSeconds)
  return persisted(
    state,
    driver[ENCODE](() => textOf(state), ttlSeconds),
    ttlSeconds,
  )
}

/** After a logout with nothing put since: the browser may forget the cookie, too. */
async function takeCookieBack(state: SessionState): Promise<string> {
  await state.removeLeftovers()
  state.dirty = false
  return setCookieText('', state.config.cookie, 0)
}

async function commit(
  state: SessionState,
  records: RecordDriver,
  ttlSeconds: number,
): Promise<string | null> {
  const base = state.savedAs ?? loadedRecord(state)
  const commit = await records[COMMIT](base, state.payload.id, () => textOf(state), ttlSeconds)
  state.dirty = false
  state.everSaved = true
  if (commit === null) return null

  if (commit.oldRemains && base) state.addLeftover(base.id)
  state.savedAs = commit.record
  const { cookieValue } = commit
  const text =
    cookieValue === null ? null : setCookieText(cookieValue, state.config.cookie, ttlSeconds)
  try {
    await state.removeLeftovers()
  } catch (error) {
    state.unsentCookie = text
    state.dirty = true
    throw error instanceof SessionStoreError ? error.butSaved() : error
  }
  return text
}

async function persist(state: SessionState, ttlSeconds: number): Promise<string> {
  const payload = state.payload.toPayload(state.flashNext)
  const text = persisted(state, await state.driver.persist(payload, ttlSeconds), ttlSeconds)
  await state.removeLeftovers()
  return text
}

function persisted(state: SessionState, cookieValue: string, ttlSeconds: number): string {
  const { cookie } = state.config
  checkCookieSize(cookieValue, cookie, () => [state.payload.data.toObject(), state.flashNext])
  state.dirty = false
  state.everSaved = true
  return setCookieText(cookieValue, cookie, ttlSeconds)
}

/** The text of the record to be. */
function textOf({ payload, flashNext, savedAs, stamp, user, config }: SessionState): string {
  const text = limitedText(
    () => payload.toText(flashNext),
    config.limits,
    () => (savedAs ?? payload.record)?.text ?? null,
  )
  const stamped = stamp === null ? text : stamp.addTo(text)
  return user === null ? stamped : user.addTo(stamped)
}

/** What the driver had when this session was loaded, to the letter. */
function loadedRecord({ payload, stamp, user }: SessionState): SessionRecord | null {
  const { record } = payload
  const text = user?.loadedText
  if (record !== null && text) return { id: record.id, text }
  if (record === null || stamp === null) return record
  return { id: record.id, text: stamp.restoreIn(record.text) }
}
