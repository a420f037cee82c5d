/**
 * Is the session of one request, as handlers and adapters have it.
 *
 *   driver.load -> payload -> SessionInstance -> payload -> driver.persist -> Set-Cookie
 *                             values: SessionValues
 *                             id, user, end and save: here
 *
 * What all that is about is one SessionState; how it is saved is session-save's to know. Nothing
 * here reads a request.
 */

import type { SessionConfig } from './config.js'
import type { SessionDriver } from './driver.js'
import type { SessionStoreError } from './errors.js'
import { idMaker } from './ids.js'
import { LazyPayload } from './lazy-payload.js'
import type { SessionPayload } from './payload.js'
import { saveState } from './session-save.js'
import { SessionState } from './session-state.js'
import { SessionValues } from './session-values.js'
import { appendSetCookie, type CookieResponse } from './set-cookie.js'
import type { Stamp } from './stamp.js'
import type { UserKey } from './users/names.js'
import type { SessionDevice, SessionUser } from './users/session-user.js'

let stateOf: (session: SessionInstance) => SessionState

/** The session of the current request. */
export class SessionInstance extends SessionValues {
  readonly #state: SessionState

  constructor(payload: SessionPayload | LazyPayload, driver: SessionDriver, config: SessionConfig) {
    const state = new SessionState(payload, driver, config)
    super(state)
    this.#state = state
  }

  /**
   * A session for a request whose real one is out of reach. It reads as empty, takes writes
   * like any other, and is never saved.
   */
  static unavailable(
    driver: SessionDriver,
    config: SessionConfig,
    outage: SessionStoreError,
  ): SessionInstance {
    const session = new SessionInstance(
      LazyPayload.loaded(null, idMaker(config.format)),
      driver,
      config,
    )
    session.#state.outage = outage
    return session
  }

  /**
   * Whether this is the visitor's session. `false` when the store was out of reach: nothing
   * that is put here will be saved, and the visitor's cookie stays as it is.
   */
  get available(): boolean {
    return this.#state.outage === null
  }

  /** When the session began. Known with `absoluteLifetime` only, else `null`. */
  get createdAt(): Date | null {
    return this.#state.stamp && new Date(this.#state.stamp.createdAtMs)
  }

  /** The session id. A bearer secret: whoever has it has the session, so never log it. */
  id(): string {
    return this.#state.payload.id
  }

  /**
   * Gives the session a fresh id and keeps its data.
   *
   * Call it whenever privileges change (login, logout, role switch), or an id planted before
   * the change stays good after it (session fixation).
   *
   * `memory`, `file` and `redis`: the session moves when it is saved. Its new record is there
   * before the old one goes, so that a failure loses nothing, and the old cookie is worth
   * nothing from then on. `cookie`: there is no record; the old cookie stays good until the
   * expiry signed into it. Any other driver: the old record is destroyed at once.
   *
   * @throws What the `destroy` of such another driver throws. The id has changed all the same,
   *   and the removal is tried again when the session is saved.
   */
  async regenerate(): Promise<void> {
    await this.#state.regenerate()
  }

  /**
   * Makes this the session of a user, in the user's list from now on, and gives it a fresh id.
   * What the visitor had put stays. Needs `users`, whose `key` the user is kept under, too.
   *
   * A session that was somebody's already is signed out there.
   *
   * @param options.label What the list says of the device. Default: browser and system.
   * @throws {SessionUsersError} with `ERR_SESSION_USERS_FULL` if there are `maxSessions` already
   *   and `whenFull` is `refuse`; nothing has changed then.
   * @throws {SessionStoreError} if the store is out of reach.
   */
  async signIn(userKey: UserKey, { label }: { label?: string } = {}): Promise<void> {
    const user = this.#state.requireUser()
    await user.signIn(userKey, label)
    await this.regenerate()
    if (user.key !== null) this.put<string>(user.key, userKey)
  }

  /**
   * The sessions that the user of this one has, newest seen first; none if it is nobody's.
   *
   * @throws {SessionUsersError} with `ERR_SESSION_USERS_OFF` without `users`. So do all below.
   * @throws {SessionStoreError} if the store is out of reach. So do all below.
   */
  async devices(): Promise<SessionDevice[]> {
    const { mark, sessions } = this.#state.requireUser()
    if (mark === null) return []
    const devices = await sessions.listIn(mark.index)
    return devices.map((device) => ({ ...device, current: device.handle === mark.handle }))
  }

  /**
   * Ends one session of the user of this one, by its handle; this one is logged out. It is over
   * with its next request.
   *
   * @returns `false` if the user has no such session. That of another user is none.
   */
  async revoke(handle: string): Promise<boolean> {
    const { mark, sessions } = this.#state.requireUser()
    if (mark === null) return false
    const wasLive = await sessions.revokeIn(mark.index, handle, mark)
    if (handle === mark.handle) await this.logout()
    return wasLive
  }

  /** Ends all sessions of the user but this one, and answers how many were in use. */
  async revokeOthers(): Promise<number> {
    const { mark, sessions } = this.#state.requireUser()
    return mark === null ? 0 : sessions.revokeOthers(mark)
  }

  /** Ends all sessions of the user, and answers how many were in use. This one is logged out. */
  async revokeAll(): Promise<number> {
    const { mark, sessions } = this.#state.requireUser()
    if (mark === null) return 0
    const ended = await sessions.revokeAllIn(mark.index, mark)
    await this.logout()
    return ended
  }

  /**
   * Makes this the session of a user: keeps `userKey` where `@rudderjs/auth` looks for it, under
   * `auth_user_id`, and gives the session a fresh id. What the visitor had put stays. With
   * `users` it does what `signIn` does, too.
   *
   * @throws {SessionStoreError} if the store is out of reach, since nobody would be logged in.
   */
  async login(userKey: string | number): Promise<void> {
    if (this.#state.outage) throw this.#state.outage
    if (this.#state.user === null) await this.regenerate()
    else await this.signIn(userKey)
    this.put<string>(USER_KEY, userKey)
  }

  /**
   * Ends the session: data and flash are gone, its record is destroyed by the time this resolves,
   * and the old cookie is worth nothing. No request that is under way brings it back.
   *
   * What is put or flashed afterwards is another session. If nothing is, the cookie is taken back.
   * `cookie` driver: there is no record; whoever has kept the old cookie can send it again until
   * the expiry signed into it, unless there are `users`: those remember the end.
   *
   * @throws {SessionStoreError} if the record may still be there. The session is empty all the
   *   same, and the removal is tried again when it is saved.
   */
  async logout(): Promise<void> {
    if (this.#state.outage) throw this.#state.outage
    await this.#state.end()
  }

  isDirty(): boolean {
    return this.#state.dirty
  }

  /** Has the session saved at the end of the request, as after a change inside a value. */
  markDirty(): void {
    this.#state.dirty = true
  }

  /** Starts the lifetime anew, of the record and of the cookie, though nothing was changed. */
  touch(): void {
    this.#state.dirty = true
  }

  /**
   * Saves the session if it is dirty, and adds the cookie to `res`.
   *
   * Called at the end of the request by itself. A handler that must not answer before it is
   * sure, as of a logout, awaits it too; what is saved is not saved again.
   *
   * @throws {SessionStoreError} if the session could not be saved, or, with `saved`, if it is,
   *   but its record under the old id may still be there.
   */
  async save(res: CookieResponse): Promise<void> {
    let text: string | null = null
    try {
      text = await this.saveToCookie()
    } finally {
      text ??= this.#state.unsentCookie
      if (text !== null) appendSetCookie(res, text, this.#state.config.cacheHeaders !== false)
    }
  }

  /**
   * Saves the session if it is dirty. For those who write an adapter.
   *
   * @returns The text of the `Set-Cookie` header to send, or `null` if there is none to send:
   *   nothing had to be saved, or the session is gone, destroyed by another request or expired,
   *   and nothing was written.
   * @throws {SessionStoreError} as `save` does.
   */
  async saveToCookie(): Promise<string | null> {
    return saveState(this.#state)
  }

  /** The `Set-Cookie` text to send though `saveToCookie` has thrown: the session is saved. */
  get unsentCookie(): string | null {
    return this.#state.unsentCookie
  }

  static {
    stateOf = (session) => session.#state
  }
}

/** What `saveToCookie` does, without a promise where none is needed. It may throw, too. */
export function saveSession(session: SessionInstance): string | null | Promise<string | null> {
  return saveState(stateOf(session))
}

/** Says when the session began. Of one whose text was taken from its record by that stamp. */
export function putStamp(session: SessionInstance, stamp: Stamp): void {
  stateOf(session).stamp = stamp
}

/** Says whose a session is. Of one whose text was taken from its record by that user's mark. */
export function putUser(session: SessionInstance, user: SessionUser): void {
  stateOf(session).user = user
}

export function userOf(session: SessionInstance): SessionUser | null {
  return stateOf(session).user
}

/** Whether no store and no browser knows the session yet. */
export function isNew(session: SessionInstance): boolean {
  return stateOf(session).payload.isFresh
}

/**
 * Has a session saved, changed or not, since its cookie has to be made anew.
 *
 * @param moves Whether it gets a new id, too.
 */
export function renewSession(session: SessionInstance, moves: boolean): void {
  const state = stateOf(session)
  state.moves = moves
  state.dirty = true
}

/** Passes the flash of the previous request on, which by itself is no reason to save. */
export function inheritFlash(session: SessionInstance): void {
  const state = stateOf(session)
  session.reflash()
  state.dirty = false
  // The client would not learn of the new id.
  state.moves = false
}

/** The configuration of the engine that it is a session of. */
export function configOf(session: SessionInstance): SessionConfig {
  return stateOf(session).config
}

/** Where `@rudderjs/auth` looks for the user. */
const USER_KEY = 'auth_user_id'
