// Runs the compiled tests under one Node.
//
//   node scripts/test.mjs [topic ...]      build/<topic>.test.js, or all of them
//
// The demo's tests are topics too: demo/main.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** For one test, or one file. What takes longer hangs. */
const TIMEOUT_MS = 120_000

const BUILD = fileURLToPath(new URL('../build/', import.meta.url))

/** Runs the tests under `node`, prints what they print, and answers the exit code. */
export async function runTests(node, topics) {
  const child = startTests(node, topics, 'inherit')
  const [code] = await once(child, 'exit')
  return code ?? 1
}

/** The same, but of tests that all pass only the closing lines are printed. */
export async function runTestsBriefly(node, topics) {
  const child = startTests(node, topics, ['inherit', 'pipe', 'inherit'])
  const closed = once(child, 'close')
  const output = await text(child.stdout)
  const [code] = await closed
  console.log(code === 0 ? output.slice(output.search(CLOSING_LINES)).trimEnd() : output)
  return code ?? 1
}

function startTests(node, topics, stdio) {
  const options = ['--test', '--test-reporter=spec', `--test-timeout=${TIMEOUT_MS}`]
  return spawn(node, [...options, ...testFiles(topics)], { stdio })
}

/** The counts that the spec reporter ends with. */
const CLOSING_LINES = /^\S+ tests \d+$/m

function testFiles(topics) {
  const inDemo = readdirSync(`${BUILD}demo`).map((name) => `demo/${name}`)
  const found = [...readdirSync(BUILD), ...inDemo]
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => topics.length === 0 || topics.includes(name.replace('.test.js', '')))
  if (found.length === 0) throw new Error(`no compiled tests in ${BUILD}: run npm run build:test`)
  return found.map((name) => BUILD + name)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await runTests(process.execPath, process.argv.slice(2))
}
