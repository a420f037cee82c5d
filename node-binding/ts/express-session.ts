/**
 * Keeps the sessions of express-session in a store of this package.
 *
 *   app.use(expressSession({ store: new NativeStore({ driver: 'redis' }), .. }))
 *
 *   record   {"id":"<sid>","data":{"cookie":{..},..},"flash_next":{}}
 *
 * A session is saved onto the record that it was loaded from, so parallel requests keep each
 * other's writes and a logout stays one. There is no `all`, `length` or `clear`: express-session
 * never calls them, and no store here can list everybody's sessions.
 */

import expressSession from 'express-session'
import { checkLifetime, type DriverName, type SessionOptions } from './config.js'
import { fromNative } from './errors.js'
import type { StoreStats } from './native.js'
import { parsePayload, payloadText } from './payload.js'
import { openFileStore, openMemoryStore, openRedisStore } from './raw.js'
import { oneOf } from './refusals.js'
import type { OpenStore } from './store.js'
import { ttlSecondsOf } from './time.js'
import { isIndexId } from './users/names.js'

/** Where the sessions are, and for how long. */
export interface NativeStoreOptions extends Pick<SessionOptions, 'redis' | 'memory'> {
  driver: Exclude<DriverName, 'cookie'>
  /** Wanted by the `file` driver. */
  file?: SessionOptions['file']
  /** Minutes that a session without `cookie.maxAge` or `cookie.expires` is kept. Default 120. */
  lifetime?: number
}

/** A session as express-session hands it over. */
export interface StoredSession {
  cookie: { expires?: Date | string | null | undefined }
}

type Callback<T = void> = (error?: unknown, value?: T) => void

// biome-ignore lint/suspicious/noExplicitAny: the application says what is in its sessions
type LoadedCallback = Callback<any>

/** A store for express-session. */
export class NativeStore extends expressSession.Store {
  readonly #open: OpenStore
  readonly #lifetimeSeconds: number
  /** What was stored of a session when it was loaded or last saved. */
  readonly #bases = new WeakMap<object, string>()

  /**
   * @throws {SessionConfigError} if the options are wrong.
   * @throws {SessionStoreError} if the file of the `file` driver does not open.
   */
  constructor(options: NativeStoreOptions) {
    super()
    const { driver, lifetime = 120 } = options
    oneOf('driver', driver, ['memory', 'file', 'redis'])
    checkLifetime('lifetime', lifetime)
    this.#lifetimeSeconds = ttlSecondsOf(lifetime)
    this.#open = openStore(options)
  }

  /** Answers `null` if there is no such session. */
  get(sid: string, callback: LoadedCallback): void {
    settle(this.#load(sid), callback)
  }

  /** Called by express-session with what `get` has answered. Its types are no business of ours. */
  override createSession(req: unknown, loaded: object): never {
    const session = super.createSession(req, loaded)
    const base = this.#bases.get(loaded)
    if (base !== undefined) this.#bases.set(session, base)
    return session as never
  }

  /** Writes nothing, and succeeds, if the session was destroyed since it was loaded. */
  set(sid: string, session: StoredSession, callback?: Callback): void {
    settle(this.#save(sid, session), callback)
  }

  /** Starts the lifetime anew. */
  touch(sid: string, session: StoredSession, callback?: Callback): void {
    settle(this.#touch(sid, session), callback)
  }

  destroy(sid: string, callback?: Callback): void {
    settle(this.#open.store.destroy(sid), callback)
  }

  /** What the store did so far. */
  stats(): StoreStats {
    return this.#open.store.stats()
  }

  /** Ends connections and threads, unless others share them. */
  close(): void {
    this.#open.release()
  }

  async #load(sid: string): Promise<StoredSession | null> {
    // The index of a user is a record, too, and nobody's session.
    const text = isIndexId(sid) ? null : await this.#open.store.load(sid, Date.now())
    const data = text === null ? undefined : parsePayload(text)?.data
    // One that express-session has not made: it would stumble over it.
    if (text === null || typeof data?.cookie !== 'object' || data.cookie === null) return null
    this.#bases.set(data, text)
    return data as unknown as StoredSession
  }

  async #save(sid: string, session: StoredSession): Promise<void> {
    const { store } = this.#open
    const ttlSeconds = this.#ttlSecondsOf(session)
    if (ttlSeconds <= 0) return store.destroy(sid)
    const text = payloadText({ id: sid, data: { ...session }, flash_next: {} })
    const base = this.#bases.get(session)
    // No base: it is new, or somebody's own object, which is to be there as it is.
    if (base === undefined) await store.save(text, ttlSeconds, Date.now())
    else if ((await store.update(base, text, ttlSeconds, Date.now())) === false) return
    this.#bases.set(session, text)
  }

  async #touch(sid: string, session: StoredSession): Promise<void> {
    const { store } = this.#open
    const ttlSeconds = this.#ttlSecondsOf(session)
    if (ttlSeconds <= 0) await store.destroy(sid)
    else await store.touch(sid, ttlSeconds, Date.now())
  }

  #ttlSecondsOf({ cookie }: StoredSession): number {
    const { expires } = cookie
    if (expires === undefined || expires === null) return this.#lifetimeSeconds
    return Math.ceil((new Date(expires).getTime() - Date.now()) / 1000)
  }
}

function openStore({ driver, redis, memory, file }: NativeStoreOptions): OpenStore {
  switch (driver) {
    case 'memory':
      return openMemoryStore(memory)
    case 'file':
      return openFileStore(file as NonNullable<typeof file>)
    case 'redis':
      return openRedisStore(redis)
  }
}

/** Calls back outside of the promise, which would swallow what the callback throws. */
function settle<T>(promise: Promise<T>, callback: Callback<T> = () => {}): void {
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, fromNative(error)),
  )
}
