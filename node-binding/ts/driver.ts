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

import { resolveConfig, resolveRedis, type SessionConfig } from './config.js'
import { fromNative, SessionPayloadError, SessionStoreError } from './errors.js'
import { idMaker } from './ids.js'
import type { StoreStats } from './native.js'
import {
  freshPayload,
  loadedPayload,
  parsePayload,
  payloadText,
  type SessionPayload,
  type SessionRecord,
} from './payload.js'
import { invalid } from './refusals.js'
import { type Decoded, type Outdated, SessionCodec } from './session-codec.js'
import { type OpenStore, openFileStore, openMemoryStore, openRedisStore } from './store.js'
import { expiresAtMs } from './time.js'
import { isIndexId } from './users/names.js'

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
   * the cookie is refused, `undefined` if there is none. No promise where none is needed. A
   * session whose cookie has to be made anew comes as an object.
   */
  [LOAD](cookieHeader: string): Loaded | Promise<Loaded>
}

export type Loaded = Decoded | undefined

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
  /** `null` if none is to be sent: the id is one of v1, and its cookie stays what it is. */
  cookieValue: string | null
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
  readonly #codec: SessionCodec
  readonly #newId: () => string

  constructor(config: SessionConfig) {
    const resolved = resolveConfig(config, true)
    this.#codec = new SessionCodec(resolved)
    this.#newId = idMaker(resolved.format)
  }

  [LOAD](cookieHeader: string): Loaded {
    return this.#codec.load(cookieHeader, Date.now())
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    const text = cookieValue ? textOf(this.#codec.decode(cookieValue, Date.now())) : null
    return (text === null ? null : parsePayload(text)) ?? freshPayload(this.#newId)
  }

  [ENCODE](toText: () => string, ttlSeconds: number): string {
    const text = toText()
    const nowMs = Date.now()
    return this.#codec.encode(text, nowMs, expiresAtMs(nowMs, ttlSeconds))
  }

  /** Reads the secrets anew. See `SessionEngine.reload`. */
  reload(): void {
    this.#codec.reload()
  }

  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    return this[ENCODE](() => payloadText(payload), ttlSeconds)
  }

  async destroy(_id: string): Promise<void> {}
}

/** The payload is in a store, and the cookie holds its signed id. */
export class StoreDriver implements RecordDriver {
  readonly #codec: SessionCodec
  readonly #open: OpenStore
  readonly #lastWriteWins: boolean
  readonly #newId: () => string

  constructor(config: SessionConfig, open: OpenStore) {
    const resolved = resolveConfig(config, true)
    this.#codec = new SessionCodec(resolved)
    this.#open = open
    this.#lastWriteWins = resolved.lastWriteWins
    this.#newId = idMaker(resolved.format)
  }

  [LOAD](cookieHeader: string): Loaded | Promise<Loaded> {
    const id = this.#codec.loadId(cookieHeader, Date.now())
    if (id === undefined) return undefined
    // Verified first: a forged cookie must not cost the store a command.
    if (!id) return null
    return typeof id === 'string' ? this.#load(id) : this.#loadOutdated(id)
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    const id = cookieValue ? textOf(this.#codec.decodeId(cookieValue, Date.now())) : null
    const text = id ? await this.#load(id) : null
    return (text === null ? null : loadedPayload(text)) ?? freshPayload(this.#newId)
  }

  async #loadOutdated({ text: id, isV1 }: Outdated): Promise<Loaded> {
    const text = await this.#load(id)
    return text === null ? null : { text, isV1 }
  }

  /** A record that is gone does not pass its id on: a planted cookie would name the session. */
  #load(id: string): Promise<string | null> {
    // The index of a user is a record, too, and nobody's session.
    if (isIndexId(id)) return NO_RECORD
    return answered(() => this.#open.store.load(id, Date.now()))
  }

  async [COMMIT](
    base: SessionRecord | null,
    id: string,
    toText: () => string,
    ttlSeconds: number,
  ): Promise<Commit | null> {
    const record = { id, text: toText() }
    const commit = { cookieValue: this.#cookieValue(id, ttlSeconds), record, oldRemains: false }
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
    const cookieValue = this.#cookieValue(payload.id, ttlSeconds)
    if (cookieValue === null) throw new SessionPayloadError('payload has an id that is not of v2')
    await answered(() => this.#open.store.save(text, ttlSeconds, Date.now()))
    return cookieValue
  }

  #cookieValue(id: string, ttlSeconds: number): string | null {
    const nowMs = Date.now()
    return this.#codec.encodeId(id, nowMs, expiresAtMs(nowMs, ttlSeconds))
  }

  async destroy(id: string): Promise<void> {
    await answered(() => this.#open.store.destroy(id))
  }

  /** Reads the secrets anew. See `SessionEngine.reload`. */
  reload(): void {
    this.#codec.reload()
  }

  /** What has the records. */
  get store(): OpenStore['store'] {
    return this.#open.store
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
    const { memory, format } = resolveConfig(config, true)
    super(config, openMemoryStore(memory, format === 'v2'))
  }
}

/** Sessions in a file, which one process at a time has open. They survive a restart. */
export class FileDriver extends StoreDriver {
  /** @throws {SessionStoreError} with the code `ERR_SESSION_STORE_FILE` if it does not open. */
  constructor(config: SessionConfig) {
    const { file, format } = resolveConfig(config, true)
    if (!file) throw invalid('file.path', 'expected the path of a file')
    super(config, openFileStore(file, format === 'v2'))
  }
}

/** Sessions in Redis. Connects when first used, so Redis may start after the application. */
export class RedisDriver extends StoreDriver {
  constructor(config: SessionConfig) {
    super(config, openRedisStore(resolveRedis(config.redis ?? {}), config.format === 'v2'))
  }
}

/** What a cookie value stands for, however old it is. */
export function textOf(decoded: Decoded): string | null {
  return typeof decoded === 'object' && decoded !== null ? decoded.text : decoded
}

const NO_RECORD = Promise.resolve(null)

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
