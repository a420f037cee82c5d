/**
 * Reads the indexes of users in a store, and saves what was changed in one onto what was read.
 *
 *   load --> change --> prune --> create | update --> what the store has then
 *
 * The store merges whole keys of what others have written meanwhile. Knows no rule: what becomes of
 * an index is said by whoever calls.
 */

import { SessionStoreError } from '../errors.js'
import { secondsUntil } from '../time.js'
import { type Spans, UserIndex } from './user-index.js'

/** What an index is kept in. Any store of this package is one. */
export interface IndexStore {
  load(id: string, nowMs: number): Promise<string | null>
  create(payloadJson: string, ttlSeconds: number, nowMs: number): Promise<boolean>
  update(
    baseJson: string,
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
  ): Promise<boolean | string | null>
}

/** The indexes in one store. */
export class IndexRecords {
  readonly #store: IndexStore
  readonly #spans: Spans

  constructor(store: IndexStore, spans: Spans) {
    this.#store = store
    this.#spans = spans
  }

  async read(id: string, nowMs: number): Promise<UserIndex> {
    return new UserIndex(id, await this.#store.load(id, nowMs))
  }

  /**
   * Saves what `change` makes of an index onto it.
   *
   * @param change Answers whether there is anything to save. Called again if the index was made
   *   or lost by somebody else meanwhile.
   * @returns What the index is by then, with what others have changed meanwhile.
   */
  async edit(id: string, change: (it: UserIndex, nowMs: number) => boolean): Promise<UserIndex> {
    const ttlSeconds = secondsUntil(this.#spans.lifetimeMs + this.#spans.marginMs, 0)
    for (let round = 0; round < ROUNDS; round++) {
      const nowMs = Date.now()
      const base = await this.#store.load(id, nowMs)
      const it = new UserIndex(id, base)
      if (!change(it, nowMs)) return it
      it.prune(nowMs, this.#spans)
      if (it.countOfEnded() > MOST_ENDED) it.forgetEnds(nowMs)
      const text = it.toText()
      if (base === null) {
        if (await this.#store.create(text, ttlSeconds, nowMs)) return it
        continue
      }
      try {
        const saved = await this.#store.update(base, text, ttlSeconds, nowMs)
        if (saved === true) return it
        if (typeof saved === 'string') return new UserIndex(id, saved)
      } catch (error) {
        // Many sign in at once. Any other failure is not for us to try again.
        if (!isConflict(error)) throw error
      }
    }
    throw conflict()
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof SessionStoreError && error.code === CONFLICT
}

/** Somebody else got through each time. */
export function conflict(): SessionStoreError {
  return new SessionStoreError(
    CONFLICT,
    'the index of a user was changed by others too often in a row',
    { retryable: true },
  )
}

const CONFLICT = 'ERR_SESSION_STORE_CONFLICT'

/** Ends that an index remembers one by one. */
const MOST_ENDED = 1000

/** Each round that fails means that somebody else got through. */
const ROUNDS = 10
