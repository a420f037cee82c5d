/** Catches what is printed through `console`, for the tests that judge it. */

import type { TestContext } from 'node:test'
import { trace } from './trace.js'

/** The calls of `console[method]` from now to the end of the test, which print nothing. */
export function captureConsole(t: TestContext, method: 'warn' | 'error'): unknown[][] {
  const calls: unknown[][] = []
  t.mock.method(console, method, (...args: unknown[]) => {
    calls.push(args)
    trace(`console.${method}`, ...args)
  })
  return calls
}
