/**
 * Makes promises of the addon's store calls.
 *
 *   NativeStore -- call(ticket, ..) --> addon     answered at once: settled at once
 *               <-- drain(tickets, answers) --    one call for all that was answered by now
 *
 * Made here and not in the addon, promises keep the caller's AsyncLocalStorage, and settling a
 * hundred of them costs one crossing. What the calls mean is said in `native.d.ts`.
 */

import type { StoreCalls, StoreFault, StoreStats } from '../native.js'
import { fromFault } from './errors.js'

/** Any store of the addon, with promises. */
export class NativeStore {
  readonly #calls: StoreCalls
  readonly #tickets: Tickets

  /** @param open Makes the addon's store, whose answers go to `drain`. */
  constructor(open: (drain: (tickets: number[], answers: unknown[]) => void) => StoreCalls) {
    const tickets = new Tickets()
    this.#tickets = tickets
    // It must not hold this store, which holds it: what is garbage would never be collected.
    this.#calls = open((numbers, answers) => tickets.settle(numbers, answers))
  }

  /**
   * Reads a payload.
   *
   * @param id The session id; one that could not name a record is answered with `null`.
   * @param nowMs Milliseconds since the Unix epoch, as `Date.now()` gives them.
   * @returns The payload as JSON text, or `null` if there is none, or no longer.
   */
  load(id: string, nowMs: number): Promise<string | null> {
    return this.#tickets.promise((ticket) => this.#calls.load(ticket, id, nowMs))
  }

  /**
   * Writes a payload under its own id if there is no such record yet.
   *
   * @returns `false` if there is one, and nothing was written.
   */
  create(payloadJson: string, ttlSeconds: number, nowMs: number): Promise<boolean> {
    return this.#tickets.promise((ticket) =>
      this.#calls.create(ticket, payloadJson, ttlSeconds, nowMs),
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
  ): Promise<boolean | string | null> {
    return this.#tickets.promise((ticket) =>
      this.#calls.update(ticket, baseJson, payloadJson, ttlSeconds, nowMs),
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
  ): Promise<boolean | string> {
    return this.#tickets.promise((ticket) =>
      this.#calls.regenerate(ticket, baseJson, payloadJson, ttlSeconds, nowMs),
    )
  }

  /** Writes a payload under its own id, whatever is there or not: the last write wins. */
  save(payloadJson: string, ttlSeconds: number, nowMs: number): Promise<void> {
    return this.#tickets.promise((ticket) =>
      this.#calls.save(ticket, payloadJson, ttlSeconds, nowMs),
    )
  }

  /**
   * Starts the TTL of a record anew.
   *
   * @returns Whether there is such a record.
   */
  touch(id: string, ttlSeconds: number, nowMs: number): Promise<boolean> {
    return this.#tickets.promise((ticket) => this.#calls.touch(ticket, id, ttlSeconds, nowMs))
  }

  /** Removes a record. A rejection means that the record may still be there. */
  destroy(id: string): Promise<void> {
    return this.#tickets.promise((ticket) => this.#calls.destroy(ticket, id))
  }

  /** What the store did so far. All zeros once it is closed. */
  stats(): StoreStats {
    return this.#calls.stats()
  }

  /**
   * Ends threads and connections. Calls that the store has by now are still answered, if it
   * answers; those that it does not answer, and those that come, reject with
   * `ERR_SESSION_STORE_CLOSED`. Twice is as good as once.
   */
  close(): void {
    this.#calls.close()
  }
}

/** The promises that are not settled yet, by number. Numbers are used again, so they stay few. */
class Tickets {
  readonly #resolvers: ((value: never) => void)[] = []
  readonly #rejecters: ((error: unknown) => void)[] = []
  readonly #free: number[] = []

  /** @param submit Answers the ticket if the answer comes later, else the answer itself. */
  promise<T>(submit: (ticket: number) => number | T | StoreFault): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const ticket = this.#free.pop() ?? this.#resolvers.length
      let answer: number | T | StoreFault
      try {
        answer = submit(ticket)
      } catch (error) {
        this.#free.push(ticket)
        throw error
      }
      this.#resolvers[ticket] = resolve
      this.#rejecters[ticket] = reject
      if (typeof answer !== 'number') this.#settle(ticket, answer)
    })
  }

  settle(tickets: number[], answers: unknown[]): void {
    for (let i = 0; i < tickets.length; i++) this.#settle(tickets[i] as number, answers[i])
  }

  #settle(ticket: number, answer: unknown): void {
    const resolve = this.#resolvers[ticket] as (value: unknown) => void
    const reject = this.#rejecters[ticket] as (error: unknown) => void
    this.#resolvers[ticket] = nobody
    this.#rejecters[ticket] = nobody
    this.#free.push(ticket)
    if (typeof answer === 'object' && answer !== null) reject(fromFault(answer as StoreFault))
    else resolve(answer)
  }
}

/** In the place of a promise that is settled, so that what it held can be collected. */
function nobody(): void {}
