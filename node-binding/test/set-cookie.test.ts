/** The text of a Set-Cookie header, and where it goes on a response of any shape. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendSetCookie, setCookieText } from '../dist/set-cookie.js'
import { config } from './support/pipeline.js'

test('attributes come in a fixed order', () => {
  const cookie = { ...config().cookie, path: '/app', sameSite: 'strict', secure: true } as const

  assert.equal(
    setCookieText('v', cookie, 7200),
    'sid=v; Path=/app; Max-Age=7200; SameSite=strict; HttpOnly; Secure',
  )
})

test('SameSite=none forces Secure', () => {
  const cookie = { ...config().cookie, sameSite: 'none', httpOnly: false } as const

  assert.equal(setCookieText('v', cookie, 30), 'sid=v; Path=/; Max-Age=30; SameSite=none; Secure')
})

test('a finished Response gets the cookie in place, next to its own cookies', () => {
  const response = new Response('x', {
    headers: [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
  })

  appendSetCookie({ raw: { res: response } }, 'sid=v')

  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2', 'sid=v'])
})

test('a context without a Response gets the cookie through header()', () => {
  const calls: unknown[] = []

  appendSetCookie({ raw: { header: (...args: unknown[]) => calls.push(args) } }, 'sid=v')

  assert.deepEqual(calls, [['Set-Cookie', 'sid=v']])
})

for (const res of [undefined, null, {}, { raw: null }, { raw: 'x' }, { raw: { res: {} } }]) {
  test(`a response with nowhere to put a cookie stays as it is: ${JSON.stringify(res)}`, () => {
    appendSetCookie(res as object, 'sid=v')
  })
}
