/**
 * Counts and times the calls of a store.
 *
 * A histogram has one bucket for each power of two of microseconds, as the addon has it, so the
 * figures of the two can be read alike.
 */

import type { StoreOperation, StoreStats } from '../../native.js'
import type { Payload } from './payload.js'
import type { Answer, Found, Incidents, RecordStore } from './record-store.js'

/** What was counted. */
export type Figures = Omit<StoreStats, keyof Incidents | 'pending'>

const NONE: StoreOperation = { calls: 0, errors: 0, p50Micros: 0, p99Micros: 0 }

export const NO_FIGURES: Figures = {
  create: NONE,
  destroy: NONE,
  load: NONE,
  remove: NONE,
  replace: NONE,
  save: NONE,
  touch: NONE,
  merges: 0,
  writesToGone: 0,
}

/** A store that counts and times what another one does. */
export class MeteredStore implements RecordStore {
  readonly #store: RecordStore
  readonly #meters = {
    create: new Meter(),
    destroy: new Meter(),
    load: new Meter(),
    remove: new Meter(),
    replace: new Meter(),
    save: new Meter(),
    touch: new Meter(),
  }
  #merges = 0
  #writesToGone = 0

  constructor(store: RecordStore) {
    this.#store = store
  }

  load(id: string, nowMs: number): Answer<string | null> {
    return this.#meters.load.time(() => this.#store.load(id, nowMs))
  }

  create(payload: Payload, ttlSeconds: number, nowMs: number): Answer<boolean> {
    return this.#meters.create.time(() => this.#store.create(payload, ttlSeconds, nowMs))
  }

  save(payload: Payload, ttlSeconds: number, nowMs: number): Answer<void> {
    return this.#meters.save.time(() => this.#store.save(payload, ttlSeconds, nowMs))
  }

  touch(id: string, ttlSeconds: number, nowMs: number): Answer<boolean> {
    return this.#meters.touch.time(() => this.#store.touch(id, ttlSeconds, nowMs))
  }

  destroy(id: string): Answer<void> {
    return this.#meters.destroy.time(() => this.#store.destroy(id))
  }

  replace(expected: string, payload: Payload, ttlSeconds: number, nowMs: number): Answer<Found> {
    return this.#meters.replace.time(
      () => this.#store.replace(expected, payload, ttlSeconds, nowMs),
      (found) => {
        if (found === 'gone') this.#writesToGone += 1
        else if (found !== 'expected') this.#merges += 1
      },
    )
  }

  remove(id: string, expected: string, nowMs: number): Answer<Found> {
    return this.#meters.remove.time(() => this.#store.remove(id, expected, nowMs))
  }

  incidents(): Incidents {
    return this.#store.incidents()
  }

  end(): void {
    this.#store.end()
  }

  figures(): Figures {
    const { create, destroy, load, remove, replace, save, touch } = this.#meters
    return {
      create: create.figures(),
      destroy: destroy.figures(),
      load: load.figures(),
      remove: remove.figures(),
      replace: replace.figures(),
      save: save.figures(),
      touch: touch.figures(),
      merges: this.#merges,
      writesToGone: this.#writesToGone,
    }
  }
}

class Meter {
  #calls = 0
  #errors = 0
  /** Bucket n: calls that took less than 2^n microseconds; the last one has no upper limit. */
  readonly #buckets = new Array<number>(26).fill(0)

  time<T>(call: () => Answer<T>, seen: (value: T) => void = () => {}): Answer<T> {
    const start = performance.now()
    const done = (value: T) => {
      this.#count(start)
      seen(value)
      return value
    }
    const failed = (error: unknown) => {
      this.#count(start)
      this.#errors += 1
      throw error
    }
    let answer: Answer<T>
    try {
      answer = call()
    } catch (error) {
      return failed(error)
    }
    return answer instanceof Promise ? answer.then(done, failed) : done(answer)
  }

  figures(): StoreOperation {
    const [calls, errors] = [this.#calls, this.#errors]
    return { calls, errors, p50Micros: this.#quantile(0.5), p99Micros: this.#quantile(0.99) }
  }

  #count(start: number): void {
    const micros = Math.floor((performance.now() - start) * 1000)
    const bucket = Math.min(micros < 1 ? 0 : Math.floor(Math.log2(micros)) + 1, 25)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#calls += 1
  }

  /** The limit of the bucket that the call in question is in; 0 without calls. */
  #quantile(share: number): number {
    const rank = Math.max(Math.ceil(this.#calls * share), 1)
    let seen = 0
    const bucket = this.#buckets.findIndex((count) => {
      seen += count
      return seen >= rank
    })
    return bucket === -1 ? 0 : 2 ** bucket
  }
}
