/**
 * Prints each event of the package in a line, where SESSION_TEST_TRACE is set: what is published on
 * its channels, and what tests catch of the console. `tests/output/search.py` searches these lines
 * for secrets, and nobody sees them.
 *
 *   rudder-session:*, captureConsole  -->  "[trace] rudder-session:save { driver: .. }"
 *
 * `scripts/test.mjs` has each test file import it.
 */

import { subscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { isMainThread } from 'node:worker_threads'

const IS_ON = process.env.SESSION_TEST_TRACE !== undefined

/** As a log would show it that shows all there is. */
export function trace(...said: unknown[]): void {
  if (!IS_ON) return
  const text = said.map((it) => (typeof it === 'string' ? it : inspect(it, DEEP))).join(' ')
  process.stderr.write(`[trace] ${text.replaceAll('\n', '\\n')}\n`)
}

const DEEP = { depth: 10, breakLength: Number.POSITIVE_INFINITY }

if (IS_ON && isMainThread) {
  // Thousands a second are alike but for their durations, and each kind is printed once.
  const seen = new Set<string>()
  for (const name of ['load', 'save', 'regenerate', 'destroy', 'error']) {
    subscribe(`rudder-session:${name}`, (message, channel) => {
      const { durationMs: _, ...rest } = message as { durationMs: number }
      const kind = `${name} ${Object.values(rest)}`
      if (!seen.has(kind)) trace(String(channel), message)
      seen.add(kind)
    })
  }
  trace(`on in ${process.argv[1]}`)
}
