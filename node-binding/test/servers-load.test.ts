/**
 * 10,000 requests from 50 connections to each kind of server lose no write.
 *
 * Each request puts a key of its own into one of 25 sessions, so at any time two requests or more
 * are on their way to the same one.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import type { SessionOptions } from '@rudderjs/session-native'
import { SECRET } from './support/pipeline.js'
import { RedisServer } from './support/redis-server.js'
import { FRAMEWORKS, type Routes } from './support/servers.js'

const REQUESTS = 10_000
const CONNECTIONS = 50
const SESSIONS = 25

const routes: Routes = {
  'POST /': async (session, reply, body) => {
    // Others load the session meanwhile.
    await new Promise((resolve) => setImmediate(resolve))
    session.put((body as { key: string }).key, 1)
    return reply.empty(204)
  },
  'GET /keys': (session, reply) => reply.json(Object.keys(session.all())),
}

let redis: RedisServer
before(async () => {
  redis = await RedisServer.start()
})
after(() => redis.stop())

const stores: [name: string, options: () => Partial<SessionOptions>][] = [
  ['memory', () => ({ driver: 'memory' })],
  ['redis', () => ({ driver: 'redis', redis: { url: redis.url, deadlineMs: 10_000 } })],
]
for (const [framework, start] of FRAMEWORKS) {
  for (const [store, optionsOf] of stores) {
    test(`${framework} loses no write, ${store} driver`, async (t) => {
      const running = await start({ secret: SECRET, ...optionsOf() }, routes)
      t.after(() => running.close())
      let connections = 0
      running.server.on('connection', () => {
        connections += 1
      })
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
      t.after(() => agent.destroy())
      const send = async (method: string, path: string, cookie: string, body?: object) => {
        const headers = { cookie, ...(body ? { 'content-type': 'application/json' } : {}) }
        const sent = request(running.url + path, { method, headers, agent })
        sent.end(body && JSON.stringify(body))
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        return { cookies: response.headers['set-cookie'] ?? [], body: await text(response) }
      }
      const cookies = await Promise.all(
        Array.from({ length: SESSIONS }, async (_, at) => {
          const { cookies } = await send('POST', '/', '', { key: `first-${at}` })
          return cookies[0]?.split(';')[0] ?? ''
        }),
      )

      let next = 0
      const work = async () => {
        for (let n = next++; n < REQUESTS; n = next++) {
          await send('POST', '/', cookies[n % SESSIONS] ?? '', { key: `key-${n}` })
        }
      }
      await Promise.all(Array.from({ length: CONNECTIONS }, work))

      assert.equal(connections, CONNECTIONS)
      for (const [at, cookie] of cookies.entries()) {
        const kept: string[] = JSON.parse((await send('GET', '/keys', cookie)).body)
        const sent = Array.from(
          { length: REQUESTS / SESSIONS },
          (_, n) => `key-${n * SESSIONS + at}`,
        )
        assert.deepEqual(kept.sort(), [`first-${at}`, ...sent].sort())
      }
    })
  }
}
