/** The text of a Set-Cookie header, and where it goes on a response of any shape. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appendSetCookie, keepFromOthers, setCookieText } from '../dist/set-cookie.js'
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

test('domain, partitioned and priority come last', () => {
  const cookie = {
    ...{ ...config().cookie, secure: true },
    ...({ domain: 'example.org', partitioned: true, priority: 'high' } as const),
  }

  assert.equal(
    setCookieText('v', cookie, 30),
    'sid=v; Path=/; Max-Age=30; SameSite=lax; HttpOnly; Secure; Domain=example.org; ' +
      'Partitioned; Priority=High',
  )
})

test('a finished Response gets the cookie in place, next to its own cookies', () => {
  const response = new Response('x', {
    headers: [
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
    ],
  })

  appendSetCookie({ raw: { res: response } }, 'sid=v', true)

  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2', 'sid=v'])
})

test('a context without a Response gets the cookie through header()', () => {
  const calls: unknown[] = []

  appendSetCookie({ raw: { header: (...args: unknown[]) => calls.push(args) } }, 'sid=v', true)

  assert.deepEqual(calls, [['Set-Cookie', 'sid=v']])
})

for (const res of [undefined, null, {}, { raw: null }, { raw: 'x' }, { raw: { res: {} } }]) {
  test(`a response with nowhere to put a cookie stays as it is: ${JSON.stringify(res)}`, () => {
    appendSetCookie(res as object, 'sid=v', true)
  })
}

const caching: [name: string, before: Record<string, string>, after: [string, string]][] = [
  ['nothing', {}, ['Cookie', 'private']],
  ['another Vary', { Vary: 'Accept-Encoding' }, ['Accept-Encoding, Cookie', 'private']],
  ['the same Vary', { Vary: 'Accept, cookie' }, ['Accept, cookie', 'private']],
  ['a Vary of everything', { Vary: '*' }, ['*', 'private']],
  ['a lifetime', { 'Cache-Control': 'max-age=60' }, ['Cookie', 'private, max-age=60']],
  ['public', { 'Cache-Control': 'Public, max-age=60' }, ['Cookie', 'private, max-age=60']],
  ['private', { 'Cache-Control': 'private, max-age=1' }, ['Cookie', 'private, max-age=1']],
  ['no-store', { 'Cache-Control': 'no-store' }, ['Cookie', 'no-store']],
]
for (const [name, before, after] of caching) {
  test(`caches are told that a response is for one visitor: ${name}`, () => {
    const headers = new Headers(before)

    keepFromOthers(headers, true)

    assert.deepEqual([headers.get('Vary'), headers.get('Cache-Control')], after)
  })
}

test('a Response that the one of the handler will be put into says nothing weaker', () => {
  const response = new Response('x')

  appendSetCookie({ raw: { finalized: false, res: response } }, 'sid=v', true)

  assert.equal(response.headers.get('Cache-Control'), 'private, no-store')
  assert.equal(response.headers.get('Vary'), null)
})

test('caches are told nothing if that is switched off', () => {
  const response = new Response('x')

  appendSetCookie({ raw: { res: response } }, 'sid=v', false)

  assert.deepEqual([...response.headers.keys()].sort(), ['content-type', 'set-cookie'])
})
