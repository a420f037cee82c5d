/**
 * Counts what the indexes of users cost their store.
 *
 *   store --MeteredIndex--> the same store; stats()
 */

import { Counter, type OperationStats } from '../counter.js'
import type { IndexStore } from './index-records.js'

/** Calls to the store of the indexes since the engine was made. */
export interface IndexStats {
  /** One for each request of somebody who is signed in, as a rule, and one for each change. */
  load: OperationStats
  /** Sign-ins, ends, and sessions that were seen again; tries that another request has overtaken, too. */
  save: OperationStats
}

/** A store of indexes whose calls are counted. */
export class MeteredIndex implements IndexStore {
  readonly #store: IndexStore
  readonly #loads = new Counter()
  readonly #saves = new Counter()

  constructor(store: IndexStore) {
    this.#store = store
  }

  load(id: string, nowMs: number): Promise<string | null> {
    return this.#loads.timed(() => this.#store.load(id, nowMs))
  }

  create(payloadJson: string, ttlSeconds: number, nowMs: number): Promise<boolean> {
    return this.#saves.timed(() => this.#store.create(payloadJson, ttlSeconds, nowMs))
  }

  update(baseJson: string, payloadJson: string, ttlSeconds: number, nowMs: number) {
    return this.#saves.timed(() => this.#store.update(baseJson, payloadJson, ttlSeconds, nowMs))
  }

  stats(): IndexStats {
    return { load: this.#loads.stats, save: this.#saves.stats }
  }
}
