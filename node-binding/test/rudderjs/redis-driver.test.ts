/** The Redis driver that is driven by hand, with a client that somebody put in and without. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type RedisClient, RedisDriver, SessionInstance } from '@rudderjs/session-native/rudderjs'
import { config, cookieValueOf, UUID_V4 } from '../support/pipeline.js'
import { Monitor, RedisServer } from '../support/redis-server.js'

const ID = '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f'
const RECORD = `{"id":"${ID}","data":{"user":1},"flash_next":{"ok":true}}`

/** A client that keeps records in a Map, and writes down what is asked of it. */
class FakeClient implements RedisClient {
  readonly commands: unknown[][] = []
  readonly records = new Map<string, string>()

  async get(key: string): Promise<string | null> {
    this.commands.push(['GET', key])
    return this.records.get(key) ?? null
  }

  async set(key: string, value: string, mode: 'EX', seconds: number): Promise<'OK'> {
    this.commands.push(['SET', key, value, mode, seconds])
    this.records.set(key, value)
    return 'OK'
  }

  async del(key: string): Promise<number> {
    this.commands.push(['DEL', key])
    return Number(this.records.delete(key))
  }
}

function withClient(prefix?: string): { driver: RedisDriver; client: FakeClient } {
  const redis = { url: 'redis://nobody.invalid:1', ...(prefix === undefined ? {} : { prefix }) }
  const driver = new RedisDriver(config({ driver: 'redis', redis }))
  const client = new FakeClient()
  driver.clientPromise = Promise.resolve(client)
  return { driver, client }
}

async function withServer(t: TestContext) {
  const server = await RedisServer.start()
  const monitor = await Monitor.start(server)
  const driver = new RedisDriver(config({ driver: 'redis', redis: { url: server.url } }))
  t.after(() => {
    driver.close()
    monitor.close()
    return server.stop()
  })
  return { driver, monitor }
}

const PAYLOAD = { id: ID, data: { user: 1 }, flash_next: { ok: true } }

test('with format v2 a client that was put in sees the hash of the id only', async () => {
  const driver = new RedisDriver(config({ driver: 'redis', format: 'v2' }))
  const client = new FakeClient()
  driver.clientPromise = Promise.resolve(client)
  const { id } = await driver.load(undefined)

  const cookie = await driver.persist({ ...PAYLOAD, id }, 7200)
  const loaded = await driver.load(cookie)
  await driver.destroy(id)

  assert.match(id, /^[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(loaded, { ...PAYLOAD, id })
  const [[, name], ...others] = client.commands as [unknown[], unknown[]]
  assert.match(String(name), /^session:h[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(
    others.map(([, other]) => other),
    [name, name],
  )
  assert.ok(!JSON.stringify(client.commands).includes(id))
  assert.equal((await driver.load(`${cookie}A`)).data.user, undefined)
  await assert.rejects(driver.persist(PAYLOAD, 7200), { code: 'ERR_SESSION_PAYLOAD' })
})

test('a client that was put in gets one SET, one GET and one DEL', async () => {
  const { driver, client } = withClient('app:')

  const cookie = await driver.persist(PAYLOAD, 7200)
  const loaded = await driver.load(cookie)
  await driver.destroy(ID)

  assert.deepEqual(loaded, PAYLOAD)
  assert.deepEqual(client.commands, [
    ['SET', `app:${ID}`, RECORD, 'EX', 7200],
    ['GET', `app:${ID}`],
    ['DEL', `app:${ID}`],
  ])
})

test('without one, its own connections send the same', async (t) => {
  const { driver, monitor } = await withServer(t)

  const cookie = await driver.persist(PAYLOAD, 7200)
  const loaded = await driver.load(cookie)
  await driver.destroy(ID)

  assert.deepEqual(loaded, PAYLOAD)
  assert.deepEqual(await monitor.commands(), [
    ['SET', `session:${ID}`, RECORD, 'EX', '7200'],
    ['GET', `session:${ID}`],
    ['DEL', `session:${ID}`],
  ])
})

test('the two read each other', async (t) => {
  const { driver: own } = await withServer(t)
  const { driver, client } = withClient()

  const cookie = await own.persist(PAYLOAD, 60)
  client.records.set(`session:${ID}`, RECORD)

  assert.equal(await driver.persist(PAYLOAD, 60), cookie)
  assert.deepEqual(await driver.load(cookie), await own.load(cookie))
})

for (const [what, value] of [
  ['none', undefined],
  ['an empty one', ''],
  ['garbage', 'garbage'],
  ['an id and a signature', `${ID}.${'A'.repeat(43)}`],
]) {
  test(`a cookie that no key of ours signed costs no command: ${what}`, async () => {
    const { driver, client } = withClient()

    const payload = await driver.load(value)

    assert.match(payload.id, UUID_V4)
    assert.deepEqual([payload.data, payload.flash_next, client.commands], [{}, {}, []])
  })
}

for (const [what, record] of [
  ['none', undefined],
  ['no JSON', '{'],
  ['an array', '[]'],
  ['without an id', '{"data":{}}'],
  ['of another id', RECORD.replace(ID, 'another')],
]) {
  test(`a record that is none gives a fresh id, never the cookie's: ${what}`, async () => {
    const { driver, client } = withClient()
    const cookie = await driver.persist(PAYLOAD, 60)
    client.records.clear()
    if (record !== undefined) client.records.set(`session:${ID}`, record)

    const payload = await driver.load(cookie)

    assert.match(payload.id, UUID_V4)
    assert.ok(payload.id !== ID && payload.id !== 'another')
  })
}

test('a client that fails is an error, and never "no session"', async () => {
  const { driver, client } = withClient()
  const cookie = await driver.persist(PAYLOAD, 60)
  client.get = async () => {
    throw new Error('of the client')
  }

  await assert.rejects(driver.load(cookie), /of the client/)
})

test('a session over it lives through the client: load, save, regenerate', async () => {
  const { driver, client } = withClient()
  const settings = config({ driver: 'redis' })
  const cookie = await driver.persist(PAYLOAD, 7200)
  const session = new SessionInstance(await driver.load(cookie), driver, settings)
  client.commands.length = 0

  await session.regenerate()
  session.put('again', 2)
  const text = await session.saveToCookie()

  assert.deepEqual(
    client.commands.map(([name, key]) => [name, key]),
    [
      ['DEL', `session:${ID}`],
      ['SET', `session:${session.id()}`],
    ],
  )
  const moved = await driver.load(cookieValueOf(text ?? ''))
  assert.deepEqual(moved, { id: session.id(), data: { user: 1, again: 2 }, flash_next: {} })
})
