/** The fallback's stores do what the addon's do, call by call, and keep their bound. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { fromNative } from '../dist/errors.js'
import { Breaker } from '../dist/fallback/breaker.js'
import { fallback } from '../dist/fallback/index.js'
import { native } from '../dist/native.js'
import { NativeStore } from '../dist/native-store.js'
import { until } from './support/garbage.js'
import { listen } from './support/misbehaving-server.js'
import { RedisServer, type RespClient } from './support/redis-server.js'
import { damaged, spelledData, spelledPayload } from './support/spellings.js'

const { createMemoryCalls, createRedisCalls } = fallback('Of this test.')
const NOW = 1_700_000_000_000
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

function memoryStore(maxBytes = 1 << 20): NativeStore {
  return new NativeStore((drain) => createMemoryCalls({ maxBytes }, drain))
}

function redisStore(
  t: TestContext,
  changes: { url?: string; deadlineMs?: number; sentinels?: string[] } = {},
) {
  const options = { url: server.url, prefix: `${t.name}:`, poolSize: 1, deadlineMs: 10_000 }
  const store = new NativeStore((drain) => createRedisCalls({ ...options, ...changes }, drain))
  t.after(() => store.close())
  return store
}

/** What a call came to, errors included. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return (await call) ?? null
  } catch (error) {
    const { name, code, message, retryable, saved } = fromNative(error) as Record<string, unknown>
    return { name, code, message, retryable, saved }
  }
}

const record = (id: string, data: string, flash = '{}') =>
  `{"id":"${id}","data":${data},"flash_next":${flash}}`

test('a payload is cut to the same shape, byte for byte, or refused alike', async () => {
  const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
  await fc.assert(
    fc.asyncProperty(damaged(spelledPayload), async (text) => {
      const calls = [ours, addons].map(async (store) => [
        await outcome(store.save(text, 60, NOW)),
        await outcome(store.load('some-id', NOW)),
      ])
      const [mine, other] = await Promise.all(calls)
      assert.deepEqual(mine, other)
      await Promise.all([ours.destroy('some-id'), addons.destroy('some-id')])
    }),
    { numRuns: 700 },
  )
})

/** One and the same data to JavaScript. */
const respelled = fc.constantFrom(
  '{"a":"a","b":[1,-0],"\\ud800":1e400}',
  '{ "\\u0061":"\\u0061", "b":[ 1.0 ,0],"\\uD800":2e999}',
  '{"a":"x","b":[10e-1,0.0],"\\ud800":1e400,"a":"a"}',
)

/** Three texts of one session that have keys in common, and values too. */
const versions = fc
  .tuple(
    fc.array(fc.oneof(spelledData, respelled), { minLength: 3, maxLength: 5 }),
    fc.array(fc.nat(4), { minLength: 6 }),
  )
  .map(([texts, picks]) => {
    const pick = (at: number) => texts[(picks[at] ?? 0) % texts.length] as string
    return [0, 2, 4].map((at) => record('a', pick(at), pick(at + 1))) as [string, string, string]
  })

for (const way of ['update', 'regenerate'] as const) {
  test(`${way} of what others have changed merges to the same bytes`, async () => {
    const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
    let merges = 0
    await fc.assert(
      fc.asyncProperty(versions, async ([base, mine, theirs]) => {
        const wanted = way === 'update' ? mine : mine.replace('"id":"a"', '"id":"b"')
        const calls = [ours, addons].map(async (store) => [
          await outcome(store.save(base, 60, NOW)),
          await outcome(store.update(base, theirs, 60, NOW)),
          await outcome(store[way](base, wanted, 60, NOW)),
          await outcome(store.load('a', NOW)),
          await outcome(store.load('b', NOW)),
          await outcome(store.destroy('b')),
        ])
        const [one, other] = await Promise.all(calls)
        assert.deepEqual(one, other)
        if (typeof one?.[2] === 'string') merges += 1
      }),
      { numRuns: 700 },
    )
    assert.ok(merges > 50, `only ${merges} of them met another's change`)
  })
}

type Call = (store: NativeStore) => Promise<unknown>

/** Calls on a few ids at a few instants: every kind, so that they meet. */
const call: fc.Arbitrary<[name: string, call: Call]> = fc
  .record({
    kind: fc.constantFrom(
      ...(['load', 'create', 'save', 'touch', 'destroy', 'update', 'regenerate'] as const),
    ),
    id: fc.constantFrom('a', 'b', 'c', 'no id'),
    other: fc.constantFrom('a', 'b', 'c'),
    n: fc.nat(2),
    base: fc.nat(2),
    ttl: fc.constantFrom(60, 0.5, 0),
    now: fc.constantFrom(NOW, NOW + 999, NOW + 1000, NOW + 59_999, NOW + 60_000),
  })
  .map(({ kind, id, other, n, base, ttl, now }) => {
    const [payload, loaded] = [record(id, `{"n":${n}}`), record(id, `{"n":${base}}`)]
    const calls: Record<typeof kind, Call> = {
      load: (store) => store.load(id, now),
      create: (store) => store.create(payload, ttl, now),
      save: (store) => store.save(payload, ttl, now),
      touch: (store) => store.touch(id, ttl, now),
      destroy: (store) => store.destroy(id),
      update: (store) => store.update(loaded, payload, ttl, now),
      regenerate: (store) => store.regenerate(loaded, record(other, `{"n":${n}}`), ttl, now),
    }
    return [`${kind} ${JSON.stringify({ id, other, n, base, ttl, now })}`, calls[kind]]
  })

test('any sequence of calls comes to the same, and is counted alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
      const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
      for (const [name, act] of calls) {
        assert.deepEqual(await outcome(act(ours)), await outcome(act(addons)), name)
      }
      assert.deepEqual(counts(ours), counts(addons))
      ours.close()
      addons.close()
    }),
    { numRuns: 200 },
  )

  function counts(store: NativeStore) {
    const text = JSON.stringify(store.stats(), (key, value) =>
      key.endsWith('Micros') ? undefined : value,
    )
    return JSON.parse(text)
  }
})

test('a touch starts the TTL anew, and a record ends at its instant', async () => {
  const store = memoryStore()
  await store.save(record('a', '{}'), 60, NOW)

  assert.equal(await store.touch('a', 60, NOW + 59_999), true)

  assert.equal(await store.load('a', NOW + 119_998), record('a', '{}'))
  assert.equal(await store.load('a', NOW + 119_999), null)
  assert.equal(await store.touch('a', 60, NOW + 119_999), false)
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

test('at its bound the memory store lets go of what was used least recently', async () => {
  const one = record('0', '{}')
  const weight = Buffer.byteLength(one) + 1 + 512
  const store = memoryStore(3 * weight)
  for (const id of ['0', '1', '2']) await store.save(record(id, '{}'), 60, NOW)

  await store.load('0', NOW)
  await store.touch('1', 60, NOW)
  await store.save(record('3', '{}'), 60, NOW)

  const kept = await Promise.all(['0', '1', '2', '3'].map((id) => store.load(id, NOW)))
  assert.deepEqual(
    kept.map((text) => text !== null),
    [true, true, false, true],
  )
})

test('the bound counts bytes of UTF-8, and what a record was before counts no more', async () => {
  const weight = (text: string) => Buffer.byteLength(text) + 1 + 512
  const [small, wide] = [record('a', '{}'), record('a', `{"x":"${'\u00e9'.repeat(200)}"}`)]
  const store = memoryStore(weight(wide) + weight(record('b', '{}')))

  for (let round = 0; round < 10; round++) {
    await store.save(small, 60, NOW)
    await store.save(wide, 60, NOW)
  }
  await store.save(record('b', '{}'), 60, NOW)

  assert.equal(await store.load('a', NOW), wide)
  const tooLarge = store.save(record('a', `{"x":"${'\u00e9'.repeat(600)}"}`), 60, NOW)
  await assert.rejects(tooLarge, { code: 'ERR_SESSION_STORE_TOO_LARGE', retryable: false })
})

test('what has ended frees its memory though nobody asks for it again', async (t) => {
  let clock = 1000
  t.mock.method(performance, 'now', () => clock)
  const store = memoryStore()
  await store.save(record('0', '{}'), 1, NOW)
  await store.save(record('1', '{}'), 60, NOW)
  assert.notEqual(await store.load('0', NOW), null)

  clock += 1000
  await store.save(record('2', '{}'), 60, NOW)
  await store.load('1', NOW)
  await store.save(record('3', '{}'), 60, NOW)

  // The caller's clock stands still, so only the machine's can have ended it.
  const kept = await Promise.all(['0', '1', '2', '3'].map((id) => store.load(id, NOW)))
  assert.deepEqual(
    kept.map((text) => text !== null),
    [false, true, true, true],
  )
})

for (const maxBytes of [0, -1, Number.NaN, 0.5]) {
  test(`a memory bound that holds nothing is refused: ${maxBytes}`, () => {
    assert.throws(() => memoryStore(maxBytes), { code: 'ERR_SESSION_CONFIG' })
  })
}

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

/** Answers each command of a client, which may send several at once. */
async function answering(t: TestContext, answer: (command: string[]) => string) {
  return listen(t, (socket, chunk) => {
    for (const [, command = ''] of chunk.matchAll(/\*\d+\r\n((?:\$\d+\r\n.*\r\n)*)/g)) {
      socket.write(answer(command.split('\r\n').filter((_, at) => at % 2 === 1)))
    }
  })
}

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

test('a bound of sessions holds as one of bytes does', async () => {
  const store = new NativeStore((drain) =>
    createMemoryCalls({ maxBytes: 1 << 20, maxEntries: 2 }, drain),
  )
  for (const id of ['a', 'b', 'c']) await store.save(record(id, '{}'), 60, NOW)

  const kept = await Promise.all(['a', 'b', 'c'].map((id) => store.load(id, NOW)))
  assert.deepEqual(kept, [null, record('b', '{}'), record('c', '{}')])
})
