// Compares whole HTTP servers: without a session, with another package's, with ours.
//
//   node http/main.mjs [word ...]      only the comparisons whose name has a word in it
//
//   this process --starts--> server.mjs     one for each way to keep a session, none idle
//                --starts--> load.mjs       autocannon: 64 connections, each with a session of its
//                                           own and one request at a time
//
// All servers of a framework take turns, round after round. Prints a table, and writes
// target/bench/http.json: an array of { name, ours, peer, unit, ratio, spread }, where a ratio above
// 1 means that ours is better and null that the spread is larger than the difference.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { quantile } from '../measure.mjs'
import { writeRows } from '../result.mjs'
import { startRedis } from '../servers.mjs'
import { KINDS } from './kinds.mjs'

const ROUNDS = 5
const ROUTES = ['read', 'write']
const CONNECTIONS = 64
const ROUND_SECONDS = 1

const METRICS = [
  { key: 'perSecond', unit: 'req/s', moreIsBetter: true },
  { key: 'p99Ms', unit: 'ms', moreIsBetter: false },
  { key: 'serverCpuUs', unit: 'us', moreIsBetter: false },
]

const words = process.argv.slice(2)
const [cpu] = cpus()
console.log(`Node ${process.version}, ${cpus().length} x ${cpu?.model.trim()}`)

const rows = []
const redis = await startRedis()
const load = fork(new URL('load.mjs', import.meta.url))
try {
  for (const framework of Object.keys(KINDS)) {
    if (words.length > 0 && !words.some((word) => framework.includes(word))) continue
    await compare(framework, KINDS[framework])
  }
} finally {
  load.kill()
  await redis.stop()
}
writeRows('http.json', rows)

async function compare(framework, kinds) {
  const servers = []
  for (const kind of kinds) servers.push(await startServer(framework, kind, redis.port))
  try {
    for (const route of ROUTES) {
      // The first round only warms up.
      for (let round = 0; round <= ROUNDS; round++) {
        for (const server of servers) {
          const figures = await underLoad(server, route)
          if (round === 0) server.rounds[route] = []
          else server.rounds[route].push(figures)
        }
      }
      print(framework, route, servers)
      addRows(framework, route, servers)
    }
  } finally {
    for (const { child } of servers) child.kill()
  }
}

async function startServer(framework, kind, redisPort) {
  const env = { ...process.env, NODE_ENV: 'production' }
  const settings = [framework, kind.name, `${redisPort}`]
  const child = fork(new URL('server.mjs', import.meta.url), settings, { env })
  const [port] = await once(child, 'message')
  const cookies = []
  while (cookies.length < CONNECTIONS) cookies.push(await logIn(port, kind))
  return { kind, child, port, cookies, rounds: {} }
}

/** The cookie of a new session of 500 bytes; checks that it is one. */
async function logIn(port, { name, peerOf, ours }) {
  const login = await fetch(`http://127.0.0.1:${port}/login`)
  const cookie = login.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ')
  const read = await fetch(`http://127.0.0.1:${port}/read`, { headers: { cookie } })
  const answer = await read.json()
  const expected = peerOf || ours ? 'A-1001' : null
  if (answer.sku !== expected) throw new Error(`${name}: ${JSON.stringify(answer)}`)
  return cookie
}

async function underLoad({ child, port, cookies, kind }, route) {
  const before = await cpuUs(child)
  load.send({ url: `http://127.0.0.1:${port}/${route}`, cookies, seconds: ROUND_SECONDS })
  const [{ requests, perSecond, p99Ms, bad }] = await once(load, 'message')
  if (bad > 0) throw new Error(`${kind.name}: ${bad} of ${requests} requests failed`)
  return { perSecond, p99Ms, serverCpuUs: ((await cpuUs(child)) - before) / requests }
}

async function cpuUs(child) {
  child.send('cpu')
  const [us] = await once(child, 'message')
  return us
}

function addRows(framework, route, servers) {
  for (const ours of servers.filter(({ kind }) => kind.ours)) {
    for (const peer of servers.filter(({ kind }) => kind.peerOf?.includes(ours.kind.name))) {
      addPair(framework, route, ours, peer)
    }
    addPair(framework, route, ours, servers[0])
  }
}

function addPair(framework, route, ours, peer) {
  for (const { key, unit, moreIsBetter } of METRICS) {
    const [our, their] = [ours, peer].map((it) => it.rounds[route].map((figures) => figures[key]))
    const ratios = our.map((value, n) => (moreIsBetter ? value / their[n] : their[n] / value))
    const ratio = quantile(ratios, 0.5)
    const spread = quantile(ratios, 0.75) - quantile(ratios, 0.25)
    rows.push({
      name: `http/${framework}/${route}/${ours.kind.name}/${peer.kind.name}/${key}`,
      ours: rounded(quantile(our, 0.5)),
      peer: rounded(quantile(their, 0.5)),
      unit,
      ratio: spread <= Math.abs(ratio - 1) ? rounded(ratio) : null,
      spread: rounded(spread),
    })
  }
}

function rounded(value) {
  return Number(value.toPrecision(4))
}

function print(framework, route, servers) {
  console.log(`\n${framework}/${route}`)
  for (const { kind, rounds } of servers) {
    const cells = METRICS.map(({ key, unit }) => {
      const values = rounds[route].map((figures) => figures[key])
      return `${rounded(quantile(values, 0.5))} ${unit}`.padStart(14)
    })
    console.log(`  ${kind.name.padEnd(32)} ${cells.join(' ')}`)
  }
}
