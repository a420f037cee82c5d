/**
 * Prints what any request may cause, and no flood of requests can fill a log with.
 *
 *   Seldom(10)    10 lines a minute; the first line after others were left out says how many
 *
 * One for each kind of line and each engine. What is printed once in a process needs none.
 */

/** The lines of one kind. */
export class Seldom {
  readonly #linesAMinute: number
  #minuteEndsMs = Number.NEGATIVE_INFINITY
  #lines = 0
  #leftOut = 0

  constructor(linesAMinute: number) {
    this.#linesAMinute = linesAMinute
  }

  /**
   * Has `print` print a line, or leaves it out.
   *
   * @param print Gets what to put behind the text: how many lines were left out before it.
   */
  tell(print: (note: string) => void, nowMs: number = performance.now()): void {
    if (nowMs >= this.#minuteEndsMs) {
      this.#minuteEndsMs = nowMs + MINUTE_MS
      this.#lines = 0
    }
    if (this.#lines === this.#linesAMinute) {
      this.#leftOut += 1
      return
    }
    this.#lines += 1
    const note = this.#leftOut === 0 ? '' : ` (${this.#leftOut} more of these were left out)`
    this.#leftOut = 0
    print(note)
  }
}

/** A `Seldom` for each of the objects that it is asked for. */
export function seldomFor(linesAMinute: number): (home: object) => Seldom {
  const all = new WeakMap<object, Seldom>()
  return (home) => {
    const known = all.get(home) ?? new Seldom(linesAMinute)
    all.set(home, known)
    return known
  }
}

const MINUTE_MS = 60_000
