/**
 * Says where a payload lives between requests, one class for each answer.
 *
 *   CookieDriver   cookie value = signed envelope; nothing is kept here
 *   StoreDriver    cookie value = signed id; the payload is in a NativeStore
 *     MemoryDriver   ... in this process
 *     RedisDriver    ... in Redis, as `SET <prefix><id> <json> EX <seconds>`
 *
 * A cookie value that is refused gives a fresh payload. A store that does not answer gives a
 * SessionStoreError, never a fresh payload: the session may be alive and well.
 */

import { resolveConfig, type SessionConfig } from './config.js'
import { fromNative, SessionStoreError } from './errors.js'
import { type NativeCodec, native, type StoreStats } from './native.js'
import { freshPayload, parsePayload, payloadText, type SessionPayload } from './payload.js'
import { type OpenStore, openMemoryStore, openRedisStore } from './store.js'
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

/** The payload is in the cookie. A cookie that was sent once stays good until its expiry. */
export class CookieDriver implements SessionDriver {
  readonly #codec: NativeCodec
  readonly #rejectLegacy: boolean

  constructor(config: SessionConfig) {
    const { secrets, rejectLegacyCookies } = resolveConfig(config, true)
    this.#codec = createCodec(secrets)
    this.#rejectLegacy = rejectLegacyCookies
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    if (!cookieValue) return freshPayload()
    const text = this.#codec.decode(cookieValue, Date.now(), this.#rejectLegacy)
    return (text === null ? null : parsePayload(text)) ?? freshPayload()
  }

  async persist(payload: SessionPayload, ttlSeconds: number): Promise<string> {
    const text = payloadText(payload)
    return translated(() => this.#codec.encode(text, expiresAtMs(Date.now(), ttlSeconds)))
  }

  async destroy(_id: string): Promise<void> {}
}

/** The payload is in a store, and the cookie holds its signed id. */
export class StoreDriver implements SessionDriver {
  readonly #codec: NativeCodec
  readonly #open: OpenStore

  constructor(config: SessionConfig, open: OpenStore) {
    this.#codec = createCodec(resolveConfig(config, true).secrets)
    this.#open = open
  }

  async load(cookieValue: string | undefined): Promise<SessionPayload> {
    // Verified first: a forged cookie must not cost the store a command.
    const id = cookieValue ? this.#codec.verify(cookieValue) : null
    if (!id) return freshPayload()
    const text = await answered(() => this.#open.store.load(id, Date.now()))
    // A record that is gone does not pass its id on: a planted cookie would name the session.
    return (text === null ? null : parsePayload(text)) ?? freshPayload()
  }

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

/** Sessions in Redis. Connects when first used, so Redis may start after the application. */
export class RedisDriver extends StoreDriver {
  constructor(config: SessionConfig) {
    super(config, openRedisStore(resolveConfig(config, true).redis))
  }
}

/** Signs with the first of `secrets`, verifies with all of them. */
function createCodec(secrets: string[]): NativeCodec {
  return translated(() => new (native().NativeCodec)(secrets))
}

/** Makes a call into the addon, whose errors come out as this package's classes. */
function translated<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
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
