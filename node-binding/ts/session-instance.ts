/**
 * Is the session of one request: the data, this request's flash bag, and the next one's.
 *
 *   driver.load -> payload -> SessionInstance -> payload -> driver.persist -> Set-Cookie
 *
 * With a driver that keeps records a payload is saved onto the record that it was loaded from;
 * with any other driver it is persisted, whatever happened meanwhile.
 *
 * Values are held by reference and become JSON only when saved. This is the one place that
 * decides whether a session is dirty. Nothing here reads a request.
 */

import { randomUUID } from 'node:crypto'
import type { SessionConfig } from './config.js'
import { COMMIT, isRecordDriver, type RecordDriver, type SessionDriver } from './driver.js'
import { SessionStoreError } from './errors.js'
import { isFresh, recordOf, type SessionPayload, type SessionRecord } from './payload.js'
import { appendSetCookie, type CookieResponse, setCookieText } from './set-cookie.js'
import { ttlSecondsOf } from './time.js'

type Bag = Record<string, unknown>

/** The session of the current request. */
export class SessionInstance {
  #id: string
  #data: Bag
  /** What the previous request flashed. */
  readonly #flash: Bag
  /** What the next request will find. */
  #flashNext: Bag = {}
  #dirty: boolean
  #fresh: boolean
  #available = true
  /** What the driver holds of this session, as far as this request knows. */
  #record: SessionRecord | null
  /** Ids whose records are to go and may still be there. */
  readonly #leftovers = new Set<string>()
  #unsentCookie: string | null = null
  readonly #driver: SessionDriver
  /** The driver, if it can save onto the record that this session came from. */
  readonly #records: RecordDriver | null
  readonly #config: SessionConfig

  constructor(payload: SessionPayload, driver: SessionDriver, config: SessionConfig) {
    this.#id = payload.id
    this.#data = { ...payload.data }
    this.#flash = { ...payload.flash_next }
    // Incoming flash is consumed by this request, read or not, so the record must change.
    this.#dirty = Object.keys(this.#flash).length > 0
    this.#fresh = isFresh(payload)
    this.#record = recordOf(payload)
    this.#driver = driver
    // Of a payload that somebody made by hand it is not known what is stored.
    const known = this.#fresh || this.#record !== null
    this.#records = known && isRecordDriver(driver) ? driver : null
    this.#config = config
  }

  /**
   * A session for a request whose real one is out of reach. It reads as empty, takes writes
   * like any other, and is never saved.
   */
  static unavailable(payload: SessionPayload, driver: SessionDriver, config: SessionConfig) {
    const session = new SessionInstance(payload, driver, config)
    session.#available = false
    return session
  }

  /**
   * Whether this is the visitor's session. `false` when the store was out of reach: nothing
   * that is put here will be saved, and the visitor's cookie stays as it is.
   */
  get available(): boolean {
    return this.#available
  }

  /** The value of `key`, or `fallback` if there is none. */
  get<T = unknown>(key: string): T | undefined
  get<T>(key: string, fallback: T): T
  get<T>(key: string, fallback?: T): T | undefined {
    return Object.hasOwn(this.#data, key) ? (this.#data[key] as T) : fallback
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
  put(key: string, value: unknown): void {
    set(this.#data, key, value)
    this.#dirty = true
  }

  /** Removes one value. */
  forget(key: string): void {
    delete this.#data[key]
    this.#dirty = true
  }

  /**
   * Empties the data; id and flash stay. Elsewhere "flush" also ends the session: to log out,
   * call `regenerate()` as well.
   */
  flush(): void {
    this.#data = {}
    this.#dirty = true
  }

  /** Leaves a value for the next request only, which reads it with `getFlash`. */
  flash(key: string, value: unknown): void {
    set(this.#flashNext, key, value)
    this.#dirty = true
  }

  /** A value that the previous request flashed. */
  getFlash<T = unknown>(key: string): T | undefined
  getFlash<T>(key: string, fallback: T): T
  getFlash<T>(key: string, fallback?: T): T | undefined {
    return Object.hasOwn(this.#flash, key) ? (this.#flash[key] as T) : fallback
  }

  /** A shallow copy of everything that the previous request flashed. */
  allFlash(): Bag {
    return { ...this.#flash }
  }

  /** Carries the whole flash of the previous request over to the next one. */
  reflash(): void {
    this.keep(Object.keys(this.#flash))
  }

  /** Carries some of the flash of the previous request over to the next one. */
  keep(keys: string | readonly string[]): void {
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      if (Object.hasOwn(this.#flash, key)) set(this.#flashNext, key, this.#flash[key])
    }
    this.#dirty = true
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#data, key)
  }

  /** A shallow copy of the data. */
  all(): Bag {
    return { ...this.#data }
  }

  /** The session id. A bearer secret: whoever has it has the session, so never log it. */
  id(): string {
    return this.#id
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
    const old = this.#id
    this.#id = randomUUID()
    this.#dirty = true
    if (!this.#available || this.#records) return
    this.#leftovers.add(old)
    await this.#removeLeftovers()
  }

  isDirty(): boolean {
    return this.#dirty
  }

  /** Has the session saved at the end of the request, as after a change inside a value. */
  markDirty(): void {
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
      if (text !== null) appendSetCookie(res, text)
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
    this.#unsentCookie = null
    if (!this.#dirty || !this.#available) return null
    if (this.#fresh && this.#config.storeEmpty === false && this.#isEmpty()) return null

    const payload = { id: this.#id, data: this.#data, flash_next: this.#flashNext }
    const ttlSeconds = ttlSecondsOf(this.#config.lifetime)
    if (this.#records) return this.#commit(this.#records, payload, ttlSeconds)
    const value = await this.#driver.persist(payload, ttlSeconds)
    this.#dirty = false
    this.#fresh = false
    await this.#removeLeftovers()
    return setCookieText(value, this.#config.cookie, ttlSeconds)
  }

  /** The `Set-Cookie` text to send though `saveToCookie` has thrown: the session is saved. */
  get unsentCookie(): string | null {
    return this.#unsentCookie
  }

  async #commit(
    records: RecordDriver,
    payload: SessionPayload,
    ttlSeconds: number,
  ): Promise<string | null> {
    const commit = await records[COMMIT](this.#record, payload, ttlSeconds)
    this.#dirty = false
    this.#fresh = false
    if (commit === null) return null

    if (commit.oldRemains && this.#record) this.#leftovers.add(this.#record.id)
    this.#record = commit.record
    const text = setCookieText(commit.cookieValue, this.#config.cookie, ttlSeconds)
    try {
      await this.#removeLeftovers()
    } catch (error) {
      this.#unsentCookie = text
      this.#dirty = true
      throw error instanceof SessionStoreError ? error.butSaved() : error
    }
    return text
  }

  #isEmpty(): boolean {
    return Object.keys(this.#data).length === 0 && Object.keys(this.#flashNext).length === 0
  }

  async #removeLeftovers(): Promise<void> {
    for (const id of this.#leftovers) {
      await this.#driver.destroy(id)
      this.#leftovers.delete(id)
    }
  }
}

/** `bag[key] = value`, also for `__proto__`, which plain assignment takes for something else. */
function set(bag: Bag, key: string, value: unknown): void {
  if (key !== '__proto__') bag[key] = value
  else {
    const flags = { configurable: true, enumerable: true, writable: true }
    Object.defineProperty(bag, key, { value, ...flags })
  }
}
