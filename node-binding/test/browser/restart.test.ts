/** A browser that stays open while the demo behind it ends and starts again. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { DemoProcess } from '../../demo/testing/demo-process.js'
import { RedisProcess } from '../../demo/testing/redis-process.js'
import { chromium } from './chromium.js'
import { Tab } from './tab.js'

const SECRET = { SESSION_SECRET: 'a secret for this test only' }

let browser: Browser
let folder: string
let redis: RedisProcess
before(async () => {
  browser = await chromium()
  folder = await mkdtemp(join(tmpdir(), 'rudder-browser-'))
  redis = await RedisProcess.start()
})
after(async () => {
  await browser.close()
  await redis.end()
  await rm(folder, { recursive: true })
})

/** The demo ends by `signal` while a tab is open, and starts anew with the same `env`. */
async function acrossRestart(
  signal: 'SIGTERM' | 'SIGKILL',
  env: Record<string, string>,
): Promise<{ user: string | null; items: number; visits: number }> {
  const context = await browser.newContext()
  const first = await DemoProcess.start(env)
  let second: DemoProcess | undefined
  try {
    const tab = await Tab.open(context, first.url)
    await tab.login('Ada')
    await tab.press('more-rope')
    await first.end(signal)

    // On another port, which cookies do not know of.
    second = await DemoProcess.start(env)
    await tab.visit(second.url)

    const { user, items, visits } = await tab.shown()
    return { user, items, visits }
  } finally {
    await context.close()
    await first.end()
    await second?.end()
  }
}

const LOGGED_IN = { user: 'Ada', items: 1, visits: 4 }
const FRESH = { user: null, items: 0, visits: 1 }

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`with the file driver a login outlives a restart by ${signal}`, async () => {
    const file = { SESSION_FILE: join(folder, `${signal}.redb`) }

    assert.deepEqual(await acrossRestart(signal, file), LOGGED_IN)
  })
}

test('with the redis driver and SESSION_SECRET a login outlives a restart', async () => {
  const env = { ...SECRET, SESSION_DRIVER: 'redis', REDIS_URL: redis.url }

  assert.deepEqual(await acrossRestart('SIGTERM', env), LOGGED_IN)
})

test('with the cookie driver and SESSION_SECRET a login outlives a restart', async () => {
  const env = { ...SECRET, SESSION_DRIVER: 'cookie' }

  assert.deepEqual(await acrossRestart('SIGTERM', env), LOGGED_IN)
})

test('with the cookie driver and another secret the session is a fresh one', async () => {
  assert.deepEqual(await acrossRestart('SIGTERM', { SESSION_DRIVER: 'cookie' }), FRESH)
})

test('with the memory driver a session ends with the demo', async () => {
  const env = { ...SECRET, SESSION_DRIVER: 'memory' }

  assert.deepEqual(await acrossRestart('SIGTERM', env), FRESH)
})
