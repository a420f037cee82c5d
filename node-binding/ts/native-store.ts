/**
 * Makes promises of the addon's store calls.
 *
 *   NativeStore -- call(ticket, ..) --> addon       answered at once: settled at once
 *               -- flush() ----------> addon        once for all the calls of one turn
 *               <-- drain([ticket, answer, ..]) --  one call for all that was answered by now
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
  constructor(open: (drain: (settled: unknown[]) => void) => StoreCalls) {
    const tickets = new Tickets()
    this.#tickets = tickets
    // It must not hold this store, which holds it: what is garbage would never be collected.
    this.#calls = open((settled) => tickets.settle(settled))
  }

  /**
   * Reads a payload.
   *
   * @param id The session id; one that could not name a record is answered with `null`.
   * @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
   * @returns The payload as JSON text, or `null` if there is none, or no longer.
   */
  load(id: string, nowMs: number, options?: CallOptions): Promise<string | null> {
    return this.#promise((ticket) => this.#calls.load(ticket, id, nowMs), options)
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
    return this.#promise(
      (ticket) => this.#calls.create(ticket, payloadJson, ttlSeconds, nowMs),
      options,
    )
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
    return this.#promise(
      (ticket) => this.#calls.update(ticket, baseJson, payloadJson, ttlSeconds, nowMs),
      options,
    )
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
    return this.#promise(
      (ticket) => this.#calls.regenerate(ticket, baseJson, payloadJson, ttlSeconds, nowMs),
      options,
    )
  }

  /** Writes a payload under its own id, whatever is there or not: the last write wins. */
  save(
    payloadJson: string,
    ttlSeconds: number,
    nowMs: number,
    options?: CallOptions,
  ): Promise<void> {
    return this.#promise(
      (ticket) => this.#calls.save(ticket, payloadJson, ttlSeconds, nowMs),
      options,
    )
  }

  /**
   * Starts the TTL of a record anew.
   *
   * @returns Whether there is such a record.
   */
  touch(id: string, ttlSeconds: number, nowMs: number, options?: CallOptions): Promise<boolean> {
    return this.#promise((ticket) => this.#calls.touch(ticket, id, ttlSeconds, nowMs), options)
  }

  /** Removes a record. A rejection means that the record may still be there. */
  destroy(id: string, options?: CallOptions): Promise<void> {
    return this.#promise((ticket) => this.#calls.destroy(ticket, id), options)
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

  #promise<T>(submit: Submit<T>, options: CallOptions | undefined): Promise<T> {
    const signal = options?.signal
    if (signal) return this.#abortable(submit, signal)
    return new Promise((resolve, reject) => this.#submit(submit, resolve, reject))
  }

  #abortable<T>(submit: Submit<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const forget = whenAborted(signal, () => reject(signal.reason))
      const ended = (settle: (value: never) => void) => (value: unknown) => {
        forget()
        settle(value as never)
      }
      this.#submit(submit, ended(resolve), ended(reject))
    })
  }

  #submit<T>(submit: Submit<T>, resolve: Settle, reject: Settle): void {
    const isLater = this.#tickets.submit(submit, resolve, reject)
    if (!isLater || this.#flushes || !this.#calls.flush) return
    // Not now: calls that are made in the same turn go together.
    this.#flushes = true
    NOW.then(this.#flush)
  }

  readonly #flush = () => {
    this.#flushes = false
    this.#calls.flush?.()
  }
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
type Submit<T> = (ticket: number) => number | T | StoreFault

type Settle = (value: never) => void

/** The promises that are not settled yet, by number. Numbers are used again, so they stay few. */
class Tickets {
  readonly #resolvers: Settle[] = []
  readonly #rejecters: Settle[] = []
  readonly #free: number[] = []

  /** Whether the answer comes later. */
  submit<T>(submit: Submit<T>, resolve: Settle, reject: Settle): boolean {
    const ticket = this.#free.pop() ?? this.#resolvers.length
    let answer: number | T | StoreFault
    try {
      answer = submit(ticket)
    } catch (error) {
      this.#free.push(ticket)
      reject(error as never)
      return false
    }
    this.#resolvers[ticket] = resolve
    this.#rejecters[ticket] = reject
    if (typeof answer === 'number') return true
    this.#settle(ticket, answer)
    return false
  }

  /** @param settled Each ticket followed by its answer. */
  settle(settled: unknown[]): void {
    for (let i = 0; i < settled.length; i += 2) this.#settle(settled[i] as number, settled[i + 1])
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
    if (typeof answer === 'object' && answer !== null) reject(fromFault(answer as StoreFault))
    else resolve(answer)
  }
}

/** In the place of a promise that is settled, so that what it held can be collected. */
function nobody(): void {}

const NOW = Promise.resolve()
