/** The fallback signs, refuses and reads what the addon does: the same bytes, the same verdicts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { fromNative, SessionConfigError, SessionPayloadError } from '../dist/errors.js'
import { FallbackCodec } from '../dist/fallback/codec.js'
import { native } from '../dist/native.js'
import { anyString, damaged, spelledData, spelledPayload } from './support/spellings.js'

const RUNS = { numRuns: 1000 }

const SECRETS = ['the secret of this test', 'a retired k\u00e9y \ud800', 'k'.repeat(200)]
const addon = native().createCodec(SECRETS)
const fallback = new FallbackCodec(SECRETS)
/** Whose key the others have not. */
const stranger = new FallbackCodec(['of somebody else'])
const retired = SECRETS.map((secret) => new FallbackCodec([secret]))

/** What a session sees of a payload: its text if it is read as one, or `null`. */
function seen(text: string | null): string | null {
  if (text === null) return null
  try {
    const { id, data, flash_next } = JSON.parse(text)
    if (typeof id !== 'string') return null
    return JSON.stringify({ id, data: { ...data }, flash_next: { ...flash_next } })
  } catch {
    return null
  }
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** Any text signed by the primary key, a retired one, or a stranger. */
function signed(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const signer = fc.constantFrom(...retired, fallback, stranger)
  return fc.tuple(signer, text).map(([codec, text]) => codec.sign(text))
}

test('any string is signed alike, and verified by both', () => {
  fc.assert(
    fc.property(anyString, (value) => {
      const text = addon.sign(value)
      assert.equal(fallback.sign(value), text)
      assert.equal(fallback.verify(text), addon.verify(text))
      assert.equal(fallback.verify(text), value.toWellFormed())
    }),
    RUNS,
  )
})

test('what is damaged or of a stranger gets the same verdict', () => {
  fc.assert(
    fc.property(damaged(signed(anyString)), (text) => {
      assert.equal(fallback.verify(text), addon.verify(text))
    }),
    RUNS,
  )
})

test('between a text and its signature there is a dot, and nothing else', () => {
  const [text, signature] = addon.sign('some text').split('.')

  assert.equal(fallback.verify(`${text}.${signature}`), 'some text')
  for (const other of ['', ',', '-', 'A', '..', '\0', '\uff0e']) {
    assert.equal(fallback.verify(`${text}${other}${signature}`), null, other)
    assert.equal(fallback.verify(`a.b${text}${other}${signature}`), null, other)
  }
})

test('a payload that JSON.stringify wrote is encoded to the same bytes, and comes back', () => {
  const data = spelledData.map((text) => JSON.parse(text))
  // A lifetime may be a fraction of a minute, and so an instant one of a millisecond.
  const instant = fc.oneof(fc.maxSafeInteger(), fc.integer()).map((it) => (it % 8.64e15) / 2)
  fc.assert(
    fc.property(anyString, data, data, instant, (id, data, flash_next, expiresAt) => {
      const text = JSON.stringify({ id, data, flash_next })
      const value = addon.encode(text, expiresAt)
      assert.equal(fallback.encode(text, expiresAt), value)
      assert.equal(fallback.decode(value, expiresAt, true), text)
      assert.equal(addon.decode(value, expiresAt, true), text)
    }),
    RUNS,
  )
})

test('whatever a key has signed is read alike, or refused alike', () => {
  const now = fc.constantFrom(0, 999, 1000, 1001, 1001.5, 1002, -5)
  const value = damaged(signed(damaged(spelledPayload).map(base64url)))
  fc.assert(
    fc.property(value, now, fc.boolean(), (value, now, rejectLegacy) => {
      const text = fallback.decode(value, now, rejectLegacy)
      assert.equal(seen(text), seen(addon.decode(value, now, rejectLegacy)))
      if (text !== null) assert.notEqual(seen(text), null)
    }),
    RUNS,
  )
})

test('only the canonical base64url of a payload is read', () => {
  const payload = base64url('{"id":"ab","data":{},"flash_next":{}}')
  const others = [`${payload}=`, `${payload}\n`, ` ${payload}`, `${payload.slice(0, -1)}R`, '']

  for (const other of others) {
    const value = fallback.sign(other)
    assert.equal(fallback.decode(value, 0, false), null, other)
    assert.equal(addon.decode(value, 0, false), null, other)
  }
  assert.notEqual(fallback.decode(fallback.sign(payload), 0, false), null)
})

test('a cookie is accepted up to its expiry, and not a millisecond longer', () => {
  const value = fallback.encode('{"id":"a"}', 1000)

  assert.equal(fallback.decode(value, 1000, true), '{"id":"a","data":{},"flash_next":{}}')
  assert.equal(fallback.decode(value, 1000.5, true), null)
})

test('the cookie is found in the header, the first one that has the name', () => {
  const good = fallback.encode('{"id":"a"}', 1000)
  const payload = '{"id":"a","data":{},"flash_next":{}}'

  assert.equal(fallback.load(`x=1; sid=${good}; sid=other`, 'sid', 0, true), payload)
  assert.equal(fallback.load(`sid=; sid=${good}`, 'sid', 0, true), undefined)
  assert.equal(fallback.load(`SID=${good}`, 'sid', 0, true), undefined)
  assert.equal(fallback.load('', 'sid', 0, true), undefined)
  assert.equal(fallback.load('sid=refused', 'sid', 0, true), null)
})

test('an id is taken from the header only if a key signed it', () => {
  const loadId = (value: string) => fallback.loadId(`a=b;sid=${value}`, 'sid')

  assert.equal(loadId(fallback.sign('some-ID_1')), 'some-ID_1')
  assert.equal(loadId(stranger.sign('some-ID_1')), null)
  assert.equal(loadId(''), undefined)
  assert.equal(fallback.loadId('', 'sid'), undefined)
})

for (const secrets of [[], [''], ['good', ''], ['change-me-in-production']]) {
  test(`secrets that are refused: ${JSON.stringify(secrets)}`, () => {
    const refusal = errorOf(() => new FallbackCodec(secrets))

    assert.ok(refusal instanceof SessionConfigError)
    assert.equal(refusal.field, 'secret')
    assertSameError(
      refusal,
      errorOf(() => native().createCodec(secrets)),
    )
  })
}

for (const json of ['', '{', '[]', '{}', '{"id":1}', '{"id":"a"}x', '"id"', 'null']) {
  test(`text that is no payload is not encoded: ${json}`, () => {
    const refusal = errorOf(() => fallback.encode(json, 0))

    assert.ok(refusal instanceof SessionPayloadError)
    assertSameError(
      refusal,
      errorOf(() => addon.encode(json, 0)),
    )
  })
}

for (const at of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 2]) {
  test(`a time that is none is refused: ${at}`, () => {
    const refusal = errorOf(() => fallback.encode('{"id":"a"}', at))

    assert.ok(refusal instanceof SessionConfigError)
    assertSameError(
      refusal,
      errorOf(() => addon.encode('{"id":"a"}', at)),
    )
    assert.throws(() => fallback.decode('x', at, false), { code: 'ERR_SESSION_CONFIG' })
  })
}

test('a codec shows no key when it is printed', () => {
  assert.ok(!inspect(fallback, { depth: 9, showHidden: true }).includes('primary key'))
  assert.equal(JSON.stringify(fallback), '{}')
})

function errorOf(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return fromNative(error)
  }
  throw new assert.AssertionError({ message: 'it did not throw' })
}

function assertSameError(ours: unknown, addons: unknown): void {
  assert.deepEqual(
    [(ours as Error).name, (ours as Error).message],
    [(addons as Error).name, (addons as Error).message],
  )
}
