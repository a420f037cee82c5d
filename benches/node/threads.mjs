// Prints what a call to Redis costs each thread: microseconds of processor time.
//
//   node threads.mjs        Linux only: the times are those of /proc/<pid>/task/*/schedstat
//
// The load is that of the Redis rows. Of five rounds for each line the second fastest counts.

import { readdirSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { ioredis, ourDefault, ourLastWriteWins } from './clients.mjs'
import { sessionsFor, underLoad } from './load.mjs'
import { startRedis } from './servers.mjs'

const BYTES = 500
const ROUNDS = 5
const ROUND_MS = 300

const redis = await startRedis()
for (const open of [ourLastWriteWins, ourDefault, ioredis]) {
  for (const callers of [1, 16, 256]) {
    const client = await open(redis.port)
    const sessions = await sessionsFor(client, callers, BYTES)
    await underLoad(client, sessions, ROUND_MS)
    const rounds = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await measured(client, sessions))
    const [, second] = rounds.sort((a, b) => b.perSecond - a.perSecond)
    console.log(open.name, callers, 'under way:', JSON.stringify(second))
    client.close()
  }
}
await redis.stop()

async function measured(client, sessions) {
  const [start, before] = [performance.now(), times()]
  const { perSecond } = await underLoad(client, sessions, ROUND_MS)
  const calls = (perSecond * (performance.now() - start)) / 1000
  const costs = Object.entries(times()).map(([name, us]) => [
    name,
    Number(((us - (before[name] ?? 0)) / calls).toFixed(2)),
  ])
  const worth = costs.filter(([, us]) => us >= 0.02)
  return { perSecond: Math.round(perSecond), ...Object.fromEntries(worth) }
}

/** Microseconds that the threads of each name, and Redis, have run so far. */
function times() {
  const times = { redis: 0 }
  for (const { name, us } of threadsOf('self')) times[name] = (times[name] ?? 0) + us
  for (const { us } of threadsOf(redis.pid)) times.redis += us
  return times
}

function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const read = (file) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'ascii').trim()
    try {
      return [{ name: read('comm'), us: Number(read('schedstat').split(' ')[0]) / 1000 }]
    } catch {
      return [] // It has ended meanwhile.
    }
  })
}
