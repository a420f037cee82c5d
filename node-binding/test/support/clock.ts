/** Moves `Date.now`, as applications under test and their time travel do. */

import type { TestContext } from 'node:test'

/** A clock that stands still until it is moved. Put back at the end of the test. */
export function stopClock(t: TestContext, nowMs: number): { set(nowMs: number): void } {
  let now = nowMs
  t.mock.method(Date, 'now', () => now)
  return {
    set: (nowMs) => {
      now = nowMs
    },
  }
}
