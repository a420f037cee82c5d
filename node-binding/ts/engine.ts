/**
 * Ties a checked configuration to a driver, and counts what the driver does.
 *
 *   ResolvedConfig  -->  SessionEngine { driver, stats(), close() }
 *
 * Knows no request and no cookie header.
 */

import type { DriverName, ResolvedConfig } from './config.js'
import {
  COMMIT,
  CookieDriver,
  FileDriver,
  isRecordDriver,
  MemoryDriver,
  type RecordDriver,
  RedisDriver,
  type SessionDriver,
  StoreDriver,
} from './driver.js'
import type { StoreStats } from './native.js'
import type { SessionPayload } from './payload.js'

/** How often a driver was called, and how long it took as a request saw it. */
export interface OperationStats {
  calls: number
  /** How many of them rejected. */
  errors: number
  totalMs: number
  maxMs: number
}

/** A snapshot of an engine's counters since it was made. */
export interface EngineStats {
  driver: DriverName
  load: OperationStats
  save: OperationStats
  /** Saves that gave the session another id; not counted under `save`. */
  regenerate: OperationStats
  destroy: OperationStats
  /** The store's own counters; `null` for the `cookie` driver, which has no store. */
  store: StoreStats | null
}

/** What stands behind one middleware. */
export class SessionEngine {
  readonly config: ResolvedConfig
  /** The driver, metered. */
  readonly driver: SessionDriver
  readonly #store: StoreDriver | null
  readonly #meter = new Meter()

  /**
   * @throws {SessionConfigError} for what only the addon can check, such as a Redis URL.
   * @throws {SessionStoreError} if the file of the `file` driver does not open.
   */
  constructor(config: ResolvedConfig) {
    this.config = config
    const driver = createDriver(config)
    this.#store = driver instanceof StoreDriver ? driver : null
    this.driver = this.#meter.wrap(driver)
  }

  /** How often the driver was called so far, and how long it took. */
  stats(): EngineStats {
    const { load, save, regenerate, destroy } = this.#meter
    return {
      driver: this.config.driver,
      load: { ...load },
      save: { ...save },
      regenerate: { ...regenerate },
      destroy: { ...destroy },
      store: this.#store?.stats() ?? null,
    }
  }

  /**
   * Ends connections and threads, unless another engine shares them. Twice is as good as once.
   *
   * A process ends by itself without this; tests and reloads have a use for it.
   */
  close(): void {
    this.#store?.close()
  }
}

function createDriver(config: ResolvedConfig): SessionDriver {
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

class Meter {
  readonly load = zero()
  readonly save = zero()
  readonly regenerate = zero()
  readonly destroy = zero()

  wrap(driver: SessionDriver): SessionDriver {
    return isRecordDriver(driver) ? this.#wrapRecords(driver) : this.#wrap(driver)
  }

  #wrapRecords(driver: RecordDriver): RecordDriver {
    return {
      ...this.#wrap(driver),
      [COMMIT]: (base, payload, ttlSeconds) => {
        const moves = base !== null && base.id !== payload.id
        const stats = moves ? this.regenerate : this.save
        return timed(stats, () => driver[COMMIT](base, payload, ttlSeconds))
      },
    }
  }

  #wrap(driver: SessionDriver): SessionDriver {
    return {
      load: (cookieValue: string | undefined) => timed(this.load, () => driver.load(cookieValue)),
      persist: (payload: SessionPayload, ttlSeconds: number) =>
        timed(this.save, () => driver.persist(payload, ttlSeconds)),
      destroy: (id: string) => timed(this.destroy, () => driver.destroy(id)),
    }
  }
}

function zero(): OperationStats {
  return { calls: 0, errors: 0, totalMs: 0, maxMs: 0 }
}

async function timed<T>(stats: OperationStats, call: () => Promise<T>): Promise<T> {
  const start = performance.now()
  try {
    return await call()
  } catch (error) {
    stats.errors += 1
    throw error
  } finally {
    const ms = performance.now() - start
    stats.calls += 1
    stats.totalMs += ms
    if (ms > stats.maxMs) stats.maxMs = ms
  }
}
