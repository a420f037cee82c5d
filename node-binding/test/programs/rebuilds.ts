/**
 * A development server that builds its middlewares anew at each edit, with requests under way,
 * and closes none.
 *
 *   RebuildsSettings  -->  prints RebuildsSeen, once what is garbage has been collected
 */

import { type SessionConfig, sessionMiddleware } from '@rudderjs/session-native'
import { collectGarbage, rssWithoutGarbage, until } from '../support/garbage.js'
import { Browser, config } from '../support/pipeline.js'
import { print, settings } from '../support/program.js'
import { RespClient } from '../support/redis-server.js'

export interface RebuildsSettings {
  url: string
  socketPath: string
  rounds: number
}

export interface RebuildsSeen {
  /** Of the redis driver, while requests are under way. */
  mostConnections: number
  requests: number
  /** Requests that ended well. */
  answered: number
  /** Bytes, since the first fifth of the rounds. */
  rssGrown: number
}

const VISITS = 10
const { url, socketPath, rounds } = settings<RebuildsSettings>()
const client = await RespClient.connect(socketPath)
const seen: RebuildsSeen = { mostConnections: 0, requests: 0, answered: 0, rssGrown: 0 }
let [built, collected] = [0, 0]
const registry = new FinalizationRegistry(() => {
  collected += 1
})

/** Half a megabyte, to tell by what a store that stays holds. */
const TEXT = 'x'.repeat(1 << 19)

function buildAndVisit(changes: Partial<SessionConfig>): void {
  const middleware = sessionMiddleware(config(changes))
  for (const it of [middleware, middleware.engine, middleware.engine.driver]) {
    registry.register(it, undefined)
    built += 1
  }
  for (let n = 0; n < VISITS; n++) {
    seen.requests += 1
    const browser = new Browser(middleware)
    const visits = async () => {
      const text = n === 0 && changes.driver === 'memory' ? TEXT : 'short'
      await browser.visit((session) => session.put('text', text))
      const { session } = await browser.visit()
      if (session.get('text') === text) seen.answered += 1
    }
    void visits()
  }
}

let before = 0
for (let round = 0; round < rounds; round++) {
  buildAndVisit({ driver: 'redis', redis: { url, poolSize: 2, deadlineMs: 10_000 } })
  buildAndVisit({ driver: 'memory' })
  seen.mostConnections = Math.max(seen.mostConnections, await client.connections())
  // Often, since V8 does not know how much there is behind a store.
  if (round % 5 === 0) await collectGarbage()
  if (round === Math.ceil(rounds / 5)) before = await rssWithoutGarbage()
}
await until(() => seen.answered === seen.requests && collected === built)
seen.rssGrown = (await rssWithoutGarbage()) - before

print(seen)
client.close()
