// What sessions in Redis cost: three loads to one save of 500 bytes, by 1 to 256 callers at once.

import * as clients from '../clients.mjs'
import { sessionsFor, underLoad } from '../load.mjs'
import { quantile, spread } from '../measure.mjs'
import { startDelayProxy, startRedis } from '../servers.mjs'

const BYTES = 500
const ROUNDS = 5
const ROUND_MS = 300

/** Of each figure, which part of the rounds are worse: other programs only make it worse. */
const GOOD_ROUND = 0.2

const LWW = 'last_write_wins'
const DEFAULT = 'default'

export async function* redisRows() {
  const redis = await startRedis()
  try {
    const opened = await open(redis.port, {
      [LWW]: clients.ourLastWriteWins,
      [DEFAULT]: clients.ourDefault,
      ioredis: clients.ioredis,
      autopipelining: clients.ioredisAutoPipelining,
      'node-redis': clients.nodeRedis,
      'valkey-glide': clients.valkeyGlide,
    })
    const ours = { [LWW]: opened[LWW], [DEFAULT]: opened[DEFAULT], ioredis: opened.ioredis }
    const at1 = await figures(ours, 1)
    const at16 = await figures(ours, 16)
    const at256 = await figures(opened, 256)

    yield row(at256, 256, LWW, 'ioredis', 'perSecond', 4)
    yield row(at256, 256, DEFAULT, 'ioredis', 'perSecond', 3)
    for (const peer of ['autopipelining', 'node-redis', 'valkey-glide']) {
      yield row(at256, 256, DEFAULT, peer, 'perSecond', 2.5)
    }
    for (const variant of [LWW, DEFAULT]) {
      yield row(at16, 16, variant, 'ioredis', 'mainThreadUs', 3)
      yield row(at256, 256, variant, 'ioredis', 'mainThreadUs', 5)
    }
    yield row(at1, 1, DEFAULT, 'ioredis', 'p50', 0.9)
    yield row(at16, 16, DEFAULT, 'ioredis', 'perSecond', 1.2)
    yield row(at16, 16, DEFAULT, 'ioredis', 'p99', 1.8)
    close(opened)
  } finally {
    await redis.stop()
  }
}

export async function* delayedRedisRows() {
  const redis = await startRedis()
  const proxy = await startDelayProxy(redis.port, 1)
  try {
    const opened = await open(proxy.port, {
      [DEFAULT]: clients.ourDefault,
      ioredis: clients.ioredis,
    })
    for (const callers of [1, 64, 256]) {
      const measured = await figures(opened, callers)
      yield row(measured, callers, DEFAULT, 'ioredis', 'p50', 1, ', 1 ms away')
    }
    close(opened)
  } finally {
    await proxy.stop()
    await redis.stop()
  }
}

async function open(port, makers) {
  const opened = {}
  for (const [name, make] of Object.entries(makers)) opened[name] = await make(port)
  return opened
}

function close(opened) {
  for (const client of Object.values(opened)) client.close()
}

/** Of each client: each figure of a good round. All take their turns in each round. */
async function figures(opened, callers) {
  const runs = []
  for (const [name, client] of Object.entries(opened)) {
    const sessions = await sessionsFor(client, callers, BYTES)
    await underLoad(client, sessions, ROUND_MS)
    runs.push({ name, client, sessions, rounds: [] })
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { client, sessions, rounds } of runs) {
      rounds.push(await underLoad(client, sessions, ROUND_MS))
    }
  }
  return Object.fromEntries(runs.map(({ name, rounds }) => [name, good(rounds)]))
}

function good(rounds) {
  const of = (figure, part) =>
    quantile(
      rounds.map((round) => round[figure]),
      part,
    )
  return {
    perSecond: of('perSecond', 1 - GOOD_ROUND),
    mainThreadUs: of('mainThreadUs', GOOD_ROUND),
    p50: of('p50', GOOD_ROUND),
    p99: of('p99', GOOD_ROUND),
    rounds,
  }
}

const FIGURES = {
  perSecond: ['operations', 'op/s'],
  mainThreadUs: ['main thread for each operation', 'us'],
  p50: ['half of the operations', 'us'],
  p99: ['99 of 100 operations', 'us'],
}

const PEERS = { autopipelining: 'ioredis autopipelining' }

function row(measured, callers, variant, peer, figure, target, where = '') {
  const [label, unit] = FIGURES[figure]
  const [ours, theirs] = [variant, peer].map((name) =>
    measured[name].rounds.map((round) => round[figure]),
  )
  return {
    name: `redis, ${variant}, ${callers} callers${where}: ${label}`,
    peer: PEERS[peer] ?? peer,
    ours: measured[variant][figure],
    theirs: measured[peer][figure],
    unit,
    // Of rates more is better: their ratio is the other way round.
    spread: unit.endsWith('/s') ? spread(theirs, ours) : spread(ours, theirs),
    target,
  }
}
