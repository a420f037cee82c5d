/**
 * Runs a program of `test/programs` in a process of its own, whose end and whose memory say
 * something.
 *
 *   test:     run('workers', settings)     -->  { code, signal, printed, errors }
 *   program:  settings() .. print(result)
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { trace } from './trace.js'

/** How a program ended, and what it said. */
export interface Ended<T> {
  code: number | null
  signal: NodeJS.Signals | null
  /** What it gave to `print`. */
  printed: T[]
  /** Its standard error. */
  errors: string
}

/** @param timeoutMs After that it is killed, so that what hangs does not outlive its test. */
export async function run<T>(name: string, given: unknown, timeoutMs: number): Promise<Ended<T>> {
  const file = new URL(`../programs/${name}.js`, import.meta.url).pathname
  const child = spawn(process.execPath, [...FLAGS, file, JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its standard error is the test's to judge.
    env: { ...process.env, SESSION_TEST_TRACE: undefined },
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const [[code, signal], output, errors] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  if (errors !== '') trace(`standard error of ${name}:`, errors)
  const printed = output.split('\n').filter(Boolean)
  return { code, signal, printed: printed.map((line) => JSON.parse(line)), errors }
}

/** With a young generation that does not grow: Node 24 lets it take more than what is looked for. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1']

/** In the program: what the test has given. */
export function settings<T>(): T {
  return JSON.parse(process.argv[2] ?? 'null')
}

/** In the program: tells the test. */
export function print(value: unknown): void {
  console.log(JSON.stringify(value))
}
