/** A session that another program has given a new id, with grace: this one writes along, and shuts up. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sessionMiddleware } from '@rudderjs/session-native'
import { Browser, config } from './support/pipeline.js'
import { RedisServer, type RespClient } from './support/redis-server.js'

let server: RedisServer
let client: RespClient

before(async () => {
  server = await RedisServer.start()
  client = await server.client()
})
after(async () => {
  client.close()
  await server.stop()
})

test('a request under way saves where the session is by now, and sends no cookie', async (t) => {
  const redis = { url: server.url, deadlineMs: 10_000 }
  const middleware = sessionMiddleware(config({ driver: 'redis', redis }))
  t.after(() => middleware.engine.close())
  const browser = new Browser(middleware)
  await browser.visit((session) => session.put('user', 1))

  const { setCookies } = await browser.visit(async (session) => {
    const old = `session:${session.id()}`
    session.put('cart', 2)
    // What the Rust API's regenerate_with_grace does.
    const record = JSON.parse((await client.call('GET', old)) as string)
    const moved = { moved_to: 'new', moved_until: Date.now() + 60_000 }
    await client.call('SET', 'session:new', JSON.stringify({ ...record, id: 'new' }))
    await client.call('SET', old, JSON.stringify({ ...record, data: {}, ...moved }))
  })

  assert.deepEqual(setCookies, [])
  const stored = JSON.parse((await client.call('GET', 'session:new')) as string)
  assert.deepEqual(stored.data, { user: 1, cart: 2 })
  const { session } = await browser.visit(() => {})
  assert.equal(session.get('user'), undefined, 'where it led to is no session')
})
