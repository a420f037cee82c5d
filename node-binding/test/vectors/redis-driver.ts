/** redis_persist, redis_load and redis_destroy: the commands that a real server gets. */

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { RedisDriver, type SessionPayload } from '@rudderjs/session-native'
import { config, UUID_V4 } from '../support/pipeline.js'
import { Monitor, RedisServer, type RespClient } from '../support/redis-server.js'
import { type Case, meta, textOf } from './case.js'

interface Redis {
  server: RedisServer
  client: RespClient
  monitor: Monitor
}

/** A real server for one section. It is there when its tests run, not while they are declared. */
export function withRedis(declare: (redis: Redis) => void): void {
  const redis = {} as Redis
  before(async () => {
    redis.server = await RedisServer.start()
    redis.client = await redis.server.client()
    redis.monitor = await Monitor.start(redis.server)
  })
  after(async () => {
    redis.client.close()
    redis.monitor.close()
    await redis.server.stop()
  })
  declare(redis)
}

function driverOf(t: TestContext, redis: Redis, given: Case): RedisDriver {
  const driver = new RedisDriver(
    config({
      driver: 'redis',
      secret: textOf(given, 'secret') ?? meta.secret,
      redis: { ...(given.config as object), url: redis.server.url, deadlineMs: 10_000 },
    }),
  )
  t.after(() => driver.close())
  return driver
}

export function declarePersist(title: string, given: Case, redis: Redis): void {
  const ttlSeconds = given.ttl_seconds as number | null
  const payload = JSON.parse(textOf(given, 'payload_json') ?? '') as SessionPayload
  if (ttlSeconds === null || !(ttlSeconds > 0)) {
    test(`${title} [difference: a TTL that is not above 0 is refused]`, async (t) => {
      const persist = driverOf(t, redis, given).persist(payload, ttlSeconds ?? Number.NaN)
      await assert.rejects(persist, { code: 'ERR_SESSION_CONFIG' })
    })
    return
  }
  const rounds = !Number.isInteger(ttlSeconds)
  const note = ' [difference: a TTL is rounded up to whole seconds, since Redis takes no other]'
  test(title + (rounds ? note : ''), async (t) => {
    const driver = driverOf(t, redis, given)
    await redis.monitor.commands()

    const cookie = await driver.persist(payload, ttlSeconds)

    const command = [...(given.command as string[])]
    if (rounds) command[command.length - 1] = String(Math.ceil(ttlSeconds))
    assert.deepEqual(upperFirst(await redis.monitor.commands()), [upper(command)])
    assert.equal(cookie, given.cookie)
    const [, name = '', json] = command
    assert.equal(await redis.client.call('GET', name), json)
  })
}

export function declareLoad(title: string, given: Case, redis: Redis): void {
  const stored = textOf(given, 'stored')
  const key = given.key_read as string | null | undefined
  const prefix = (given.config as { prefix?: string } | undefined)?.prefix ?? 'session:'
  const result = given.result as 'fresh' | Partial<SessionPayload>
  const foreign = typeof result === 'object' && key !== `${prefix}${result.id}`

  const note = ' [difference: a record with another id is a miss]'
  test(title + (foreign ? note : ''), async (t) => {
    const driver = driverOf(t, redis, given)
    await redis.client.call('FLUSHALL')
    if (key && stored !== undefined) await redis.client.call('SET', key, stored)
    await redis.monitor.commands()

    const payload = await driver.load(textOf(given, 'cookie'))

    const commands = upperFirst(await redis.monitor.commands())
    assert.deepEqual(commands, key ? [['GET', key]] : [])
    if (result === 'fresh' || foreign) {
      assert.match(payload.id, UUID_V4)
      assert.notEqual(payload.id, meta.session_id)
      assert.equal(JSON.stringify(payload), `{"id":"${payload.id}","data":{},"flash_next":{}}`)
    } else {
      const { id, data, flash_next } = result
      const whole = { id, data: { ...(data ?? {}) }, flash_next: { ...(flash_next ?? {}) } }
      assert.equal(JSON.stringify(payload), JSON.stringify(whole))
    }
  })
}

export function declareDestroy(command: string[], redis: Redis): void {
  test(JSON.stringify(command), async (t) => {
    const driver = driverOf(t, redis, {})
    await redis.monitor.commands()

    await driver.destroy(meta.session_id)

    const sent = await redis.monitor.commands()
    assert.deepEqual(sent, [['DEL', `session:${meta.session_id}`]])
    const words = sent.flat().map((word) => word.toLowerCase())
    for (const word of command) assert.ok(words.includes(word.toLowerCase()), word)
  })
}

function upper([name = '', ...rest]: string[]): string[] {
  return [name.toUpperCase(), ...rest]
}

function upperFirst(commands: string[][]): string[][] {
  return commands.map(upper)
}
