/** The fallback's Redis store gets the right answer from a server, or says why there is none. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, type TestContext, test } from 'node:test'
import { Breaker } from '../dist/fallback/breaker.js'
import { native } from '../dist/native.js'
import { NativeStore } from '../dist/native-store.js'
import { createRedisCalls, NOW, outcome, record } from './support/fallback-store.js'
import { until } from './support/garbage.js'
import { listen } from './support/misbehaving-server.js'
import { RedisServer, type RespClient } from './support/redis-server.js'

const GUARD = { timeout: 20_000 }

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

test('a store that is dropped without being closed leaves no connection', GUARD, async () => {
  const others = await client.connections()
  const drop = async () => {
    const options = { url: server.url, prefix: 'dropped:', poolSize: 1, deadlineMs: 10_000 }
    const store = new NativeStore((drain) => createRedisCalls(options, drain))
    assert.equal(await store.load('a', NOW), null)
    assert.equal(await client.connections(), others + 1)
  }

  await drop()

  await until(async () => (await client.connections()) === others)
})

test('a session that was given another id is none under the old one, and is left alone', async (t) => {
  const store = redisStore(t)
  const name = `${t.name}:old`
  const text = record('old', '{}')
  const forwarding = `${text.slice(0, -1)},"moved_to":"new","moved_until":${NOW + 60_000}}`
  await client.call('SET', name, forwarding)

  assert.equal(await store.load('old', NOW), null)
  assert.equal(await store.update(text, record('old', '{"a":1}'), 60, NOW), false)
  assert.equal(await store.regenerate(text, record('third', '{}'), 60, NOW), false)
  assert.equal(await client.call('GET', name), forwarding)
  assert.equal(await store.load('third', NOW), null)
})

test('the instant of creation that another process has noted is kept', async (t) => {
  const store = redisStore(t)
  const stamped = (id: string, data: string) => `${record(id, data).slice(0, -1)},"created_at":5}`
  await client.call('SET', `${t.name}:a`, stamped('a', '{}'))

  const base = await store.load('a', NOW)
  assert.equal(base, stamped('a', '{}'))
  await store.update(base as string, record('a', '{"n":1}'), 60, NOW)
  assert.equal(await store.load('a', NOW), stamped('a', '{"n":1}'))
  await store.regenerate(stamped('a', '{"n":1}'), record('b', '{"n":1}'), 60, NOW)
  assert.equal(await store.load('b', NOW), stamped('b', '{"n":1}'))
})

test('where no script is allowed, replace and remove go by WATCH', GUARD, async (t) => {
  const own = await RedisServer.start()
  t.after(() => own.stop())
  const admin = await own.client()
  t.after(() => admin.close())
  const allowed = '+get +set +del +expire +watch +unwatch +multi +exec'.split(' ')
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>pw', '~*', 'resetchannels', ...allowed)
  const store = redisStore(t, { url: `${own.url}?user=app&pass=pw` })
  await store.create(record('a', '{"n":1}'), 60, NOW)

  const base = record('a', '{"n":1}')
  assert.equal(await store.update(base, record('a', '{"n":2}'), 60, NOW), true)
  const merged = record('a', '{"n":2,"m":1}')
  assert.equal(await store.update(base, record('a', '{"n":1,"m":1}'), 60, NOW), merged)
  assert.equal(await store.regenerate(merged, record('b', '{}'), 60, NOW), true)
  assert.deepEqual(
    [await store.load('a', NOW), await store.load('b', NOW)],
    [null, record('b', '{}')],
  )
  assert.equal(await store.update(merged, merged, 60, NOW), false)
  assert.match(String(await admin.call('ACL', 'LOG')), /eval/)
})

test('by WATCH too, of many updates at once none is lost', GUARD, async (t) => {
  const own = await RedisServer.start()
  t.after(() => own.stop())
  const admin = await own.client()
  t.after(() => admin.close())
  await admin.call('ACL', 'SETUSER', 'default', '-@scripting')
  const store = redisStore(t, { url: own.url })
  const other = redisStore(t, { url: own.url })
  const base = record('a', '{}')
  await store.create(base, 60, NOW)
  const keys = Array.from({ length: 8 }, (_, n) => `k${n}`)

  await Promise.all(
    keys.map((key, n) => {
      const one = n % 2 === 0 ? store : other
      return one.update(base, record('a', `{"${key}":1}`), 60, NOW)
    }),
  )

  const { data } = JSON.parse((await store.load('a', NOW)) ?? '')
  assert.deepEqual(Object.keys(data).sort(), keys)
})

test(
  'bytes that are no text are read as JavaScript reads them, and never written over',
  GUARD,
  async (t) => {
    const options = { url: server.url, prefix: `${t.name}:`, poolSize: 1, deadlineMs: 10_000 }
    const addons = native().NativeStore.redis(options)
    t.after(() => addons.close())
    const [name, text] = [`${t.name}:a`, record('a', '{"x":"?"}')]

    for (const store of [redisStore(t), addons]) {
      await client.call('SET', name, text)
      // This client writes UTF-8 only; the server makes a byte of it that is none.
      await client.call('SETBIT', name, String(text.indexOf('?') * 8), '1')

      const loaded = await store.load('a', NOW)
      assert.equal(loaded, text.replace('?', '\ufffd'))
      const updated = store.update(loaded ?? '', record('a', '{"n":1}'), 60, NOW)
      await assert.rejects(updated, { code: 'ERR_SESSION_STORE_CONFLICT' })
      assert.equal(await client.call('STRLEN', name), text.length)
    }
  },
)

test(
  'a store that is closed with calls under way ends its connection when they are answered',
  GUARD,
  async (t) => {
    const { port, connections } = await listen(t, (socket) => socket.write('$-1\r\n'))
    const store = redisStore(t, { url: `redis://127.0.0.1:${port}` })

    const call = store.load('a', NOW)
    store.close()

    assert.equal(await call, null)
    const [socket] = connections
    assert.ok(socket)
    if (!socket.closed) await once(socket, 'close')
  },
)

test(
  'a call that meets a dead connection is made again, if that does no harm',
  GUARD,
  async (t) => {
    const store = redisStore(t)
    await store.save(record('a', '{}'), 60, NOW)
    let cuts = 0
    const { port } = await listen(t, (socket, chunk) => {
      cuts += 1
      if (cuts === 1 || chunk.includes('SET')) return socket.destroy()
      return socket.write('$-1\r\n')
    })
    const flaky = redisStore(t, { url: `redis://127.0.0.1:${port}` })

    assert.equal(await flaky.load('a', NOW), null)
    await assert.rejects(flaky.save(record('a', '{}'), 60, NOW), {
      code: 'ERR_SESSION_STORE_UNREACHABLE',
      message: 'connection to the store was lost during the call',
    })
    assert.equal(cuts, 3)
  },
)

test(
  'a database that cannot be selected is never mixed up with the first one',
  GUARD,
  async (t) => {
    const store = redisStore(t, { url: `${server.url}?db=99` })

    await assert.rejects(store.save(record('a', '{}'), 60, NOW), {
      code: 'ERR_SESSION_STORE_SERVER',
    })

    assert.equal(await client.call('EXISTS', `${t.name}:a`), 0)
  },
)

test(
  'what a replica refuses is asked again, of whom another connection leads to',
  GUARD,
  async (t) => {
    const { port, connections } = await listen(t, (socket) => {
      socket.write(connections.length === 1 ? '-READONLY a replica\r\n' : '+OK\r\n')
    })
    const store = redisStore(t, { url: `redis://127.0.0.1:${port}` })

    await store.save(record('a', '{}'), 60, NOW)

    assert.equal(connections.length, 2)
  },
)

test('a connection whose answer did not come in time is never used again', GUARD, async (t) => {
  const { port, connections } = await listen(t, (socket) => {
    if (connections.length > 1) socket.write('$-1\r\n')
  })
  const store = redisStore(t, { url: `redis://127.0.0.1:${port}`, deadlineMs: 2000 })

  await assert.rejects(store.load('a', NOW), { code: 'ERR_SESSION_STORE_TIMEOUT' })
  assert.equal(await store.load('a', NOW), null)

  assert.equal(connections.length, 2)
})

test('a server that is down is asked by one call each 200 ms, until it is back', () => {
  const breaker = new Breaker()
  for (let fault = 0; fault < 19; fault++) breaker.missed(0)
  assert.equal(breaker.admits(0), true)
  breaker.missed(0)

  const instants = [0, 199, 200, 200, 399, 400, 401]
  const admitted = instants.map((clockMs) => breaker.admits(clockMs))
  assert.deepEqual(admitted, [false, false, true, false, false, true, false])
  assert.equal(breaker.refusals, 5)

  breaker.reached()
  assert.equal(breaker.admits(401), true)
})

test('an answer that came while this process was busy is no timeout', GUARD, async (t) => {
  const store = redisStore(t, { deadlineMs: 100 })
  // Until the connection is there.
  while ((await outcome(store.touch('a', 60, NOW))) !== false);

  const call = store.load('a', NOW)
  await new Promise(setImmediate)
  const sentAt = performance.now()
  // By the time that the server answers somebody else it has answered us.
  const ping = `require('node:net').connect(${JSON.stringify(server.socketPath)}, function () {
    this.write('PING\\r\\n')
    this.once('data', () => process.exit())
  })`
  execFileSync(process.execPath, ['--eval', ping])
  while (performance.now() < sentAt + 200);

  assert.equal(await call, null)
})

test('sentinels say where the master is, and the server itself must agree', GUARD, async (t) => {
  // A sentinel may be behind the times: what it names may be the master no more.
  const roles = ['slave', 'master']
  const asked: string[] = []
  const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`
  const redis = await answering(t, ([name = '']) => {
    asked.push(name.toUpperCase())
    return asked.at(-1) === 'ROLE' ? `*3\r\n${bulk(roles.shift() ?? '')}:0\r\n*0\r\n` : '$-1\r\n'
  })
  const sentinel = await answering(t, ([, what = '', of = '']) => {
    if (what !== 'get-master-addr-by-name') return '*0\r\n'
    return of === 'mymaster' ? `*2\r\n${bulk('127.0.0.1')}${bulk(String(redis.port))}` : '*-1\r\n'
  })
  const store = redisStore(t, {
    url: 'redis://mymaster',
    sentinels: [`127.0.0.1:${sentinel.port}`],
  })

  await assert.rejects(store.load('a', NOW), { code: 'ERR_SESSION_STORE_UNREACHABLE' })
  assert.equal(await store.load('a', NOW), null)

  assert.deepEqual(asked, ['ROLE', 'ROLE', 'GET'])
})

for (const url of ['redis://', 'redis://h/x', 'http://h', 'redis://h:99999', 'redis+unix://']) {
  test(`a URL that leads nowhere is refused: ${url}`, (t) => {
    assert.throws(() => redisStore(t, { url }), { code: 'ERR_SESSION_CONFIG' })
    const options = { url, prefix: '', poolSize: 1, deadlineMs: 1 }
    assert.throws(() => native().NativeStore.redis(options), { code: 'ERR_SESSION_CONFIG' })
  })
}

test('what only the addon can do is refused, and said', () => {
  const options = { url: server.url, prefix: '', poolSize: 1, deadlineMs: 500 }
  for (const [setting, value] of [
    ['cluster', ['127.0.0.1']],
    ['minReplicas', 1],
  ] as const) {
    assert.throws(() => createRedisCalls({ ...options, [setting]: value }, () => {}), {
      name: 'SessionNativeError',
      message: new RegExp(`redis\\.${setting} needs the native addon.* Of this test\\.`),
    })
  }
})

function redisStore(
  t: TestContext,
  changes: { url?: string; deadlineMs?: number; sentinels?: string[] } = {},
) {
  const options = { url: server.url, prefix: `${t.name}:`, poolSize: 1, deadlineMs: 10_000 }
  const store = new NativeStore((drain) => createRedisCalls({ ...options, ...changes }, drain))
  t.after(() => store.close())
  return store
}

/** Answers each command of a client, which may send several at once. */
async function answering(t: TestContext, answer: (command: string[]) => string) {
  return listen(t, (socket, chunk) => {
    for (const [, command = ''] of chunk.matchAll(/\*\d+\r\n((?:\$\d+\r\n.*\r\n)*)/g)) {
      socket.write(answer(command.split('\r\n').filter((_, at) => at % 2 === 1)))
    }
  })
}
