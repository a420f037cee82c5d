/**
 * Counts the calls of a driver, and publishes each one when it has ended.
 *
 *   driver --wrap--> the same driver, metered
 */

import type { DriverName } from './config.js'
import { Counter } from './counter.js'
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

/** The calls of one kind, each of which is published. */
class Operation extends Counter {
  readonly #driver: DriverName
  readonly #name: OperationName

  constructor(driver: DriverName, name: OperationName) {
    super()
    this.#driver = driver
    this.#name = name
  }

  protected override ended(durationMs: number, done: boolean): void {
    publishEnd(this.#name, this.#driver, durationMs, done)
  }

  protected override failed(durationMs: number, error: unknown): void {
    publishFailure(this.#name, this.#driver, durationMs, error)
  }
}
