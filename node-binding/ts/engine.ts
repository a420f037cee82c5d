/**
 * Ties a checked configuration to a driver whose calls are counted.
 *
 *   ResolvedConfig  -->  SessionEngine { driver, stats(), close() }
 *
 * Knows no request and no cookie header.
 */

import type { DriverName, ResolvedConfig } from './config.js'
import type { OperationStats } from './counter.js'
import { CookieDriver, FileDriver, MemoryDriver, RedisDriver, StoreDriver } from './driver.js'
import { idMaker } from './ids.js'
import type { NativeStatus } from './load.js'
import { Meter, type OwnDriver } from './meter.js'
import { nativeStatus, type StoreStats } from './native.js'
import { type Indexes, openIndexes } from './users/indexes.js'
import type { IndexStats } from './users/metered-index.js'
import type { UserBinding } from './users/session-user.js'
import type { UserSessions } from './users/user-sessions.js'

/** A snapshot of an engine's counters since it was made. */
export interface EngineStats {
  driver: DriverName
  /** Whether the addon does the work, and why not if not. */
  addon: NativeStatus
  load: OperationStats
  save: OperationStats
  /** Saves that gave the session another id; not counted under `save`. */
  regenerate: OperationStats
  destroy: OperationStats
  /** The store's own counters; `null` for the `cookie` driver, which has no store. */
  store: StoreStats | null
  /**
   * Calls to the store that has the indexes of users; `null` without `users`. If it is the store
   * of the sessions, `store` counts these calls, too.
   */
  users: IndexStats | null
}

/** What stands behind one middleware. */
export class SessionEngine {
  readonly config: ResolvedConfig
  /** The driver, metered. */
  readonly driver: OwnDriver
  readonly #unmetered: CookieDriver | StoreDriver
  readonly #store: StoreDriver | null
  /** Makes the ids of its sessions. */
  readonly newId: () => string
  /** @internal How the sessions take part in `users`. */
  readonly userBinding: UserBinding | null
  readonly #meter: Meter
  readonly #indexes: Indexes
  #closed = false

  /**
   * @throws {SessionConfigError} for what only the addon can check, such as a Redis URL.
   * @throws {SessionStoreError} if the file of the `file` driver does not open.
   */
  constructor(config: ResolvedConfig) {
    this.config = config
    const driver = createDriver(config)
    this.#unmetered = driver
    this.newId = idMaker(config.format)
    this.#store = driver instanceof StoreDriver ? driver : null
    this.#meter = new Meter(config.driver)
    this.driver = this.#meter.wrap(driver)
    this.#indexes = openIndexes(config, this.#store)
    this.userBinding = this.#indexes.binding
  }

  /** The sessions of all users, for administrators; `null` without `users`. */
  get users(): UserSessions | null {
    return this.userBinding?.sessions ?? null
  }

  /** How often the driver was called so far, and how long it took. */
  stats(): EngineStats {
    const { load, save, regenerate, destroy } = this.#meter
    return {
      driver: this.config.driver,
      addon: nativeStatus(),
      load: load.stats,
      save: save.stats,
      regenerate: regenerate.stats,
      destroy: destroy.stats,
      store: this.#store?.stats() ?? null,
      users: this.#indexes.stats(),
    }
  }

  /**
   * Reads the secrets anew from the files and environment variables that the configuration names,
   * and goes on with these. Call it when they were changed, on a signal say: nothing is watched.
   *
   * @throws {SessionConfigError} if one of them is wrong. Then the keys stay what they are.
   */
  reload(): void {
    this.#unmetered.reload()
  }

  /**
   * Ends connections and threads, unless another engine shares them. Twice is as good as once.
   *
   * A process ends by itself without this; tests and reloads have a use for it.
   */
  close(): void {
    this.#closed = true
    this.#indexes.close()
    this.#store?.close()
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#closed
  }
}

function createDriver(config: ResolvedConfig): CookieDriver | StoreDriver {
  switch (config.driver) {
    case 'cookie':
      return new CookieDriver(config)
    case 'memory':
      return new MemoryDriver(config)
    case 'file':
      return new FileDriver(config)
    case 'redis':
      return new RedisDriver(config)
  }
}
