/** The addon's store: promises that settle once, errors with a code, shared connections. */

import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { sessionMiddleware } from '@rudderjs/session-native'
import { native } from '../dist/native.js'
import { listen } from './support/misbehaving-server.js'
import { Browser, config } from './support/pipeline.js'
import { Monitor, RedisServer } from './support/redis-server.js'

const ID = '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f'
const RECORD = `{"id":"${ID}","data":{"n":1E400,"s":"\\ud800"},"flash_next":{}}`
const GUARD = { timeout: 20_000 }

let server: RedisServer

before(async () => {
  server = await RedisServer.start()
})
after(() => server.stop())

function openStore(changes: Partial<Parameters<typeof redisStore>[0]> = {}) {
  return redisStore({
    url: server.url,
    prefix: 'session:',
    poolSize: 2,
    deadlineMs: 10_000,
    ...changes,
  })
}

function redisStore(options: Parameters<ReturnType<typeof native>['NativeStore']['redis']>[0]) {
  return native().NativeStore.redis(options)
}

test('a record is exactly SET prefix+id json EX seconds, and a plain client reads it', async (t) => {
  const monitor = await Monitor.start(server)
  const client = await server.client()
  const store = openStore({ prefix: 'app:' })
  t.after(() => {
    monitor.close()
    client.close()
    store.close()
  })

  await store.save(RECORD, 7200, Date.now())

  assert.deepEqual(await monitor.commands(), [['SET', `app:${ID}`, RECORD, 'EX', '7200']])
  assert.equal(await client.call('GET', `app:${ID}`), RECORD)
  assert.equal(await client.call('TTL', `app:${ID}`), 7200)
})

test('load, touch and destroy are one command each', async (t) => {
  const monitor = await Monitor.start(server)
  const store = openStore()
  t.after(() => {
    monitor.close()
    store.close()
  })
  const name = `session:${ID}`

  await store.save(RECORD, 60, Date.now())
  assert.equal(await store.load(ID, Date.now()), RECORD)
  assert.equal(await store.touch(ID, 1.5, Date.now()), true)
  await store.destroy(ID)
  await store.destroy(ID)
  assert.equal(await store.load(ID, Date.now()), null)
  assert.equal(await store.touch(ID, 60, Date.now()), false)

  assert.deepEqual((await monitor.commands()).slice(1), [
    ['GET', name],
    ['EXPIRE', name, '2'],
    ['DEL', name],
    ['DEL', name],
    ['GET', name],
    ['EXPIRE', name, '60'],
  ])
})

for (const id of ['', 'a b', '../x', 'a\nb', 'x'.repeat(129), '\u00e9']) {
  test(`an id that could not name a record asks for none: ${JSON.stringify(id)}`, async (t) => {
    const monitor = await Monitor.start(server)
    const store = openStore()
    t.after(() => {
      monitor.close()
      store.close()
    })

    const answers = [await store.load(id, 0), await store.touch(id, 1, 0), await store.destroy(id)]

    assert.deepEqual(answers, [null, false, undefined])
    assert.deepEqual(await monitor.commands(), [])
  })
}

const misuse: [string, string, (store: ReturnType<typeof openStore>) => unknown][] = [
  ['a payload that is no JSON', 'ERR_SESSION_PAYLOAD', (store) => store.save('{', 60, 0)],
  ['a payload without an id', 'ERR_SESSION_PAYLOAD', (store) => store.save('{}', 60, 0)],
  ['a TTL of 0', 'ERR_SESSION_CONFIG', (store) => store.save(RECORD, 0, 0)],
  ['a TTL of NaN', 'ERR_SESSION_CONFIG', (store) => store.save(RECORD, Number.NaN, 0)],
  ['a clock of NaN', 'ERR_SESSION_CONFIG', (store) => store.load(ID, Number.NaN)],
]
for (const [name, code, act] of misuse) {
  test(`misuse is an error with a code: ${name}`, async (t) => {
    const store = openStore()
    t.after(() => store.close())

    await assert.rejects(async () => act(store), { code })
  })
}

for (const kind of ['memory', 'redis'] as const) {
  test(`a closed ${kind} store rejects, and closing twice is fine`, async () => {
    const store =
      kind === 'redis' ? openStore() : native().NativeStore.memory({ maxBytes: 1 << 20 })

    store.close()
    store.close()

    await assert.rejects(store.load(ID, 0), { code: 'ERR_SESSION_STORE_CLOSED' })
    await assert.rejects(store.save(RECORD, 60, 0), { code: 'ERR_SESSION_STORE_CLOSED' })
  })
}

test('closing rejects the calls that wait, and lets the running one end', GUARD, async (t) => {
  const { port } = await listen(t)
  const store = openStore({ url: `redis://127.0.0.1:${port}`, poolSize: 1, deadlineMs: 1000 })
  const calls = [store.load(ID, 0), store.load(ID, 0), store.load(ID, 0)]

  store.close()

  const outcomes = await Promise.allSettled(calls)
  const codes = outcomes.map((it) => (it as { reason?: { code?: string } }).reason?.code)
  assert.ok(
    codes.slice(1).every((code) => code === 'ERR_SESSION_STORE_CLOSED'),
    codes.join(),
  )
  assert.match(String(codes[0]), /^ERR_SESSION_STORE_(TIMEOUT|CLOSED)$/)
})

test('more calls than the queue holds are refused at once, as busy', GUARD, async (t) => {
  const { port } = await listen(t)
  const store = openStore({ url: `redis://127.0.0.1:${port}`, poolSize: 1, deadlineMs: 1000 })
  const calls = Array.from({ length: 10_100 }, () => store.load(ID, 0))
  const settled = Promise.allSettled(calls)

  await assert.rejects(calls.at(-1) as Promise<unknown>, {
    code: 'ERR_SESSION_STORE_BUSY',
    retryable: true,
  })

  store.close()
  const outcomes = await settled
  assert.equal(outcomes.filter((it) => it.status === 'rejected').length, calls.length)
})

test('pending calls leave the libuv pool free', GUARD, async (t) => {
  const waiting: Socket[] = []
  const { port } = await listen(t, (socket, chunk) => {
    if (chunk.includes('GET')) waiting.push(socket)
    else socket.write('+OK\r\n')
  })
  const store = openStore({ url: `redis://127.0.0.1:${port}`, poolSize: 8, deadlineMs: 15_000 })
  t.after(() => store.close())
  let pending = 8
  const calls = Array.from({ length: 8 }, async () => {
    await store.load(ID, 0)
    pending -= 1
  })

  // More of them than libuv has threads.
  await Promise.all(Array.from({ length: 8 }, () => stat('.')))
  assert.equal(pending, 8, 'the file system answered while every store call was waiting')

  while (pending > 0) {
    for (const socket of waiting.splice(0)) socket.write('$-1\r\n')
    await tick()
  }
  await Promise.all(calls)
})

test('a thousand calls at once are each answered once, with their own record', GUARD, async (t) => {
  const store = openStore({ poolSize: 4 })
  t.after(() => store.close())
  const ids = Array.from({ length: 1000 }, (_, n) => `id-${n}`)
  const record = (id: string) => `{"id":"${id}","data":{},"flash_next":{}}`

  await Promise.all(ids.map((id) => store.save(record(id), 60, 0)))
  const records = await Promise.all(ids.map((id) => store.load(id, 0)))

  assert.deepEqual(records, ids.map(record))
  const stats = store.stats()
  assert.deepEqual([stats.load.calls, stats.save.calls, stats.pending], [1000, 1000, 0])
  assert.equal(stats.foreignRecords, 0)
})

test('difference to the original: a record with another id is a miss, and counted', async (t) => {
  const client = await server.client()
  const store = openStore()
  t.after(() => {
    client.close()
    store.close()
  })
  await client.call('SET', 'session:mine', RECORD)

  assert.equal(await store.load('mine', 0), null)
  assert.equal(store.stats().foreignRecords, 1)
})

test('the memory store keeps its bound', async (t) => {
  const store = native().NativeStore.memory({ maxBytes: 10_000 })
  t.after(() => store.close())
  const big = JSON.stringify('x'.repeat(20_000))

  await assert.rejects(store.save(`{"id":"big","data":{"x":${big}}}`, 60, 0), {
    code: 'ERR_SESSION_STORE_TOO_LARGE',
  })
  await store.save('{"id":"small"}', 60, 0)
  assert.equal(await store.load('small', 0), '{"id":"small","data":{},"flash_next":{}}')
})

test('a development server that boots again and again opens one set of connections', async (t) => {
  const client = await server.client()
  const poolSize = 2
  const boot = () =>
    sessionMiddleware(
      config({ driver: 'redis', redis: { url: server.url, prefix: 'reboot:', poolSize } }),
    )
  const before = await connected()
  const middlewares = []

  for (let reboot = 0; reboot < 20; reboot++) {
    const middleware = boot()
    middlewares.push(middleware)
    await new Browser(middleware).visit()
  }
  const after = await connected()

  assert.ok(after - before <= poolSize, `${after - before} more connections`)
  // Closing one of them must not close the others' store.
  middlewares.shift()?.engine.close()
  const last = middlewares.at(-1)
  assert.ok(last)
  assert.equal((await new Browser(last).visit()).setCookies.length, 1)
  for (const { engine } of middlewares) engine.close()
  t.after(() => client.close())

  async function connected(): Promise<number> {
    const info = String(await client.call('INFO', 'clients'))
    return Number(/connected_clients:(\d+)/.exec(info)?.[1])
  }
})
