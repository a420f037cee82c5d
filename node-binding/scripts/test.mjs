// Runs the compiled tests under one Node.
//
//   node scripts/test.mjs [topic ...]      build/<topic>.test.js, or all of them

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** For one test, or one file. What takes longer hangs. */
const TIMEOUT_MS = 120_000

const BUILD = fileURLToPath(new URL('../build/', import.meta.url))

/** Runs the tests under `node`, prints what they print, and answers the exit code. */
export async function runTests(node, topics) {
  const files = testFiles(topics)
  const options = ['--test', '--test-reporter=spec', `--test-timeout=${TIMEOUT_MS}`]
  const child = spawn(node, [...options, ...files], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  return code ?? 1
}

function testFiles(topics) {
  const found = readdirSync(BUILD)
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => topics.length === 0 || topics.includes(name.replace('.test.js', '')))
  if (found.length === 0) throw new Error(`no compiled tests in ${BUILD}: run npm run build:test`)
  return found.map((name) => BUILD + name)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await runTests(process.execPath, process.argv.slice(2))
}
