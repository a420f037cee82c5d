/** A cookie that browsers would drop is an error, and does not go out. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionCookieSizeError, sessionMiddleware } from '@rudderjs/session-native'
import { captureConsole } from './support/console.js'
import { Browser, config } from './support/pipeline.js'

const NAME = 'sid'

/** A session whose cookie has `bytes` of name and value, as near as base64 gets to it. */
async function fill(middleware: ReturnType<typeof sessionMiddleware>, bytes: number) {
  const browser = new Browser(middleware)
  let note = ''
  for (let step = 4096; step >= 1; step = Math.floor(step / 2)) {
    const longer = note + 'x'.repeat(step)
    const size = await sizeWith(longer)
    if (size <= bytes) note = longer
  }
  return { browser, note }
}

async function sizeWith(note: string): Promise<number> {
  const free = sessionMiddleware(config({ cookie: { maxBytes: 1 << 20 } as never }))
  const browser = new Browser(free)
  await browser.visit((session) => session.put('note', note))
  return NAME.length + (browser.cookie ?? '').length
}

test('a cookie of up to 4096 bytes goes out, and one of 4097 or more does not', async (t) => {
  const errors = captureConsole(t, 'error')
  const middleware = sessionMiddleware(config())
  const { note } = await fill(middleware, 4096)
  const browser = new Browser(middleware)

  const fits = await browser.visit((session) => session.put('note', note))
  const cookie = browser.cookie
  const larger = await browser.visit((session) => session.put('note', `${note}xxx`))

  assert.equal(fits.setCookies.length, 1)
  assert.ok(NAME.length + (cookie ?? '').length > 4092)
  assert.deepEqual(larger.setCookies, [])
  assert.equal(errors.length, 1)
  assert.match(String(errors[0]?.[0]), /^\[Rudder\] session\.save\(\) failed/)
  assert.ok(errors[0]?.[1] instanceof SessionCookieSizeError)
  assert.deepEqual((await new Browser(middleware, cookie).visit()).session.all(), { note })
})

test('the limit is met to the byte', async (t) => {
  captureConsole(t, 'error')
  const { note } = await fill(sessionMiddleware(config()), 4096)
  const size = await sizeWith(note)
  const sent = async (maxBytes: number) => {
    const middleware = sessionMiddleware(config({ cookie: { maxBytes } as never }))
    return (await new Browser(middleware).visit((it) => it.put('note', note))).setCookies.length
  }

  assert.deepEqual([await sent(size - 1), await sent(size), await sent(size + 1)], [0, 1, 1])
})

test('the error names the size, the limit and the largest key, and no value', async () => {
  const middleware = sessionMiddleware(config())

  const save = new Browser(middleware).visit(async (session) => {
    session.put('user', 1)
    session.put('cart', 'secret'.repeat(1000))
    session.flash('notice', 'x'.repeat(500))
    await session.save({})
  })

  await assert.rejects(save, (error: unknown) => {
    assert.ok(error instanceof SessionCookieSizeError)
    const { code, sizeBytes, limitBytes, largestKey, message } = error
    assert.deepEqual([code, limitBytes, largestKey], ['ERR_SESSION_COOKIE_SIZE', 4096, 'cart'])
    assert.ok(sizeBytes > 8000)
    assert.ok(message.includes(String(sizeBytes)) && message.includes('"cart"'), message)
    assert.ok(!message.includes('secretsecret'))
    return true
  })
})

test('the largest key may be one that was flashed', async () => {
  const save = new Browser(sessionMiddleware(config())).visit(async (session) => {
    session.flash('notice', 'x'.repeat(5000))
    await session.save({})
  })

  await assert.rejects(save, { largestKey: 'notice' })
})
