/**
 * Is the session of one request: the data, this request's flash bag, and the next one's.
 *
 *   driver.load -> payload -> SessionInstance -> payload -> driver.persist -> Set-Cookie
 *
 * With a driver that keeps records a payload is saved onto the record that it was loaded from;
 * with any other driver it is persisted, whatever happened meanwhile.
 *
 * Values are held by reference and become JSON only when saved. What is parsed when is the
 * payload's affair. This is the one place that decides whether a session is dirty. Nothing here
 * reads a request.
 */

import { type PlainObject, setOwn } from './bag.js'
import type { SessionConfig } from './config.js'
import { checkCookieSize } from './cookie-size.js'
import {
  COMMIT,
  ENCODE,
  isEncodingDriver,
  isRecordDriver,
  type RecordDriver,
  type SessionDriver,
} from './driver.js'
import { SessionStoreError, SessionUsersError } from './errors.js'
import { idMaker } from './ids.js'
import { LazyPayload } from './lazy-payload.js'
import { limitedText } from './limits.js'
import { NestedChanges } from './nested-changes.js'
import { freshPayload, type SessionPayload, type SessionRecord } from './payload.js'
import type { KnownKey, SessionData, ValueOf } from './session-data.js'
import { appendSetCookie, type CookieResponse, setCookieText } from './set-cookie.js'
import { Stamp } from './stamp.js'
import { ttlSecondsOf } from './time.js'
import type { UserKey } from './users/names.js'
import type { SessionDevice, SessionUser } from './users/session-user.js'

let saveNow: (session: SessionInstance) => string | null | Promise<string | null>
let setStamp: (session: SessionInstance, stamp: Stamp) => void
let leaveFlash: (session: SessionInstance) => void
let renew: (session: SessionInstance, moves: boolean) => void
let setUser: (session: SessionInstance, user: SessionUser) => void
let getUser: (session: SessionInstance) => SessionUser | null
let getConfig: (session: SessionInstance) => SessionConfig
let hasNoRecord: (session: SessionInstance) => boolean

/** The session of the current request. */
export class SessionInstance {
  #payload: LazyPayload
  /** What the next request will find. */
  #flashNext: PlainObject = {}
  #dirty: boolean
  /** Why the visitor's session is out of reach. */
  #outage: SessionStoreError | null = null
  /** What the driver holds since this session was saved. */
  #savedAs: SessionRecord | null = null
  #everSaved = false
  /** Ids whose records are to go and may still be there. */
  #leftovers: Set<string> | null = null
  #unsentCookie: string | null = null
  /** Whether there was a logout, after which a cookie without a session is taken back. */
  #isLoggedOut = false
  #stamp: Stamp | null = null
  /** Whose it is, if users are known. */
  #user: SessionUser | null = null
  /** Whether it came with a cookie of v1, and gets an id of v2 when it is saved. */
  #moves = false
  readonly #nested: NestedChanges | null
  readonly #driver: SessionDriver
  readonly #config: SessionConfig

  constructor(payload: SessionPayload | LazyPayload, driver: SessionDriver, config: SessionConfig) {
    this.#payload = payload instanceof LazyPayload ? payload : LazyPayload.of(payload)
    // Incoming flash is consumed by this request, read or not, so the record must change.
    this.#dirty = this.#payload.hasFlash
    this.#driver = driver
    this.#config = config
    this.#nested = config.warnOnNestedChange === true ? new NestedChanges() : null
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
    session.#outage = outage
    return session
  }

  /**
   * Whether this is the visitor's session. `false` when the store was out of reach: nothing
   * that is put here will be saved, and the visitor's cookie stays as it is.
   */
  get available(): boolean {
    return this.#outage === null
  }

  /** When the session began. Known with `absoluteLifetime` only, else `null`. */
  get createdAt(): Date | null {
    return this.#stamp && new Date(this.#stamp.createdAtMs)
  }

  /** The value of `key`, or `fallback` if there is none. */
  get<K extends KnownKey>(key: K): SessionData[K] | undefined
  get<K extends KnownKey>(key: K, fallback: SessionData[K]): SessionData[K]
  get<T = unknown>(key: string): T | undefined
  get<T>(key: string, fallback: T): T
  get<T>(key: string, fallback?: T): T | undefined {
    const value = this.#payload.data.get(key, fallback) as T | undefined
    if (this.#nested !== null && value !== fallback) this.#nested.watch(key, value)
    return value
  }

  /** Reads a value and removes it. */
  pull<T = unknown>(key: string): T | undefined
  pull<T>(key: string, fallback: T): T
  pull<T>(key: string, fallback?: T): T | undefined {
    const value = this.get(key, fallback)
    this.forget(key)
    return value
  }

  /**
   * Keeps `value` under `key` until it is forgotten.
   *
   * Held by reference: what is changed in it before the response is saved too, as long as
   * something marks the session dirty.
   */
  put<K extends string>(key: K, value: ValueOf<K>): void {
    this.#payload.data.set(key, value)
    this.#dirty = true
  }

  /**
   * Adds `by` to the number under `key`, which is 0 if there is none. Answers the sum.
   *
   * Of two requests that count at the same time only one counts: the later save has the key.
   *
   * @throws {TypeError} if there is something else under `key`.
   */
  increment(key: string, by = 1): number {
    const before = this.get<unknown>(key, 0)
    if (typeof before !== 'number') {
      throw new TypeError(`[Rudder Session] increment(): ${JSON.stringify(key)} is no number.`)
    }
    const sum = before + by
    this.put<string>(key, sum)
    return sum
  }

  /** The value of `key`. If there is none, what `make` answers, which is kept from now on. */
  async remember<T>(key: string, make: () => T | Promise<T>): Promise<T> {
    if (this.has(key)) return this.get<T>(key) as T
    const value = await make()
    this.put<string>(key, value)
    return value
  }

  /** Removes one value. */
  forget(key: string): void {
    this.#payload.data.delete(key)
    this.#dirty = true
  }

  /**
   * Empties the data; id and flash stay. Elsewhere "flush" also ends the session: to log out,
   * call `regenerate()` as well.
   */
  flush(): void {
    this.#payload.clearData()
    this.#dirty = true
  }

  /** Leaves a value for the next request only, which reads it with `getFlash`. */
  flash(key: string, value: unknown): void {
    setOwn(this.#flashNext, key, value)
    this.#dirty = true
  }

  /** Leaves a value for this request only, which reads it with `getFlash` as if it was flashed. */
  now(key: string, value: unknown): void {
    this.#payload.flash.set(key, value)
  }

  /** A value that the previous request flashed. */
  getFlash<T = unknown>(key: string): T | undefined
  getFlash<T>(key: string, fallback: T): T
  getFlash<T>(key: string, fallback?: T): T | undefined {
    return this.#payload.flash.get(key, fallback) as T | undefined
  }

  /** A shallow copy of everything that the previous request flashed. */
  allFlash(): PlainObject {
    return { ...this.#payload.flash.toObject() }
  }

  /** Carries the whole flash of the previous request over to the next one. */
  reflash(): void {
    this.keep(this.#payload.flash.keys())
  }

  /** Carries some of the flash of the previous request over to the next one. */
  keep(keys: string | readonly string[]): void {
    const { flash } = this.#payload
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      if (flash.has(key)) setOwn(this.#flashNext, key, flash.get(key, undefined))
    }
    this.#dirty = true
  }

  has(key: string): boolean {
    return this.#payload.data.has(key)
  }

  /** A shallow copy of the data. */
  all(): PlainObject {
    const all = { ...this.#payload.data.toObject() }
    if (this.#nested !== null) {
      for (const key of Object.keys(all)) this.#nested.watch(key, all[key])
    }
    return all
  }

  /** Some of the data: those of `keys` that are there. */
  only(keys: readonly string[]): PlainObject {
    const some: PlainObject = {}
    for (const key of keys) if (this.has(key)) setOwn(some, key, this.get(key))
    return some
  }

  /** The data without `keys`. */
  except(keys: readonly string[]): PlainObject {
    const rest = this.all()
    for (const key of keys) delete rest[key]
    return rest
  }

  /** The session id. A bearer secret: whoever has it has the session, so never log it. */
  id(): string {
    return this.#payload.id
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
    const old = this.#payload.id
    this.#payload.id = idMaker(this.#config.format)()
    this.#moves = false
    this.#dirty = true
    if (this.#outage || this.#records) return
    this.#addLeftover(old)
    await this.#removeLeftovers()
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
    const user = this.#users()
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
    const { mark, sessions } = this.#users()
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
    const { mark, sessions } = this.#users()
    if (mark === null) return false
    const wasLive = await sessions.revokeIn(mark.index, handle, mark)
    if (handle === mark.handle) await this.logout()
    return wasLive
  }

  /** Ends all sessions of the user but this one, and answers how many were in use. */
  async revokeOthers(): Promise<number> {
    const { mark, sessions } = this.#users()
    return mark === null ? 0 : sessions.revokeOthers(mark)
  }

  /** Ends all sessions of the user, and answers how many were in use. This one is logged out. */
  async revokeAll(): Promise<number> {
    const { mark, sessions } = this.#users()
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
    if (this.#outage) throw this.#outage
    if (this.#user === null) await this.regenerate()
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
    if (this.#outage) throw this.#outage
    this.#abandonRecord()
    this.#payload = LazyPayload.loaded(null, idMaker(this.#config.format))
    this.#flashNext = {}
    this.#dirty = true
    this.#user?.leave()
    if (this.#stamp) this.#stamp = Stamp.now(this.#config.absoluteLifetime ?? 0)
    await this.#removeLeftovers()
  }

  isDirty(): boolean {
    return this.#dirty
  }

  /** Has the session saved at the end of the request, as after a change inside a value. */
  markDirty(): void {
    this.#dirty = true
  }

  /** Starts the lifetime anew, of the record and of the cookie, though nothing was changed. */
  touch(): void {
    this.#dirty = true
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
      text ??= this.#unsentCookie
      if (text !== null) appendSetCookie(res, text, this.#config.cacheHeaders !== false)
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
    return this.#save()
  }

  /** The `Set-Cookie` text to send though `saveToCookie` has thrown: the session is saved. */
  get unsentCookie(): string | null {
    return this.#unsentCookie
  }

  static {
    saveNow = (session) => session.#save()
    setStamp = (session, stamp) => {
      session.#stamp = stamp
    }
    leaveFlash = (session) => {
      session.reflash()
      session.#dirty = false
      // The client would not learn of the new id.
      session.#moves = false
    }
    renew = (session, moves) => {
      session.#moves = moves
      session.#dirty = true
    }
    setUser = (session, user) => {
      session.#user = user
    }
    getUser = (session) => session.#user
    getConfig = (session) => session.#config
    hasNoRecord = (session) => session.#payload.isFresh
  }

  #save(): string | null | Promise<string | null> {
    this.#unsentCookie = null
    if (!this.#dirty) {
      this.#nested?.warn()
      return null
    }
    if (this.#outage) return null
    const user = this.#user
    if (user?.isBehind(this.#userKey(user))) return this.#saveFollowing(user)
    return this.#saveDirty()
  }

  /** Saves it once the index of users knows what the data say. */
  async #saveFollowing(user: SessionUser): Promise<string | null> {
    const followed = await user.follow(this.#userKey(user))
    const known = this.#savedAs ?? this.#payload.record
    if (followed === 'over') {
      // As if another request had destroyed it.
      this.#dirty = false
      return null
    }
    if (followed === 'entered' && known?.id === this.#payload.id) await this.regenerate()
    if (followed === 'left') this.#becomeNew()
    return this.#saveDirty()
  }

  #userKey({ key }: SessionUser): unknown {
    return key === null ? null : this.#payload.data.get(key, null)
  }

  /** Has the data go on as another session, which nothing ties to this one. */
  #becomeNew(): void {
    const fresh = freshPayload(idMaker(this.#config.format))
    fresh.data = this.#payload.data.toObject()
    fresh.flash_next = this.#payload.flash.toObject()
    this.#abandonRecord()
    this.#payload = LazyPayload.of(fresh)
  }

  #saveDirty(): string | null | Promise<string | null> {
    if (!this.#everSaved && (this.#config.storeEmpty === false || this.#isLoggedOut)) {
      if (this.#isFreshAndEmpty()) return this.#isLoggedOut ? this.#takeCookieBack() : null
    }

    const lifetimeSeconds = ttlSecondsOf(this.#config.lifetime)
    const ttlSeconds = this.#stamp === null ? lifetimeSeconds : this.#stamp.cap(lifetimeSeconds)
    // It came to its end while it was in use.
    if (ttlSeconds <= 0) return null
    if (this.#moves) {
      this.#payload.id = idMaker(this.#config.format)()
      this.#moves = false
    }
    const records = this.#records
    if (records) return this.#commit(records, ttlSeconds)
    if (!isEncodingDriver(this.#driver)) return this.#persist(ttlSeconds)
    return this.#persisted(
      this.#driver[ENCODE](() => this.#toText(), ttlSeconds),
      ttlSeconds,
    )
  }

  #toText(): string {
    const text = limitedText(
      () => this.#payload.toText(this.#flashNext),
      this.#config.limits,
      () => (this.#savedAs ?? this.#payload.record)?.text ?? null,
    )
    const stamped = this.#stamp === null ? text : this.#stamp.addTo(text)
    return this.#user === null ? stamped : this.#user.addTo(stamped)
  }

  /** After a logout with nothing put since: the browser may forget the cookie, too. */
  async #takeCookieBack(): Promise<string> {
    await this.#removeLeftovers()
    this.#dirty = false
    return setCookieText('', this.#config.cookie, 0)
  }

  async #persist(ttlSeconds: number): Promise<string> {
    const payload = this.#payload.toPayload(this.#flashNext)
    const text = this.#persisted(await this.#driver.persist(payload, ttlSeconds), ttlSeconds)
    await this.#removeLeftovers()
    return text
  }

  #persisted(cookieValue: string, ttlSeconds: number): string {
    const { cookie } = this.#config
    checkCookieSize(cookieValue, cookie, () => [this.#payload.data.toObject(), this.#flashNext])
    this.#dirty = false
    this.#everSaved = true
    return setCookieText(cookieValue, cookie, ttlSeconds)
  }

  async #commit(records: RecordDriver, ttlSeconds: number): Promise<string | null> {
    const base = this.#savedAs ?? this.#loadedRecord()
    const commit = await records[COMMIT](base, this.#payload.id, () => this.#toText(), ttlSeconds)
    this.#dirty = false
    this.#everSaved = true
    if (commit === null) return null

    if (commit.oldRemains && base) this.#addLeftover(base.id)
    this.#savedAs = commit.record
    const { cookieValue } = commit
    const text =
      cookieValue === null ? null : setCookieText(cookieValue, this.#config.cookie, ttlSeconds)
    try {
      await this.#removeLeftovers()
    } catch (error) {
      this.#unsentCookie = text
      this.#dirty = true
      throw error instanceof SessionStoreError ? error.butSaved() : error
    }
    return text
  }

  /** What the driver had when this session was loaded, to the letter. */
  #loadedRecord(): SessionRecord | null {
    const { record } = this.#payload
    const text = this.#user?.loadedText
    if (record !== null && text) return { id: record.id, text }
    if (record === null || this.#stamp === null) return record
    return { id: record.id, text: this.#stamp.restoreIn(record.text) }
  }

  /** The driver, if it can save onto the record that this session came from. */
  get #records(): RecordDriver | null {
    return this.#payload.isKnown && isRecordDriver(this.#driver) ? this.#driver : null
  }

  /** Has the record go, and what is saved next be another session. */
  #abandonRecord(): void {
    const { isFresh, record, id } = this.#payload
    if (!isFresh) this.#addLeftover(record?.id ?? id)
    if (this.#savedAs) this.#addLeftover(this.#savedAs.id)
    this.#moves = false
    this.#savedAs = null
    this.#everSaved = false
    this.#isLoggedOut = true
  }

  /** @throws {SessionUsersError} if the configuration has no `users`. */
  #users(): SessionUser {
    if (this.#outage) throw this.#outage
    if (this.#user === null) {
      throw new SessionUsersError('OFF', 'the configuration has no users, which this call needs')
    }
    return this.#user
  }

  #isFreshAndEmpty(): boolean {
    const { isFresh, data } = this.#payload
    return isFresh && data.isEmpty() && Object.keys(this.#flashNext).length === 0
  }

  #addLeftover(id: string): void {
    this.#leftovers ??= new Set()
    this.#leftovers.add(id)
  }

  async #removeLeftovers(): Promise<void> {
    // First, so that a cookie that is sent again meets it.
    await this.#user?.settleEnds()
    for (const id of this.#leftovers ?? []) {
      await this.#driver.destroy(id)
      this.#leftovers?.delete(id)
    }
  }
}

/** What `saveToCookie` does, without a promise where none is needed. It may throw, too. */
export function saveSession(session: SessionInstance): string | null | Promise<string | null> {
  return saveNow(session)
}

/** Says when the session began. Of one whose text was taken from its record by that stamp. */
export function putStamp(session: SessionInstance, stamp: Stamp): void {
  setStamp(session, stamp)
}

/** Says whose a session is. Of one whose text was taken from its record by that user's mark. */
export function putUser(session: SessionInstance, user: SessionUser): void {
  setUser(session, user)
}

export function userOf(session: SessionInstance): SessionUser | null {
  return getUser(session)
}

/** Whether no store and no browser knows the session yet. */
export function isNew(session: SessionInstance): boolean {
  return hasNoRecord(session)
}

/**
 * Has a session saved, changed or not, since its cookie has to be made anew.
 *
 * @param moves Whether it gets a new id, too.
 */
export function renewSession(session: SessionInstance, moves: boolean): void {
  renew(session, moves)
}

/** Passes the flash of the previous request on, which by itself is no reason to save. */
export function inheritFlash(session: SessionInstance): void {
  leaveFlash(session)
}

/** The configuration of the engine that it is a session of. */
export function configOf(session: SessionInstance): SessionConfig {
  return getConfig(session)
}

/** Where `@rudderjs/auth` looks for the user. */
const USER_KEY = 'auth_user_id'
