// Runs the compiled tests under one Node: with the addon, and then once more without it those
// whose outcome could depend on it, and those on every driver in the hardened format.
//
//   node scripts/test.mjs [topic ...]      build/<topic>.test.js, or all of them
//
// The tests of the demo and of the RudderJS surface are topics too: demo/main, rudderjs/server.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** For one test, or one file. What takes longer hangs. */
const TIMEOUT_MS = 240_000

/** Files at a time. Node leaves one processor out, which on two is half of them. */
const CONCURRENCY = availableParallelism()

const BUILD = fileURLToPath(new URL('../build/', import.meta.url))

/** What runs without the addon too. */
const WITHOUT_ADDON = [
  'canonical',
  'config',
  'cookie-size',
  'differential',
  'differential-v2',
  'express-session',
  'hardened-codec',
  'hardened-sessions',
  'hono',
  'hono-server',
  'lazy-payload',
  'lifetimes',
  'limits',
  'log-floods',
  'middleware',
  'outage',
  'parallel-requests',
  'process-exit',
  'rebuilds',
  'redis-dies',
  'regenerate-failures',
  'round-trip',
  'rudderjs/provider',
  'rudderjs/redis-driver',
  'rudderjs/server',
  'servers',
  'session-api',
  'session-instance',
  'store',
  'testing',
  'users',
  'users-races',
  'users-servers',
  'users-sign-in',
  'users-store',
  'users-vectors',
  'vectors',
]

/** What runs on every driver, and so in the hardened format too. */
const IN_V2 = [
  'lifetimes',
  'outage',
  'parallel-requests',
  'regenerate-failures',
  'session-api',
  'users',
  'users-sign-in',
  'users-store',
]

/** Runs the tests under `node`, prints what they print, and answers the exit code. */
export async function runTests(node, topics) {
  return forEachWay(topics, async (way, files) => {
    const command = [node, ...testOptions(), ...files]
    const [code] = await once(start(command, way, 'inherit'), 'exit')
    return code ?? 1
  })
}

/**
 * The same, but of tests that all pass only the closing lines are printed. What they printed, their
 * events too, is searched for secrets.
 */
export async function runTestsBriefly(node, topics) {
  return forEachWay(topics, async (way, files) => {
    const command = [...SEARCH, node, `--import=${TRACE}`, ...testOptions(), ...files]
    const child = start(command, way, ['inherit', 'pipe', 'pipe'])
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    console.log(code === 0 ? output.slice(output.search(CLOSING_LINES)).trimEnd() : output)
    // What the search reports is the last of it.
    console.error(errors.trimEnd())
    return code ?? 1
  })
}

/** Answers the first exit code that is not 0. SESSION_NATIVE=1: no silent way around the addon. */
async function forEachWay(topics, run) {
  const withAddon = await run('1', testFiles(topics))
  if (withAddon !== 0) return withAddon
  for (const [title, way, only] of [
    ['in the hardened format', '1 v2', IN_V2],
    ['without the addon', '0', WITHOUT_ADDON],
    ['in the hardened format, without the addon', '0 v2', IN_V2],
  ]) {
    const files = testFiles(topics, only)
    if (files.length === 0) continue
    console.log(`\n--- ${title}`)
    const code = await run(way, files)
    if (code !== 0) return code
  }
  return 0
}

function testOptions() {
  return [
    '--test',
    '--test-reporter=spec',
    `--test-timeout=${TIMEOUT_MS}`,
    `--test-concurrency=${CONCURRENCY}`,
  ]
}

function start([program, ...args], way, stdio) {
  const [SESSION_NATIVE, SESSION_TEST_FORMAT = 'v1'] = way.split(' ')
  const env = { ...process.env, SESSION_NATIVE, SESSION_TEST_FORMAT }
  return spawn(program, args, { stdio, env })
}

const SEARCH = [
  'python3',
  '-B',
  fileURLToPath(new URL('../../tests/output/search.py', import.meta.url)),
  '--trace',
]

/** Imported into each test file: has it print its events. */
const TRACE = new URL('../build/support/trace.js', import.meta.url).href

/** The counts that the spec reporter ends with. */
const CLOSING_LINES = /^\S+ tests \d+$/m

/** Those of `topics`, or all; with `only`, none that is not in there. */
function testFiles(topics, only) {
  const folders = ['demo', 'rudderjs']
  const inside = folders.flatMap((it) => readdirSync(BUILD + it).map((name) => `${it}/${name}`))
  const all = [...readdirSync(BUILD), ...inside].filter((name) => name.endsWith('.test.js'))
  const found = all.filter((name) => {
    const topic = name.replace('.test.js', '')
    return (topics.length === 0 || topics.includes(topic)) && (only?.includes(topic) ?? true)
  })
  if (found.length === 0 && !only) {
    throw new Error(`no compiled tests in ${BUILD}: run npm run build:test`)
  }
  return found.map((name) => BUILD + name)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await runTests(process.execPath, process.argv.slice(2))
}
