/** Any store: promises that settle once, errors with a code, shared connections. */

import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { sessionMiddleware } from '@rudderjs/session-native'
import { native } from '../dist/native.js'
import type { NativeStore } from '../dist/native-store.js'
import { STORES, type StoreName } from './support/addon.js'
import { closedPort, listen } from './support/misbehaving-server.js'
import { Browser, config } from './support/pipeline.js'
import { Monitor, RedisServer } from './support/redis-server.js'

const ID = '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f'
const RECORD = `{"id":"${ID}","data":{"n":1E400,"s":"\\ud800"},"flash_next":{}}`
const GUARD = { timeout: 20_000 }
/** For a test that makes a great many promises, each of which the test runner follows. */
const LONG_GUARD = { timeout: 100_000 }

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

async function openKind(t: TestContext, kind: StoreName): Promise<NativeStore> {
  const { NativeStore } = native()
  const open = async () => {
    if (kind === 'memory') return NativeStore.memory({ maxBytes: 1 << 20 })
    if (kind === 'redis') return openStore({ prefix: `${t.name}:` })
    const path = join(await temporaryFolder(t), 'sessions.redb')
    return NativeStore.file({ path, durability: 'immediate', deadlineMs: 5000 })
  }
  const store = await open()
  t.after(() => store.close())
  return store
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rudder-session-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

const record = (id: string, n: number) => `{"id":"${id}","data":{"n":${n}},"flash_next":{}}`

/** An instant at which every record of these tests is alive. */
const NOW = 1_700_000_000_000

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

for (const kind of STORES) {
  test(`a closed ${kind} store rejects, and closing twice is fine`, async (t) => {
    const store = await openKind(t, kind)

    store.close()
    store.close()

    await assert.rejects(store.load(ID, 0), { code: 'ERR_SESSION_STORE_CLOSED' })
    await assert.rejects(store.save(RECORD, 60, 0), { code: 'ERR_SESSION_STORE_CLOSED' })
    assert.deepEqual([store.stats().load.calls, store.stats().pending], [0, 0])
  })

  test(`${kind}: create writes once, and never over what is there`, async (t) => {
    const store = await openKind(t, kind)

    assert.equal(await store.create(record('a', 1), 60, NOW), true)
    assert.equal(await store.create(record('a', 2), 60, NOW), false)

    assert.equal(await store.load('a', NOW), record('a', 1))
  })

  test(`${kind}: update saves, merges, or finds the session gone`, async (t) => {
    const store = await openKind(t, kind)
    await store.create(record('a', 1), 60, NOW)

    assert.equal(await store.update(record('a', 1), record('a', 2), 60, NOW), true)
    const ours = '{"id":"a","data":{"n":1,"ours":1},"flash_next":{}}'
    const merged = '{"id":"a","data":{"n":2,"ours":1},"flash_next":{}}'
    assert.equal(await store.update(record('a', 1), ours, 60, NOW), merged)
    assert.equal(await store.load('a', NOW), merged)
    await store.destroy('a')
    assert.equal(await store.update(merged, record('a', 3), 60, NOW), false)
    assert.equal(await store.load('a', NOW), null)

    const { merges, writesToGone } = store.stats()
    assert.deepEqual([merges, writesToGone], [1, 1])
  })

  test(`${kind}: regenerate moves, merges, or finds the session gone`, async (t) => {
    const store = await openKind(t, kind)
    await store.create(record('a', 1), 60, NOW)

    assert.equal(await store.regenerate(record('a', 1), record('b', 2), 60, NOW), true)
    assert.deepEqual(
      [await store.load('a', NOW), await store.load('b', NOW)],
      [null, record('b', 2)],
    )
    const ours = '{"id":"c","data":{"n":1,"ours":1},"flash_next":{}}'
    const merged = '{"id":"c","data":{"n":2,"ours":1},"flash_next":{}}'
    assert.equal(await store.regenerate(record('b', 1), ours, 60, NOW), merged)
    assert.equal(await store.load('c', NOW), merged)
    await store.destroy('c')
    assert.equal(await store.regenerate(merged, record('d', 3), 60, NOW), false)
    assert.equal(await store.load('d', NOW), null)
  })

  test(`${kind}: an update under another id is refused`, async (t) => {
    const store = await openKind(t, kind)

    const attempt = store.update(record('a', 1), record('b', 1), 60, NOW)

    await assert.rejects(attempt, { code: 'ERR_SESSION_PAYLOAD' })
  })

  test(`${kind}: each of many callers keeps its own AsyncLocalStorage`, async (t) => {
    const store = await openKind(t, kind)
    const context = new AsyncLocalStorage<number>()
    const { signal } = new AbortController()
    const callers = Array.from({ length: 100 }, (_, n) => n)

    // The calls of all callers go together, each kind in its turn.
    const seen = await Promise.all(
      callers.map((n) =>
        context.run(n, async () => {
          const calls = [
            () => store.create(record(`a-${n}`, 1), 60, NOW),
            () => store.load(`a-${n}`, NOW, { signal }),
            () => store.touch(`a-${n}`, 60, NOW),
            () => store.update(record(`a-${n}`, 1), record(`a-${n}`, 2), 60, NOW),
            () => store.regenerate(record(`a-${n}`, 2), record(`b-${n}`, 2), 60, NOW),
            () => store.save(record(`b-${n}`, 3), 60, NOW),
            () => store.destroy(`b-${n}`),
            () => store.save('{', 60, NOW).catch(() => {}),
          ]
          const seen = []
          for (const call of calls) {
            await call()
            seen.push(context.getStore())
          }
          return seen
        }),
      ),
    )

    assert.deepEqual(
      seen,
      callers.map((n) => Array(8).fill(n)),
    )
  })
}

test('a store that is down refuses at once after a while, and counts it', GUARD, async (t) => {
  const store = openStore({ url: `redis://127.0.0.1:${await closedPort()}` })
  t.after(() => store.close())

  for (let call = 0; call < 100; call++) {
    await assert.rejects(store.load(ID, NOW), { code: 'ERR_SESSION_STORE_UNREACHABLE' })
  }

  assert.ok(store.stats().callsNotTried > 0)
})

test('a record that is no payload is none, and counted', async (t) => {
  const client = await server.client()
  const store = openStore()
  t.after(() => {
    client.close()
    store.close()
  })
  await client.call('SET', 'session:broken', '{"id":')

  assert.equal(await store.load('broken', NOW), null)
  assert.equal(store.stats().unreadableRecords, 1)
})

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

test('more calls than the queue holds are refused at once, as busy', LONG_GUARD, async (t) => {
  const { port, stop } = await listen(t)
  // Nothing of it ends before all are submitted, however busy the machine is.
  const store = openStore({ url: `redis://127.0.0.1:${port}`, poolSize: 1, deadlineMs: 60_000 })
  const calls = Array.from({ length: 66_000 }, () => store.load(ID, 0))
  const settled = Promise.allSettled(calls)

  await assert.rejects(calls.at(-1) as Promise<unknown>, {
    code: 'ERR_SESSION_STORE_BUSY',
    retryable: true,
  })

  store.close()
  stop()
  const outcomes = await settled
  assert.equal(outcomes.filter((it) => it.status === 'rejected').length, calls.length)
})

test('pending calls leave the libuv pool free', GUARD, async (t) => {
  const waiting: (() => void)[] = []
  const { port } = await listen(t, (socket, chunk) => {
    // Calls that go together come together.
    const loads = chunk.split('GET').length - 1
    if (loads > 0) waiting.push(() => socket.write('$-1\r\n'.repeat(loads)))
    else socket.write('+OK\r\n')
  })
  const store = openStore({ url: `redis://127.0.0.1:${port}`, poolSize: 8, deadlineMs: 15_000 })
  t.after(() => store.close())
  let pending = 8
  const calls = Array.from({ length: 8 }, async () => {
    try {
      await store.load(ID, 0)
    } finally {
      pending -= 1
    }
  })

  // More of them than libuv has threads.
  await Promise.all(Array.from({ length: 8 }, () => stat('.')))
  assert.equal(pending, 8, 'the file system answered while every store call was waiting')

  while (pending > 0) {
    for (const answer of waiting.splice(0)) answer()
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

test('the memory store keeps its bound of sessions', async (t) => {
  const store = native().NativeStore.memory({ maxBytes: 1 << 20, maxEntries: 10 })
  t.after(() => store.close())
  const ids = Array.from({ length: 100 }, (_, n) => `id-${n}`)

  for (const id of ids) await store.save(record(id, 1), 60, NOW)

  const kept = await Promise.all(ids.map((id) => store.load(id, NOW)))
  assert.equal(kept.filter((it) => it !== null).length, 10)
  assert.equal(kept.at(-1), record('id-99', 1))
})

test('a development server that boots again and again opens one set of connections', async (t) => {
  const client = await server.client()
  const poolSize = 2
  const boot = () =>
    sessionMiddleware(
      config({ driver: 'redis', redis: { url: server.url, prefix: 'reboot:', poolSize } }),
    )
  const before = await client.connections()
  const middlewares = []

  for (let reboot = 0; reboot < 20; reboot++) {
    const middleware = boot()
    middlewares.push(middleware)
    await new Browser(middleware).visit()
  }
  const after = await client.connections()

  assert.ok(after - before <= poolSize, `${after - before} more connections`)
  // Closing one of them must not close the others' store.
  middlewares.shift()?.engine.close()
  const last = middlewares.at(-1)
  assert.ok(last)
  assert.equal((await new Browser(last).visit()).setCookies.length, 1)
  for (const { engine } of middlewares) engine.close()
  t.after(() => client.close())
})
