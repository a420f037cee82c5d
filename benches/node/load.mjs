// Puts load on a client of Redis: three loads to one save, by many callers at once.

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { quantile } from './measure.mjs'
import { payloadText } from './sessions.mjs'

const LOADS_PER_SAVE = 3

/** One session for each caller, already saved. */
export async function sessionsFor(client, callers, bytes) {
  const sessions = Array.from({ length: callers }, () => {
    const text = payloadText(bytes - visits(0).length).replace('"data":{', `"data":{${visits(0)}`)
    return { id: JSON.parse(text).id, text, at: text.indexOf(visits(0)), visits: 0 }
  })
  await Promise.all(sessions.map((session) => client.create(session, session.text)))
  return sessions
}

/**
 * Runs for about `ms` milliseconds.
 *
 * @returns Operations a second, microseconds of the main thread for each, and what half and 99 of
 *   100 of the callers waited for one, in microseconds.
 */
export async function underLoad(client, sessions, ms) {
  const latencies = []
  const start = performance.now()
  const startCpu = mainThreadUs()
  const until = start + ms
  await Promise.all(sessions.map((session) => caller(client, session, until, latencies)))
  const elapsed = performance.now() - start
  return {
    perSecond: latencies.length / (elapsed / 1000),
    mainThreadUs: (mainThreadUs() - startCpu) / latencies.length,
    p50: quantile(latencies, 0.5) * 1000,
    p99: quantile(latencies, 0.99) * 1000,
  }
}

async function caller(client, session, until, latencies) {
  let start = performance.now()
  const done = () => {
    const now = performance.now()
    latencies.push(now - start)
    start = now
    return now
  }
  do {
    for (let n = 0; n < LOADS_PER_SAVE; n++) {
      const text = await client.load(session)
      if (text !== session.text) throw new Error('a load gave something else than what was saved')
      done()
    }
    session.visits += 1
    const text = nextText(session)
    await client.save(session, text)
    session.text = text
  } while (done() < until)
}

/** What changes from save to save, always as long. */
function visits(count) {
  return `"visits":${100_000_000 + count},`
}

function nextText({ text, at, visits: count }) {
  const part = visits(count)
  return text.slice(0, at) + part + text.slice(at + part.length)
}

/** Time that the main thread was running, where the system says so; else that it was not idle. */
function mainThreadUs() {
  try {
    const [nanoseconds] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'ascii').split(
      ' ',
    )
    return Number(nanoseconds) / 1000
  } catch {
    return performance.eventLoopUtilization().active * 1000
  }
}
