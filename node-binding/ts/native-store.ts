/**
 * Makes promises of the addon's store calls.
 *
 *   NativeStore -- call(ticket, ..) --> addon       answered at once: settled at once
 *               -- flush() ----------> addon        once for all the calls of one turn
 *               <-- drain(ticket, answer, ..) --    one call for all that was answered by now
 *
 * Made here and not in the addon, promises keep the caller's AsyncLocalStorage, and settling a
 * hundred of them costs one crossing. What the calls mean is said in `native.d.ts`.
 */

import type { StoreCalls, StoreFault, StoreStats } from '../native.js'
import { fromFault } from './errors.js'

/** How one call is made. */
export interface CallOptions {
  /**
   * Ends the wait: the promise rejects with the signal's reason. A call that the store has by
   * then is not taken back, and may still be done.
   */
  signal?: AbortSignal | undefined
}

/** Any store of the addon, with promises. */
export class NativeStore implements AsyncDisposable {
  readonly #calls: StoreCalls
  readonly #tickets: Tickets
  #flushes = false

  /** @param open Makes the addon's store, whose answers go to `drain`. */
  constructor(open: (drain: (...settled: unknown[]) => void) => StoreCalls) {
    const tickets = new Tickets()
    this.#tickets = tickets
    // It must not hold this store, which holds it: what is garbage would never be collected.
    this.#calls = open((...settled) => tickets.settle(settled))
  }

  /**
   * Reads a payload.
   *
   * @param id The session id; one that could not name a record is answered with `null`.
   * @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
   * @returns The payload as JSON text, or `null` if there is none, or no longer.
   */
  load(id: string, nowMs: number, options?: CallOptions): Promise<string | null> {
    return this.#call(this.#calls.load, options, id, nowMs)
  }

  /**
   * Writes a payload under its own id if there is no such record yet.
   *
   * @returns `false` if there is one, and nothing was written.
   */
  create(
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
    options?: CallOptions,
  ): Promise<boolean> {
    return this.#call(this.#calls.create, options, payloadJson, ttlSeconds, nowMs)
  }

  /**
   * Saves what a request made of `baseJson`, the payload as it was loaded.
   *
   * @returns `true`: it is saved as given; `false`: the session is gone, and nothing was written;
   *   a text: others had changed it, and this is what is stored now; `null`: another program has
   *   given the session another id, with grace, and it is saved there: send the client no cookie.
   */
  update(
    baseJson: string,
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
    options?: CallOptions,
  ): Promise<boolean | string | null> {
    return this.#call(this.#calls.update, options, baseJson, payloadJson, ttlSeconds, nowMs)
  }

  /**
   * Saves what a request made of `baseJson` under the new id of `payloadJson`.
   *
   * Rejects with an error that says `saved` if the record under the old id may still be there.
   *
   * @returns `true`, `false` or a text, as `update` does.
   */
  regenerate(
    baseJson: string,
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
    options?: CallOptions,
  ): Promise<boolean | string> {
    return this.#call(this.#calls.regenerate, options, baseJson, payloadJson, ttlSeconds, nowMs)
  }

  /** Writes a payload under its own id, whatever is there or not: the last write wins. */
  save(
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
    options?: CallOptions,
  ): Promise<void> {
    return this.#call(this.#calls.save, options, payloadJson, ttlSeconds, nowMs)
  }

  /**
   * Starts the TTL of a record anew.
   *
   * @returns Whether there is such a record.
   */
  touch(id: string, ttlSeconds: number, nowMs: number, options?: CallOptions): Promise<boolean> {
    return this.#call(this.#calls.touch, options, id, ttlSeconds, nowMs)
  }

  /** Removes a record. A rejection means that the record may still be there. */
  destroy(id: string, options?: CallOptions): Promise<void> {
    return this.#call(this.#calls.destroy, options, id)
  }

  /** What the store did so far. All zeros once it is closed. */
  stats(): StoreStats {
    return this.#calls.stats()
  }

  /** Resolves once the calls that are out now are settled, in whatever way. */
  settled(): Promise<void> {
    return this.#tickets.settled()
  }

  /**
   * Ends threads and connections. Calls that the store has by now are still answered, if it
   * answers; those that it does not answer, and those that come, reject with
   * `ERR_SESSION_STORE_CLOSED`. Twice is as good as once.
   */
  close(): void {
    this.#calls.close()
  }

  /** Waits for the calls that are out, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled()
    this.close()
  }

  #call<T, A extends unknown[]>(
    call: NativeCall<T, A>,
    options: CallOptions | undefined,
    ...args: A
  ): Promise<T> {
    const signal = options?.signal
    if (!signal) return this.#submit(call, args)
    if (signal.aborted) return Promise.reject(signal.reason)
    return untilAborted(this.#submit(call, args), signal)
  }

  #submit<T, A extends unknown[]>(call: NativeCall<T, A>, args: A): Promise<T> {
    const tickets = this.#tickets
    const ticket = tickets.take()
    let answer: number | T | StoreFault
    try {
      answer = call.call(this.#calls, ticket, ...args)
    } catch (error) {
      tickets.giveBack(ticket)
      return Promise.reject(error)
    }
    if (typeof answer !== 'number') {
      tickets.giveBack(ticket)
      return isFault(answer) ? Promise.reject(fromFault(answer)) : Promise.resolve(answer)
    }
    if (!this.#flushes && this.#calls.flush) {
      this.#flushes = true
      // Not now: calls that are made in the same turn go together.
      NOW.then(this.#flush)
    }
    return tickets.promise(ticket)
  }

  readonly #flush = () => {
    this.#flushes = false
    this.#calls.flush?.()
  }
}

/** The promise's outcome, or the signal's reason if it is given before. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = whenAborted(signal, () => reject(signal.reason))
    const ended = (settle: Settle) => (outcome: unknown) => {
      forget()
      settle(outcome as never)
    }
    promise.then(ended(resolve), ended(reject))
  })
}

/**
 * Has `abort` called when the signal is given, until what is returned is called. One listener for
 * all the calls of a signal: Node warns of more than ten.
 */
function whenAborted(signal: AbortSignal, abort: () => void): () => void {
  let calls = CALLS_OF_SIGNALS.get(signal)
  if (!calls) {
    const all = { aborts: new Set<() => void>(), listener: () => {} }
    all.listener = () => {
      for (const each of all.aborts) each()
    }
    signal.addEventListener('abort', all.listener)
    CALLS_OF_SIGNALS.set(signal, all)
    calls = all
  }
  const { aborts, listener } = calls
  aborts.add(abort)
  return () => {
    aborts.delete(abort)
    if (aborts.size > 0) return
    signal.removeEventListener('abort', listener)
    CALLS_OF_SIGNALS.delete(signal)
  }
}

const CALLS_OF_SIGNALS = new WeakMap<
  AbortSignal,
  { aborts: Set<() => void>; listener: () => void }
>()

/** Answers the ticket if the answer comes later, else the answer itself. */
type NativeCall<T, A extends unknown[]> = (ticket: number, ...args: A) => number | T | StoreFault

function isFault(answer: unknown): answer is StoreFault {
  return typeof answer === 'object' && answer !== null
}

type Settle = (value: never) => void

/** The promises that are not settled yet, by number. Numbers are used again, so they stay few. */
class Tickets {
  readonly #resolvers: Settle[] = []
  readonly #rejecters: Settle[] = []
  readonly #free: number[] = []

  /** A number that nothing has. */
  take(): number {
    const ticket = this.#free.pop()
    if (ticket !== undefined) return ticket
    this.#rejecters.push(nobody)
    return this.#resolvers.push(nobody) - 1
  }

  /** For a number without a promise. */
  giveBack(ticket: number): void {
    this.#free.push(ticket)
  }

  /** The promise that goes by this number from now on. */
  promise<T>(ticket: number): Promise<T> {
    const promise = new Promise<T>(keepForTicket)
    this.#resolvers[ticket] = resolveOfTicket
    this.#rejecters[ticket] = rejectOfTicket
    resolveOfTicket = rejectOfTicket = nobody
    return promise
  }

  /** @param settled Each number followed by its answer; or very many of them, in one array. */
  settle(settled: unknown[]): void {
    const all = settled.length === 1 ? (settled[0] as unknown[]) : settled
    for (let i = 0; i < all.length; i += 2) this.#settle(all[i] as number, all[i + 1])
  }

  async settled(): Promise<void> {
    const out = this.#resolvers.map((resolve, ticket) => {
      if (resolve === nobody) return undefined
      const reject = this.#rejecters[ticket] as Settle
      return new Promise<void>((end) => {
        const ended = (settle: Settle) => (value: never) => {
          settle(value)
          end()
        }
        this.#resolvers[ticket] = ended(resolve)
        this.#rejecters[ticket] = ended(reject)
      })
    })
    await Promise.all(out)
  }

  #settle(ticket: number, answer: unknown): void {
    const resolve = this.#resolvers[ticket] as (value: unknown) => void
    const reject = this.#rejecters[ticket] as (error: unknown) => void
    // A second answer must not free the number twice: two calls would share it, and an answer.
    if (resolve === nobody) return
    this.#resolvers[ticket] = nobody
    this.#rejecters[ticket] = nobody
    this.#free.push(ticket)
    if (isFault(answer)) reject(fromFault(answer))
    else resolve(answer)
  }
}

/** In the place of a promise that is settled, so that what it held can be collected. */
function nobody(): void {}

/** What `new Promise` is given, once for all: a closure for each promise would be garbage soon. */
function keepForTicket(resolve: Settle, reject: Settle): void {
  resolveOfTicket = resolve
  rejectOfTicket = reject
}

let resolveOfTicket: Settle = nobody
let rejectOfTicket: Settle = nobody

const NOW = Promise.resolve()
