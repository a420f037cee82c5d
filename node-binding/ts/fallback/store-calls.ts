/**
 * Takes the calls of `NativeStore` to a store in JavaScript, as the addon's `StoreCalls` does.
 *
 *   call(ticket, ..) --> RecordStore   answered at once: the answer is the result
 *   drain(ticket, answer) <--          answered later: the result is the ticket
 *
 * So everything above it is the same code for both. What each call means is said in
 * `native.d.ts`.
 */

import type { StoreCalls, StoreFault, StoreStats } from '../../native.js'
import { SessionError, SessionStoreError } from '../errors.js'
import { checkInstant, checkPayload, checkTtl } from './arguments.js'
import { MeteredStore, NO_FIGURES } from './meter.js'
import { isRecordId } from './payload.js'
import { type Answer, NO_INCIDENTS, type RecordStore, storeError } from './record-store.js'
import { regenerate, update } from './update.js'

type Drain = (...settled: unknown[]) => void

/** Calls to one store. */
export class FallbackCalls implements StoreCalls {
  /** Each call goes at once: ioredis gathers what is written in one turn. */
  readonly flush = null
  readonly #store: MeteredStore
  readonly #drain: Drain
  #pending = 0
  #closed = false

  constructor(store: RecordStore, drain: Drain) {
    this.#store = new MeteredStore(store)
    this.#drain = drain
  }

  load(ticket: number, id: string, nowMs: number) {
    const now = checkInstant(nowMs)
    return this.#call(ticket, (store) => (isRecordId(id) ? store.load(id, now) : null))
  }

  create(ticket: number, payloadJson: string, ttlSeconds: number, nowMs: number) {
    const [payload, ttl] = [checkPayload(payloadJson), checkTtl(ttlSeconds)]
    const now = checkInstant(nowMs)
    return this.#call(ticket, (store) => store.create(payload, ttl, now))
  }

  update(ticket: number, baseJson: string, payloadJson: string, ttlSeconds: number, nowMs: number) {
    const [base, payload] = [checkPayload(baseJson), checkPayload(payloadJson)]
    const [ttl, now] = [checkTtl(ttlSeconds), checkInstant(nowMs)]
    return this.#call(ticket, (store) => update(store, base, payload, ttl, now))
  }

  regenerate(
    ticket: number,
    baseJson: string,
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
  ) {
    const [base, payload] = [checkPayload(baseJson), checkPayload(payloadJson)]
    const [ttl, now] = [checkTtl(ttlSeconds), checkInstant(nowMs)]
    return this.#call(ticket, (store) => regenerate(store, base, payload, ttl, now))
  }

  save(ticket: number, payloadJson: string, ttlSeconds: number, nowMs: number) {
    const [payload, ttl] = [checkPayload(payloadJson), checkTtl(ttlSeconds)]
    const now = checkInstant(nowMs)
    return this.#call<undefined>(ticket, (store) => nothing(store.save(payload, ttl, now)))
  }

  touch(ticket: number, id: string, ttlSeconds: number, nowMs: number) {
    const [ttl, now] = [checkTtl(ttlSeconds), checkInstant(nowMs)]
    return this.#call(ticket, (store) => (isRecordId(id) ? store.touch(id, ttl, now) : false))
  }

  destroy(ticket: number, id: string) {
    return this.#call<undefined>(ticket, (store) =>
      isRecordId(id) ? nothing(store.destroy(id)) : undefined,
    )
  }

  stats(): StoreStats {
    const pending = this.#pending
    // Of a closed store nothing is known any more.
    if (this.#closed) return { ...NO_FIGURES, ...NO_INCIDENTS, pending }
    return { ...this.#store.figures(), ...this.#store.incidents(), pending }
  }

  close(): void {
    this.#closed = true
    if (this.#pending === 0) this.#store.end()
  }

  #call<T>(ticket: number, ask: (store: RecordStore) => Answer<T>): number | T | StoreFault {
    if (this.#closed) return faultOf(closed())
    if (this.#pending >= MAX_PENDING) {
      return faultOf(storeError('BUSY', 'too many calls are waiting for the store', true))
    }
    let answer: Answer<T>
    try {
      answer = ask(this.#store)
    } catch (error) {
      return faultOf(error)
    }
    if (!(answer instanceof Promise)) return answer
    this.#pending += 1
    answer.then(
      (value) => this.#settle(ticket, value),
      (error) =>
        this.#settle(ticket, faultOf(this.#closed && isRetryable(error) ? closed() : error)),
    )
    return ticket
  }

  #settle(ticket: number, answer: unknown): void {
    this.#pending -= 1
    if (this.#closed && this.#pending === 0) this.#store.end()
    this.#drain(ticket, answer)
  }
}

function faultOf(error: unknown): StoreFault {
  if (!(error instanceof SessionError)) {
    // A bug of ours. Its own message stays out of here: it may quote what was saved.
    return faultOf(storeError('INTERNAL', 'the store failed in an unforeseen way'))
  }
  const { code, message, retryable } = error
  return { code, message, retryable, saved: error instanceof SessionStoreError && error.saved }
}

function closed(): SessionStoreError {
  return storeError('CLOSED', 'store is closed')
}

function isRetryable(error: unknown): boolean {
  return error instanceof SessionError && error.retryable
}

/** The answer of a call that has nothing to say. */
function nothing(done: Answer<void>): Answer<undefined> {
  return done instanceof Promise ? done.then(() => undefined) : undefined
}

/** Calls that may wait for a store. */
const MAX_PENDING = 65_536
