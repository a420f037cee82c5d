/**
 * Opens the session of a request and closes it again, for every adapter alike.
 *
 *   Cookie header --open--> SessionInstance --close--> Set-Cookie text
 *
 * Knows no framework: an adapter reads the header and writes the cookie.
 */

import { LOAD, type Loaded } from './driver.js'
import type { SessionEngine } from './engine.js'
import { SessionStoreError } from './errors.js'
import { LazyPayload } from './lazy-payload.js'
import { isDue } from './rolling.js'
import { seldomFor } from './seldom.js'
import type { Outdated } from './session-codec.js'
import {
  configOf,
  inheritFlash,
  isNew,
  putStamp,
  putUser,
  renewSession,
  SessionInstance,
  saveSession,
  userOf,
} from './session-instance.js'
import { Stamp } from './stamp.js'
import { ttlSecondsOf } from './time.js'
import { openUser } from './users/open.js'
import { SessionUser, type UserBinding } from './users/session-user.js'

/**
 * The session that the request's `Cookie` header stands for. No promise where none is needed:
 * each one costs as much as finding the cookie.
 *
 * @throws {SessionStoreError} if the store is out of reach and `onStoreFailure` is `fail`.
 */
export function openSession(
  engine: SessionEngine,
  cookieHeader: string,
): SessionInstance | Promise<SessionInstance> {
  let loaded: Loaded | Promise<Loaded>
  try {
    loaded = engine.driver[LOAD](cookieHeader)
  } catch (error) {
    return withoutStore(engine, error)
  }
  if (engine.userBinding !== null) return withUser(engine, loaded, cookieHeader)
  if (!(loaded instanceof Promise)) return withPayload(engine, loaded, cookieHeader)
  return loaded.then(
    (loaded) => withPayload(engine, loaded, cookieHeader),
    (error) => withoutStore(engine, error),
  )
}

/** Says what software the client is, by its `User-Agent`: for the list of a user's devices. */
export function noteUserAgent(session: SessionInstance, userAgent: string | undefined): void {
  const user = userOf(session)
  if (user !== null) user.userAgent = userAgent
}

/** Whether the `Upgrade` header asks for a WebSocket. */
export function isUpgrade(header: string | undefined): boolean {
  return header?.toLowerCase() === 'websocket'
}

/**
 * For an upgrade, which shows nobody a page and sends no cookie: what was flashed stays for the
 * next page, and only what the handler writes is saved.
 */
export function leaveAsItIs(session: SessionInstance): void {
  inheritFlash(session)
}

/**
 * Saves the session, and answers the `Set-Cookie` text to send, or `null`.
 *
 * Never rejects or throws: by now there is a response, and it must reach the client.
 */
export function closeSession(session: SessionInstance): string | null | Promise<string | null> {
  const failed = (error: unknown) => {
    reportSaveFailure(error, configOf(session))
    return session.unsentCookie
  }
  try {
    const text = saveSession(session)
    return text instanceof Promise ? text.catch(failed) : text
  } catch (error) {
    return failed(error)
  }
}

/** The same, of a session that may be somebody's, and then has to be checked first. */
async function withUser(
  engine: SessionEngine,
  loading: Loaded | Promise<Loaded>,
  header: string,
): Promise<SessionInstance> {
  try {
    const binding = engine.userBinding as UserBinding
    const { driver } = engine
    const { loaded, user } = await openUser(binding, await loading, (id) => driver.destroy(id))
    const session = withPayload(engine, loaded, header)
    // One that has come to its end by now is another session, and nobody's.
    putUser(session, isNew(session) ? new SessionUser(binding, null, null) : user)
    return session
  } catch (error) {
    return withoutStore(engine, error)
  }
}

function withPayload(engine: SessionEngine, loaded: Loaded, header: string): SessionInstance {
  const { config, driver } = engine
  if (typeof loaded === 'object' && loaded !== null) return withOutdated(engine, loaded, header)
  if (config.absoluteLifetime !== undefined) return withStamp(engine, loaded, header)
  const session = new SessionInstance(
    LazyPayload.loaded(loaded ?? null, engine.newId),
    driver,
    config,
  )
  // No cookie at all: the visitor gets one, unless empty sessions are not stored. A cookie that
  // was refused is another matter: bots and scanners send those, and get nothing.
  if (loaded === undefined) session.markDirty()
  if (config.rolling && loaded && isDue(engine, header)) session.touch()
  return session
}

/** The same, of a session whose cookie has to be made anew: it is saved, changed or not. */
function withOutdated(engine: SessionEngine, loaded: Outdated, header: string): SessionInstance {
  const session = withPayload(engine, loaded.text, header)
  renewSession(session, loaded.isV1 && engine.config.driver !== 'cookie')
  return session
}

/** The same, of a session that ends at an instant of its own. */
function withStamp(
  engine: SessionEngine,
  loaded: string | null | undefined,
  header: string,
): SessionInstance {
  const { config, driver } = engine
  const { absoluteLifetime = 0 } = config
  const { text, stamp } =
    typeof loaded === 'string'
      ? Stamp.takeFrom(loaded, absoluteLifetime)
      : { text: null, stamp: Stamp.now(absoluteLifetime) }
  if (stamp.isOver) return withStamp(engine, null, header)

  const session = new SessionInstance(LazyPayload.loaded(text, engine.newId), driver, config)
  putStamp(session, stamp)
  if (loaded === undefined) session.markDirty()
  // Once it lasts to its end there is nothing to prolong.
  const half = ttlSecondsOf(config.lifetime) / 2
  const canGrow = stamp.cap(half) === half
  if (config.rolling && text !== null && canGrow && isDue(engine, header)) session.touch()
  return session
}

function withoutStore(engine: SessionEngine, error: unknown): SessionInstance {
  const { config, driver } = engine
  if (!(error instanceof SessionStoreError) || config.onStoreFailure === 'fail') throw error
  warnOutage(engine, error)
  return SessionInstance.unavailable(driver, config, error)
}

/** @param config Whose: each engine has lines of its own. */
export function reportSaveFailure(error: unknown, config: object): void {
  const saved = error instanceof SessionStoreError && error.saved
  const text = saved ? OLD_REMAINS : NOT_SAVED
  saveFailures(config).tell((note) => console.error(text + note, error))
}

/** An outage meets every request. */
function warnOutage({ config }: SessionEngine, { code, message }: SessionStoreError): void {
  const text =
    '[Rudder] The session store is out of reach; requests run as guests and save nothing ' +
    `(${code}: ${message}).`
  outages(config).tell((note) => console.warn(text + note))
}

const NOT_SAVED =
  '[Rudder] session.save() failed; the response is preserved without a refreshed session cookie.'

const OLD_REMAINS =
  '[Rudder] session.save() failed to remove the record under the old id, which may still be ' +
  'there; the session has its new id.'

const saveFailures = seldomFor(10)
const outages = seldomFor(1)
