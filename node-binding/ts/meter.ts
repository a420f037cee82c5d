/**
 * Counts the calls of a driver, and publishes each one when it has ended.
 *
 *   driver --wrap--> the same driver, metered
 */

import type { DriverName } from './config.js'
import { type OperationName, publishEnd, publishFailure } from './diagnostics.js'
import {
  COMMIT,
  ENCODE,
  type EncodingDriver,
  isEncodingDriver,
  LOAD,
  type RecordDriver,
  type TextDriver,
} from './driver.js'
import { isFresh } from './payload.js'

/** How often a driver was called, and how long it took as a request saw it. */
export interface OperationStats {
  calls: number
  /** How many of them failed. */
  errors: number
  totalMs: number
  maxMs: number
}

/** The drivers of this package. */
export type OwnDriver = EncodingDriver | RecordDriver

/** The counters of one driver. */
export class Meter {
  readonly load: Operation
  readonly save: Operation
  readonly regenerate: Operation
  readonly destroy: Operation

  constructor(driver: DriverName) {
    this.load = new Operation(driver, 'load')
    this.save = new Operation(driver, 'save')
    this.regenerate = new Operation(driver, 'regenerate')
    this.destroy = new Operation(driver, 'destroy')
  }

  wrap(driver: OwnDriver): OwnDriver {
    const metered: TextDriver = {
      [LOAD]: (cookieHeader) =>
        this.load.timed(
          () => driver[LOAD](cookieHeader),
          (loaded) => (loaded ?? null) !== null,
        ),
      load: (cookieValue) =>
        this.load.timed(
          () => driver.load(cookieValue),
          (payload) => !isFresh(payload),
        ),
      persist: (payload, ttlSeconds) => this.save.timed(() => driver.persist(payload, ttlSeconds)),
      destroy: (id) => this.destroy.timed(() => driver.destroy(id)),
    }
    if (isEncodingDriver(driver)) {
      return {
        ...metered,
        [ENCODE]: (toText, ttlSeconds) => this.save.timed(() => driver[ENCODE](toText, ttlSeconds)),
      }
    }
    return {
      ...metered,
      [COMMIT]: (base, id, toText, ttlSeconds) => {
        const moves = base !== null && base.id !== id
        const operation = moves ? this.regenerate : this.save
        return operation.timed(() => driver[COMMIT](base, id, toText, ttlSeconds))
      },
    }
  }
}

/** The calls of one kind. */
class Operation {
  readonly #driver: DriverName
  readonly #name: OperationName
  readonly #stats: OperationStats = { calls: 0, errors: 0, totalMs: 0, maxMs: 0 }

  constructor(driver: DriverName, name: OperationName) {
    this.#driver = driver
    this.#name = name
  }

  get stats(): OperationStats {
    return { ...this.#stats }
  }

  /**
   * What `call` answers, at once or later as it does.
   *
   * @param isDone Whether there was anything to do it to, by the answer.
   */
  timed<T>(call: () => T, isDone: (answer: Awaited<T>) => boolean = isThere): T {
    const startMs = performance.now()
    let answer: T
    try {
      answer = call()
    } catch (error) {
      this.#failed(startMs, error)
      throw error
    }
    if (answer instanceof Promise) {
      return answer.then(
        (it) => {
          this.#ended(startMs, isDone(it))
          return it
        },
        (error) => {
          this.#failed(startMs, error)
          throw error
        },
      ) as T
    }
    this.#ended(startMs, isDone(answer as Awaited<T>))
    return answer
  }

  #ended(startMs: number, done: boolean): void {
    publishEnd(this.#name, this.#driver, this.#count(startMs), done)
  }

  #failed(startMs: number, error: unknown): void {
    this.#stats.errors += 1
    publishFailure(this.#name, this.#driver, this.#count(startMs), error)
  }

  #count(startMs: number): number {
    const ms = performance.now() - startMs
    this.#stats.calls += 1
    this.#stats.totalMs += ms
    if (ms > this.#stats.maxMs) this.#stats.maxMs = ms
    return ms
  }
}

/** Drivers answer `null` where there is no such session or none any more. */
function isThere(answer: unknown): boolean {
  return answer !== null
}
