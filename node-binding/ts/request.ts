/**
 * Opens the session of a request and closes it again, for every adapter alike.
 *
 *   Cookie header --open--> SessionInstance --close--> Set-Cookie text
 *
 * Knows no framework: an adapter reads the header and writes the cookie.
 */

import { findCookie } from './cookie-header.js'
import type { SessionEngine } from './engine.js'
import { SessionStoreError } from './errors.js'
import { freshPayload, type SessionPayload } from './payload.js'
import { SessionInstance } from './session-instance.js'

/**
 * The session that the request's `Cookie` header stands for.
 *
 * @throws {SessionStoreError} if the store is out of reach and `onStoreFailure` is `fail`.
 */
export async function openSession(
  engine: SessionEngine,
  cookieHeader: string,
): Promise<SessionInstance> {
  const { config, driver } = engine
  const value = findCookie(cookieHeader, config.cookie.name)

  let payload: SessionPayload
  try {
    payload = await driver.load(value)
  } catch (error) {
    if (!(error instanceof SessionStoreError) || config.onStoreFailure === 'fail') throw error
    warnOutage(engine, error)
    return SessionInstance.unavailable(freshPayload(), driver, config)
  }

  const session = new SessionInstance(payload, driver, config)
  // No cookie at all: the visitor gets one, unless empty sessions are not stored. A cookie that
  // was refused is another matter: bots and scanners send those, and get nothing.
  if (!value) session.markDirty()
  return session
}

/**
 * Saves the session, and answers the `Set-Cookie` text to send, or `null`.
 *
 * Never rejects: by now there is a response, and it must reach the client.
 */
export async function closeSession(session: SessionInstance): Promise<string | null> {
  try {
    return await session.saveToCookie()
  } catch (error) {
    reportSaveFailure(error)
    return session.unsentCookie
  }
}

export function reportSaveFailure(error: unknown): void {
  const saved = error instanceof SessionStoreError && error.saved
  console.error(saved ? OLD_REMAINS : NOT_SAVED, error)
}

/** One line a minute for each engine: an outage meets every request. */
function warnOutage(engine: SessionEngine, error: SessionStoreError): void {
  const now = performance.now()
  const last = lastWarning.get(engine)
  if (last !== undefined && now - last < WARNING_INTERVAL_MS) return
  lastWarning.set(engine, now)
  console.warn(
    '[Rudder] The session store is out of reach; requests run as guests and save nothing ' +
      `(${error.code}: ${error.message}).`,
  )
}

const NOT_SAVED =
  '[Rudder] session.save() failed; the response is preserved without a refreshed session cookie.'

const OLD_REMAINS =
  '[Rudder] session.save() failed to remove the record under the old id, which may still be ' +
  'there; the session has its new id.'

const lastWarning = new WeakMap<SessionEngine, number>()

const WARNING_INTERVAL_MS = 60_000
