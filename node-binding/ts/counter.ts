/**
 * Counts calls of one kind, and how long they took until they were answered.
 *
 *   counter.timed(() => call()) --> the same answer, at once or later; counter.stats
 */

/** How often something was called, and how long it took as a request saw it. */
export interface OperationStats {
  calls: number
  /** How many of them failed. */
  errors: number
  totalMs: number
  maxMs: number
}

/** The calls of one kind. */
export class Counter {
  readonly #stats: OperationStats = { calls: 0, errors: 0, totalMs: 0, maxMs: 0 }

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
          this.ended(this.#count(startMs), isDone(it))
          return it
        },
        (error) => {
          this.#failed(startMs, error)
          throw error
        },
      ) as T
    }
    this.ended(this.#count(startMs), isDone(answer as Awaited<T>))
    return answer
  }

  /** For those who tell others of a call that has ended well. */
  protected ended(_durationMs: number, _done: boolean): void {}

  /** For those who tell others of a call that has failed. */
  protected failed(_durationMs: number, _error: unknown): void {}

  #failed(startMs: number, error: unknown): void {
    this.#stats.errors += 1
    this.failed(this.#count(startMs), error)
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
