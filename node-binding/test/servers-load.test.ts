/**
 * 10,000 requests from 50 connections to each kind of server lose no write, with each driver.
 *
 * Where the server keeps the sessions, each request puts a key of its own into one of 25, so at
 * any time two requests or more are on their way to the same one. With the cookie driver the
 * client holds the session, and what two requests write at once cannot be put together: there
 * each connection is a client with its own cookie, that counts its own requests.
 */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { SessionOptions } from '@rudderjs/session-native'
import { HttpConnection } from './support/http-connection.js'
import { SECRET } from './support/pipeline.js'
import { RedisServer } from './support/redis-server.js'
import { FRAMEWORKS, type Routes, type Start } from './support/servers.js'

/** The whole load, of 10,000, is `make test-load`. */
const REQUESTS = Number(process.env.LOAD_REQUESTS ?? 1000)
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
  'POST /count': async (session, reply) => {
    await new Promise((resolve) => setImmediate(resolve))
    session.increment('count')
    return reply.empty(204)
  },
  'GET /count': (session, reply) => reply.json(session.get('count')),
}

let redis: RedisServer
let folder: string
before(async () => {
  redis = await RedisServer.start()
  folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
})
after(async () => {
  await redis.stop()
  await rm(folder, { recursive: true })
})

const stores: [name: string, optionsFor: (framework: string) => Partial<SessionOptions>][] = [
  ['memory', () => ({ driver: 'memory' })],
  [
    'file',
    (framework) => ({
      driver: 'file',
      file: { path: join(folder, `${framework}.redb`), deadlineMs: 10_000 },
    }),
  ],
  ['redis', () => ({ driver: 'redis', redis: { url: redis.url, deadlineMs: 10_000 } })],
]
for (const [framework, start] of FRAMEWORKS) {
  for (const [store, optionsFor] of stores) {
    test(`${framework} loses no write to a shared session, ${store} driver`, async (t) => {
      const connections = await connectionsTo(t, start, optionsFor(framework))
      const sessions = await Promise.all(
        connections.slice(0, SESSIONS).map(async (connection, at) => {
          const json = { key: `first-${at}` }
          const { cookie = '' } = await connection.ask({ method: 'POST', path: '/', json })
          return { cookie, connection }
        }),
      )

      let next = 0
      const work = async (connection: HttpConnection) => {
        for (let n = next++; n < REQUESTS; n = next++) {
          const cookie = sessions[n % SESSIONS]?.cookie ?? ''
          const json = { key: keyOf(n) }
          const { status } = await connection.ask({ method: 'POST', path: '/', cookie, json })
          assert.equal(status, 204)
        }
      }
      await Promise.all(connections.map(work))

      for (const [at, { cookie, connection }] of sessions.entries()) {
        const { body } = await connection.ask({ method: 'GET', path: '/keys', cookie })
        const sent = Array.from({ length: REQUESTS / SESSIONS }, (_, n) => keyOf(n * SESSIONS + at))
        assert.deepEqual(JSON.parse(body).sort(), [`first-${at}`, ...sent].sort())
      }
    })
  }

  test(`${framework} loses no write of any client, cookie driver`, async (t) => {
    const connections = await connectionsTo(t, start, { driver: 'cookie' })
    const client = async (connection: HttpConnection) => {
      let jar = ''
      for (let n = 0; n < REQUESTS / CONNECTIONS; n++) {
        const answer = await connection.ask({ method: 'POST', path: '/count', cookie: jar })
        jar = answer.cookie ?? assert.fail('a write was not sent to the client')
      }
      return (await connection.ask({ method: 'GET', path: '/count', cookie: jar })).body
    }

    const counts = await Promise.all(connections.map(client))

    assert.deepEqual(counts, Array(CONNECTIONS).fill(String(REQUESTS / CONNECTIONS)))
  })
}

/** Short: a session has 400 of them in the end, and is written each time. */
const keyOf = (n: number) => n.toString(36)

/** Starts a server of these routes, and opens CONNECTIONS connections to it. */
async function connectionsTo(
  t: TestContext,
  start: Start,
  options: Partial<SessionOptions>,
): Promise<HttpConnection[]> {
  const running = await start({ secret: SECRET, ...options }, routes)
  t.after(() => running.close())
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => HttpConnection.open(running.url)),
  )
  t.after(() => {
    for (const connection of connections) connection.close()
  })
  return connections
}
