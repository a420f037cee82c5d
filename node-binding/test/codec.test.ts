/** The codec is exact for every JavaScript string, whoever calls it and however. */

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { createCodec } from '@rudderjs/session-native/native'
import fc from 'fast-check'
import { findCookie } from '../dist/cookie-header.js'

const SECRET = 'test-secret-32-chars-exactly!!xx'
const NOW = 1_700_000_000_000
const PAYLOAD = '{"id":"a","data":{"n":1},"flash_next":{}}'
const codec = createCodec([SECRET])

/** Any UTF-16 code units, and more often those that a careless reader takes for others. */
const unit = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(0, 0x2e, 0x7f, 0x80, 0xff, 0x100, 0x12e, 0x131, 0xd800, 0xdbff, 0xdc00, 0xfffd),
)
const anyText = fc.oneof(
  fc.array(unit).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'binary' }),
  fc.string(),
)

/** What Node's own functions make of it; half of a surrogate pair is hashed as U+FFFD. */
function plainlySigned(text: string): string {
  const signature = createHmac('sha256', SECRET).update(text, 'utf8').digest('base64url')
  return `${wellFormed(text)}.${signature}`
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

describe('every string', () => {
  test('is signed as Node signs it, and comes back', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.equal(codec.sign(text), plainlySigned(text))
        assert.equal(codec.verify(codec.sign(text)), wellFormed(text))
      }),
      { numRuns: 2000 },
    )
  })

  test('is read whole, whatever its length and its last character', () => {
    // Around the sizes of the addon's buffers: 16 KiB that are always there, and what is kept.
    const lengths = [0, 1, 4095, 4096, 5461, 16_383, 65_536, 1 << 20]
    for (const around of lengths) {
      for (const end of ['a', '\u00e9', '\u20ac', '\u{1f36a}', '\ud800', '\0']) {
        for (let length = Math.max(0, around - 6); length < around + 6; length++) {
          const text = 'x'.repeat(length) + end
          assert.ok(codec.sign(text) === plainlySigned(text), `${length} and ${escape(end)}`)
        }
      }
    }
  })

  test('is read whole if it has many bytes a character', () => {
    for (const character of ['\u00ff', '\u0131', '\uffff', '\u{1f36a}', '\udc00']) {
      for (const count of [1365, 4095, 4096, 5460, 5461, 5462, 8191, 8192, 8193, 1 << 18]) {
        const text = character.repeat(count)
        assert.ok(codec.sign(text) === plainlySigned(text), `${count} of ${escape(character)}`)
      }
    }
  })

  test('that is put together or cut out of others is read like any', () => {
    const rope = ['a'.repeat(30), 'b\u0131'.repeat(30), String(Math.random())].reduce(
      (a, b) => a + b,
    )
    const slice = rope.slice(7, 70)

    assert.equal(codec.sign(rope), plainlySigned(rope))
    assert.equal(codec.sign(slice), plainlySigned(slice))
  })
})

describe('a cookie value with one character replaced', () => {
  const values = { id: codec.sign('1b2c3d4e-0000'), payload: codec.encode(PAYLOAD, NOW) }

  for (const [kind, value] of Object.entries(values)) {
    test(`is refused, though their low bytes are equal (${kind})`, () => {
      for (let at = 0; at < value.length; at++) {
        for (const high of [0x0100, 0x0200, 0x4e00, 0xd800, 0xdc00, 0xff00]) {
          const other = String.fromCharCode(value.charCodeAt(at) | high)
          const changed = value.slice(0, at) + other + value.slice(at + 1)

          assert.equal(codec.verify(changed), null)
          assert.equal(codec.decode(changed, NOW, false), null)
          assert.equal(codec.load(`sid=${changed}`, 'sid', NOW, false), null)
          assert.equal(codec.loadId(`sid=${changed}`, 'sid'), null)
        }
      }
    })
  }
})

describe('load', () => {
  const value = codec.encode(PAYLOAD, NOW)
  const piece = fc.oneof(
    fc.constantFrom('sid', 'a', 'sid=', '=', ';', '; ', ' ', '\t', '\u00a0', '\ufeff', '"', '%41'),
    fc.constantFrom(value, codec.sign('some-id'), `sid=${value}`, `; sid=${codec.sign('x')};`),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  const header = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
  const name = fc.constantFrom('sid', 'a', '')

  test('does what finding the cookie and decoding it do', () => {
    fc.assert(
      fc.property(header, name, fc.constantFrom(NOW, NOW + 1), (text, name, now) => {
        const found = findCookie(text, name)

        const payload = found ? codec.decode(found, now, true) : undefined
        assert.equal(codec.load(text, name, now, true), payload)
        assert.equal(codec.loadId(text, name), found ? codec.verify(found) : undefined)
      }),
      { numRuns: 5000 },
    )
  })

  test('tells a cookie that is absent from one that is refused', () => {
    assert.equal(codec.load(`a=1; sid=${value}`, 'sid', NOW, true), PAYLOAD)
    assert.equal(codec.load(`a=1; sid=${value}`, 'sid', NOW + 1, true), null)
    for (const header of ['', 'a=1', 'sid=', 'sid=; sid=x', 'sid']) {
      assert.equal(codec.load(header, 'sid', NOW, true), undefined, header)
      assert.equal(codec.loadId(header, 'sid'), undefined, header)
    }
  })
})

test('text that is no payload is refused with a code, and said once it is parsed', () => {
  for (const text of ['', '{', '[]', '{"id":1}', '{"data":{}}']) {
    assert.throws(() => codec.encode(text, NOW), { code: 'ERR_SESSION_PAYLOAD' })
  }
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 9e15]) {
    assert.throws(() => codec.encode(PAYLOAD, time), { code: 'ERR_SESSION_CONFIG' })
    assert.throws(() => codec.decode('x', time, false), { code: 'ERR_SESSION_CONFIG' })
    assert.throws(() => codec.load('sid=x', 'sid', time, false), { code: 'ERR_SESSION_CONFIG' })
  }
})

test('a secret that is none is refused with a code', () => {
  for (const secrets of [[], [''], ['good', ''], ['change-me-in-production']]) {
    assert.throws(() => createCodec(secrets), {
      name: 'SessionConfigError',
      code: 'ERR_SESSION_CONFIG',
      field: 'secret',
    })
  }
})

describe('a call', () => {
  const calls: [keyof typeof codec, unknown[], string[]][] = [
    ['sign', ['x'], ['string']],
    ['verify', ['x'], ['string']],
    ['encode', [PAYLOAD, NOW], ['string', 'number']],
    ['decode', ['x', NOW, true], ['string', 'number', 'boolean']],
    ['load', ['x', 'sid', NOW, true], ['string', 'string', 'number', 'boolean']],
    ['loadId', ['x', 'sid'], ['string', 'string']],
  ]
  const wrong = [undefined, null, 5, 5n, 'text', true, {}, [], Symbol('s'), () => {}]

  for (const [name, args, types] of calls) {
    const call = codec[name] as (...args: unknown[]) => unknown

    test(`to ${name} with an argument of a wrong type throws a TypeError`, () => {
      for (let at = 0; at < args.length; at++) {
        for (const value of wrong.filter((it) => typeof it !== types[at])) {
          const thrown = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
          assert.throws(() => call(...args.with(at, value)), thrown)
        }
        assert.throws(() => call(...args.slice(0, at)), { code: 'ERR_INVALID_ARG_TYPE' })
      }
    })

    test(`to ${name} is the same whatever this is, and with more arguments`, () => {
      const expected = call(...args)
      for (const self of [undefined, null, 7, {}, createCodec(['other']), new Date(), call]) {
        assert.equal(Reflect.apply(call, self, args), expected)
      }
      assert.equal(call(...args, 'more', {}, 9, 9, 9), expected)
      // Not a constructor to speak of, but nothing breaks.
      assert.equal(typeof Reflect.construct(call, args), 'object')
    })
  }
})

test('codecs with different secrets do not mix', () => {
  const other = createCodec(['the secret of this test', SECRET])

  assert.equal(other.verify(codec.sign('a')), 'a')
  assert.equal(codec.verify(other.sign('a')), null)
})
