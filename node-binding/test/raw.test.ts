/** The raw API: a session layer of one's own in ten lines, and one that others made. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { SessionConfigError } from '@rudderjs/session-native'
import { openFileStore, openMemoryStore, openRedisStore } from '@rudderjs/session-native/native'
import { RedisServer } from './support/redis-server.js'

let server: RedisServer

const recordOf = (id: string) => `{"id":"${id}","data":{},"flash_next":{}}`

before(async () => {
  server = await RedisServer.start()
})
after(() => server.stop())

test('the example loads what it saved, and forgets what it destroyed', async () => {
  process.env.SESSION_SECRET = 'the secret of this test'
  process.env.REDIS_URL = server.url
  const example = '../examples/raw-sessions.mjs'
  const { loadSession, saveSession, destroySession } = await import(example)

  const session = await loadSession('')
  session.data.user = 'alice'
  const cookie = await saveSession(session)
  const header = `theme=dark; ${cookie.split(';')[0]}`

  assert.deepEqual(await loadSession(header), session)
  assert.notEqual((await loadSession(header.replace('sid=', 'sid=x'))).id, session.id)
  const client = await server.client()
  assert.equal(await client.call('GET', `session:${session.id}`), JSON.stringify(session))
  client.close()

  await destroySession(session)
  const fresh = await loadSession(header)
  assert.notEqual(fresh.id, session.id)
  assert.deepEqual(fresh.data, {})
})

test('stores of the same Redis are one, until the last one is released', async () => {
  const settings = { url: server.url, prefix: 'shared:' }
  const [first, second] = [openRedisStore(settings), openRedisStore({ ...settings })]
  assert.equal(first.store, second.store)

  first.release()
  assert.equal(await second.store.load('unknown', Date.now()), null)
  second.release()

  await assert.rejects(second.store.load('unknown', Date.now()), {
    code: 'ERR_SESSION_STORE_CLOSED',
  })
})

test('thousands of calls of one turn are answered, however many answers come at once', async () => {
  const { store, release } = openRedisStore({ url: server.url, prefix: 'many:' })
  const ids = Array.from({ length: 3000 }, (_, n) => `session-${n}`)
  await Promise.all(ids.map((id) => store.save(recordOf(id), 60, Date.now())))
  const loads = ids.map((id) => store.load(id, Date.now()))
  await Promise.resolve() // Now the calls are handed over.

  // The answers wait for this thread meanwhile.
  while (store.stats().load.calls < loads.length);

  assert.deepEqual(await Promise.all(loads), ids.map(recordOf))
  release()
})

test('a store in memory saves, touches and destroys', async () => {
  const { store } = openMemoryStore()
  const record = '{"id":"a","data":{},"flash_next":{}}'

  await store.save(record, 60, 0)
  assert.equal(await store.touch('a', 120, 0), true)
  assert.equal(await store.load('a', 100_000), record)
  await store.destroy('a')
  assert.equal(await store.load('a', 0), null)
})

test('settings are checked as those of a driver are', () => {
  const wrong: [string, () => unknown][] = [
    ['memory.maxBytes', () => openMemoryStore({ maxBytes: 0 })],
    ['file.path', () => openFileStore({ path: '' })],
    ['redis.url', () => openRedisStore({ url: 'http://x' })],
  ]
  for (const [field, open] of wrong) {
    assert.throws(open, (error) => error instanceof SessionConfigError && error.field === field)
  }
})
