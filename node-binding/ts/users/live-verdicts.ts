/**
 * Remembers for a while which sessions were live, so that not each request asks the store.
 *
 *   handle -> until when        oldest first; the oldest goes when there are too many
 *
 * Only of this process: what another one ends is live here for as long.
 */

import type { Mark } from './mark.js'

export class LiveVerdicts {
  readonly #spanMs: number
  readonly #untilMs = new Map<string, number>()
  #forgotten = 0

  /** @param spanMs How long a verdict is good; 0 for not at all. */
  constructor(spanMs: number) {
    this.#spanMs = spanMs
  }

  has(mark: Mark, nowMs: number): boolean {
    const until = this.#untilMs.get(nameOf(mark))
    // Either way of a clock that was moved.
    return until !== undefined && nowMs < until && until - nowMs <= this.#spanMs
  }

  /** A point in time for `put`. */
  now(): number {
    return this.#forgotten
  }

  /** Keeps a verdict, unless something was ended since `asked`. */
  put(mark: Mark, nowMs: number, asked: number): void {
    if (this.#spanMs === 0 || asked !== this.#forgotten) return
    const name = nameOf(mark)
    this.#untilMs.delete(name)
    if (this.#untilMs.size >= MOST) this.#untilMs.delete(this.#untilMs.keys().next().value ?? '')
    this.#untilMs.set(name, nowMs + this.#spanMs)
  }

  /** Forgets those of a user: some were ended. */
  forget(index: string): void {
    this.#forgotten += 1
    for (const name of this.#untilMs.keys()) {
      if (name.startsWith(index)) this.#untilMs.delete(name)
    }
  }
}

function nameOf({ index, handle }: Mark): string {
  return index + handle
}

const MOST = 10_000
