/** A request pays for what it asks of its session, and for nothing else. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sessionMiddleware } from '@rudderjs/session-native'
import { onEveryDriver } from './support/drivers.js'
import { Browser, config } from './support/pipeline.js'

/** What goes through JSON from now to the end of the test. */
function watchJson(t: TestContext): { parsed: string[]; written: string[] } {
  const seen: { parsed: string[]; written: string[] } = { parsed: [], written: [] }
  const { parse, stringify } = JSON
  t.mock.method(JSON, 'parse', (text: string) => {
    seen.parsed.push(text)
    return parse(text)
  })
  t.mock.method(JSON, 'stringify', (value: unknown) => {
    const text = stringify(value)
    seen.written.push(text)
    return text
  })
  return seen
}

onEveryDriver((driver) => {
  async function visitor() {
    const browser = new Browser(driver.middleware())
    await browser.visit((session) => {
      session.put('user', { name: 'Zoe' })
      session.put('cart', [1, 2])
      session.put('seen', 9)
    })
    return browser
  }

  test('one that reads nothing parses and writes nothing', async (t) => {
    const browser = await visitor()
    const json = watchJson(t)

    const { setCookies } = await browser.visit()

    assert.deepEqual([json.parsed, json.written, setCookies], [[], [], []])
  })

  test('one that reads a key parses its value, once', async (t) => {
    const browser = await visitor()
    const json = watchJson(t)

    await browser.visit((session) => {
      assert.equal(session.get('cart'), session.get('cart'))
      assert.equal(session.has('user'), true)
      assert.equal(session.get('absent'), undefined)
    })

    assert.deepEqual([json.parsed, json.written], [['[1,2]'], []])
  })

  test('one that reads a key and writes one does not touch the others', async (t) => {
    const browser = await visitor()
    const json = watchJson(t)

    await browser.visit((session) => {
      session.get<number[]>('cart')?.push(3)
      session.put('seen', 10)
    })

    assert.ok(![...json.parsed, ...json.written].some((text) => text.includes('Zoe')))
    t.mock.restoreAll()
    const { session } = await browser.visit()
    assert.deepEqual(session.all(), { user: { name: 'Zoe' }, cart: [1, 2, 3], seen: 10 })
  })
})

test('with the cookie driver the handler runs at once', async () => {
  const middleware = sessionMiddleware(config())
  const events: string[] = []

  const done = middleware({ headers: { cookie: 'sid=x' }, raw: {} }, {}, () => {
    events.push('handler')
  })
  events.push('middleware returned')

  await done
  assert.deepEqual(events, ['handler', 'middleware returned'])
})
