/**
 * Says where a payload lives between requests, one class for each answer.
 *
 *   CookieDriver   cookie value = signed envelope; nothing is kept here
 *   StoreDriver    cookie value = signed id; the payload is in a NativeStore
 *     MemoryDriver   ... in this process
 *     FileDriver     ... in a file of this machine
 *     RedisDriver    ... in Redis, under the name <prefix><id>, as JSON
 *
 * A cookie value that is refused gives a fresh payload. A store that does not answer gives a
 * SessionStoreError, never a fresh payload: the session may be alive and well.
 */

import { type Codec, openCodec, translated } from './codec.js'
import { invalid, resolveConfig, resolveRedis, type SessionConfig } from './config.js'
import { fromNative, SessionStoreError } from './errors.js'
import type { StoreStats } from './native.js'
import {
  freshPayload,
  loadedPayload,
  parsePayload,
  payloadText,
  type SessionPayload,
  type SessionRecord,
} from './payload.js'
import { type OpenStore, openFileStore, openMemoryStore, openRedisStore } from './store.js'
import { expiresAtMs } from './time.js'

/** The life of a payload outside a request. Anything of this shape can back a SessionInstance. */
export interface SessionDriver {
  /** The payload that a cookie value stands for, or a fresh one if the value is refused. */
  load(cookieValue: string | undefined): Promise<SessionPayload>
  /** Keeps the payload for `ttlSeconds` and answers the cookie value that stands for it. */
  persist(payload: SessionPayload, ttlSeconds: number): Promise<string>
  /** Forgets the payload called `id`. To forget what is not there succeeds. */
  destroy(id: string): Promise<void>
}

// Symbols, so that no driver of another maker has such a method by chance.
export const LOAD = Symbol.for('rudderjs.session.load')
export const ENCODE = Symbol.for('rudderjs.session.encode')
export const COMMIT = Symbol.for('rudderjs.session.commit')

/** A driver of this package, which hands out text: a request parses what it asks for. */
export interface TextDriver extends SessionDriver {
  /**
   * The text of the payload that the session cookie in a `Cookie` header stands for. `null` if
   * the cookie is refused, `undefined` if there is none. No promise where none is needed.
   */
  [LOAD](cookieHeader: string): Loaded | Promise<Loaded>
}

export type Loaded = string | null | undefined

/** A driver that keeps nothing: the cookie value holds the payload. */
export interface EncodingDriver extends TextDriver {
  /** The cookie value for the payload that `toText` writes, good for `ttlSeconds`. */
  [ENCODE](toText: () => string, ttlSeconds: number): string
}

/**
 * A driver that saves onto what was loaded, so that nothing another request wrote is lost.
 *
 * `persist` and `destroy` are for those who have a payload and no record.
 */
export interface RecordDriver extends TextDriver {
  /**
   * Saves the payload `id` that `toText` writes onto `base`, the record that it was loaded from
   * or last saved as, or makes a new one if there is no such record.
   *
   * If `id` is another than that of `base`, the record moves: the new one is there before the
   * old one goes.
   *
   * @returns `null` if the session is gone: destroyed meanwhile, or expired. Then nothing was
   *   written.
   */
  [COMMIT](
    base: SessionRecord | null,
    id: string,
    toText: () => string,
    ttlSeconds: number,
  ): Promise<Commit | null>
}

/** What became of a payload. */
export interface Commit {
  cookieValue: string
  /** To save onto next time. */
  record: SessionRecord
  /** Whether the record under the old id may still be there. */
  oldRemains: boolean
}

export function isRecordDriver(driver: SessionDriver): driver is RecordDriver {
  return COMMIT in driver
}

export function isEncodingDriver(driver: SessionDriver): driver is EncodingDriver {
  return ENCODE in driver
}

/** The payload is in the cookie. A cookie that was sent once stays good until its expiry. */
export class CookieDriver implements EncodingDriver {
  readonly #codec: Codec
  readonly #cookieName: string
  readonly #rejectLegacy: boolean

  constructor(config: SessionConfig) {
    const { secrets, cookie, rejectLegacyCookies } = resolveConfig(config, true)
    this.#codec = openCodec(secrets)
    this.#cookieName = cookie.name
    this.#rejectLegacy = rejectLegacyCookies
  }

  [LOAD](cookieHeader: string): Loaded {
    return this.#codec.load(cookieHeader, this.#cookieName, Date.now(), this.#rejectLegacy)
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    if (!cookieValue) return freshPayload()
    const text = this.#codec.decode(cookieValue, Date.now(), this.#rejectLegacy)
    return (text === null ? null : parsePayload(text)) ?? freshPayload()
  }

  [ENCODE](toText: () => string, ttlSeconds: number): string {
    const text = toText()
    return translated(() => this.#codec.encode(text, expiresAtMs(Date.now(), ttlSeconds)))
  }

  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    return this[ENCODE](() => payloadText(payload), ttlSeconds)
  }

  async destroy(_id: string): Promise<void> {}
}

/** The payload is in a store, and the cookie holds its signed id. */
export class StoreDriver implements RecordDriver {
  readonly #codec: Codec
  readonly #cookieName: string
  readonly #open: OpenStore
  readonly #lastWriteWins: boolean

  constructor(config: SessionConfig, open: OpenStore) {
    const { secrets, cookie, lastWriteWins } = resolveConfig(config, true)
    this.#codec = openCodec(secrets)
    this.#cookieName = cookie.name
    this.#open = open
    this.#lastWriteWins = lastWriteWins
  }

  [LOAD](cookieHeader: string): Loaded | Promise<Loaded> {
    const id = this.#codec.loadId(cookieHeader, this.#cookieName)
    if (id === undefined) return undefined
    // Verified first: a forged cookie must not cost the store a command.
    return id ? this.#load(id) : null
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    const id = cookieValue ? this.#codec.verify(cookieValue) : null
    const text = id ? await this.#load(id) : null
    return (text === null ? null : loadedPayload(text)) ?? freshPayload()
  }

  /** A record that is gone does not pass its id on: a planted cookie would name the session. */
  #load(id: string): Promise<string | null> {
    return answered(() => this.#open.store.load(id, Date.now()))
  }

  async [COMMIT](
    base: SessionRecord | null,
    id: string,
    toText: () => string,
    ttlSeconds: number,
  ): Promise<Commit | null> {
    const record = { id, text: toText() }
    const commit = { cookieValue: this.#codec.sign(id), record, oldRemains: false }
    const write = this.#lastWriteWins ? this.#overwrite : this.#saveOnto
    try {
      const alive = await answered(() => write.call(this, base, record, ttlSeconds))
      return alive ? commit : null
    } catch (error) {
      if (error instanceof SessionStoreError && error.saved) return { ...commit, oldRemains: true }
      throw error
    }
  }

  async #saveOnto(base: SessionRecord | null, { id, text }: SessionRecord, ttlSeconds: number) {
    const { store } = this.#open
    const now = Date.now()
    if (base === null) {
      const created = await store.create(text, ttlSeconds, now)
      // Only an earlier attempt of ours can have made it: nobody else knows this id yet.
      if (!created) await store.save(text, ttlSeconds, now)
      return true
    }
    const moves = base.id !== id
    const outcome = moves
      ? await store.regenerate(base.text, text, ttlSeconds, now)
      : await store.update(base.text, text, ttlSeconds, now)
    // One that has moved has been saved, but its client has another cookie by now.
    return outcome !== false && outcome !== null
  }

  /** What @rudderjs/session does: whatever happened meanwhile is written over. */
  async #overwrite(base: SessionRecord | null, { id, text }: SessionRecord, ttlSeconds: number) {
    const { store } = this.#open
    await store.save(text, ttlSeconds, Date.now())
    if (base === null || base.id === id) return true
    try {
      await store.destroy(base.id)
    } catch (error) {
      throw error instanceof SessionStoreError ? error.butSaved() : error
    }
    return true
  }

  /** Writes over whatever is there. */
  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    const text = payloadText(payload)
    await answered(() => this.#open.store.save(text, ttlSeconds, Date.now()))
    return this.#codec.sign(payload.id)
  }

  async destroy(id: string): Promise<void> {
    await answered(() => this.#open.store.destroy(id))
  }

  /** What the store did so far. */
  stats(): StoreStats {
    return this.#open.store.stats()
  }

  /** Ends the store's connections and threads, unless others share them. */
  close(): void {
    this.#open.release()
  }
}

/** Sessions of one process, gone when it ends. */
export class MemoryDriver extends StoreDriver {
  constructor(config: SessionConfig) {
    super(config, openMemoryStore(resolveConfig(config, true).memory))
  }
}

/** Sessions in a file, which one process at a time has open. They survive a restart. */
export class FileDriver extends StoreDriver {
  /** @throws {SessionStoreError} with the code `ERR_SESSION_STORE_FILE` if it does not open. */
  constructor(config: SessionConfig) {
    const { file } = resolveConfig(config, true)
    if (!file) throw invalid('file.path', 'expected the path of a file')
    super(config, openFileStore(file))
  }
}

/** Sessions in Redis. Connects when first used, so Redis may start after the application. */
export class RedisDriver extends StoreDriver {
  constructor(config: SessionConfig) {
    super(config, openRedisStore(resolveRedis(config.redis ?? {})))
  }
}

async function answered<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const known = fromNative(error)
    // A stack that begins on an I/O thread says nothing; this one names the caller.
    if (known instanceof SessionStoreError) Error.captureStackTrace(known, answered)
    throw known
  }
}
