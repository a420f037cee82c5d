/** Whoever listens is told what drivers do, and nothing of whom they do it for. */

import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import type { SessionFailure, SessionOperation } from '@rudderjs/session-native'
import { captureConsole } from './support/console.js'
import { onEveryDriver } from './support/drivers.js'
import { Browser } from './support/pipeline.js'

type Message = SessionOperation | SessionFailure

/** What is published from now to the end of the test, in this order. */
function listen(t: TestContext): [name: string, message: Message][] {
  const heard: [string, Message][] = []
  for (const name of ['load', 'save', 'regenerate', 'destroy', 'error']) {
    const listener = (message: unknown) => void heard.push([name, message as Message])
    subscribe(`rudder-session:${name}`, listener)
    t.after(() => unsubscribe(`rudder-session:${name}`, listener))
  }
  return heard
}

/** The same without durations, of which is only known what they are. */
function summary(heard: [string, Message][]): unknown[] {
  return heard.map(([name, { durationMs, ...rest }]) => {
    assert.ok(durationMs >= 0)
    return [name, rest]
  })
}

onEveryDriver(({ name: driver, middleware }) => {
  test('each call of the driver is told when it has ended', async (t) => {
    const browser = new Browser(middleware())
    const heard = listen(t)

    await browser.visit((session) => session.put('user', 'alice'))
    await browser.visit((session) => session.regenerate())
    await browser.visit()

    const moved: unknown[] =
      driver === 'cookie'
        ? [
            ['destroy', { driver, done: true }],
            ['save', { driver, done: true }],
          ]
        : [['regenerate', { driver, done: true }]]
    assert.deepEqual(summary(heard), [
      ['load', { driver, done: false }],
      ['save', { driver, done: true }],
      ['load', { driver, done: true }],
      ...moved,
      ['load', { driver, done: true }],
    ])
  })

  test('a call that failed is told as an error, with a code and no data', async (t) => {
    captureConsole(t, 'error')
    const failing = middleware()
    const browser = new Browser(failing)
    const heard = listen(t)

    await browser.visit((session) => session.put('secret', 1n))

    assert.deepEqual(summary(heard), [
      ['load', { driver, done: false }],
      ['error', { driver, operation: 'save', code: 'TypeError', retryable: false }],
    ])
    const { save } = failing.engine.stats()
    assert.deepEqual([save.calls, save.errors], [1, 1])
  })

  test('a payload that is loaded without a middleware is told, too', async (t) => {
    const { driver: own } = middleware().engine
    const cookie = await own.persist({ id: 'some-id', data: {}, flash_next: {} }, 60)
    const heard = listen(t)

    await own.load(cookie)
    await own.load('refused')

    assert.deepEqual(summary(heard), [
      ['load', { driver, done: true }],
      ['load', { driver, done: false }],
    ])
  })

  if (driver !== 'cookie') {
    test('a save that found the session gone says so', async (t) => {
      const both = middleware()
      const browser = new Browser(both)
      const { session } = await browser.visit((session) => session.put('user', 'alice'))
      const heard = listen(t)

      await browser.visit(async (late) => {
        await both.engine.driver.destroy(session.id())
        late.put('user', 'bob')
      })

      assert.deepEqual(summary(heard), [
        ['load', { driver, done: true }],
        ['destroy', { driver, done: true }],
        ['save', { driver, done: false }],
      ])
    })
  }
})
