/**
 * Hardened cookie values are those of tests/vectors/v2.json, by the addon and by the fallback, and
 * the two give the same verdict on everything else.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { FallbackHardenedCodec } from '../dist/fallback/hardened-codec.js'
import { hchacha20 } from '../dist/fallback/xchacha.js'
import { storedId } from '../dist/ids.js'
import { native } from '../dist/native.js'
import type { HardenedOptions } from '../native.js'

interface Case {
  secret: string
  cookie_name: string
  expires_at: number
  value: string
}
interface Vectors {
  signed: (Case & { payload: string })[]
  sealed: (Case & { payload: string; pad_to: number })[]
  ids: (Case & { id: string; record_id: string })[]
  refused: { why: string; value: string }[]
}

const FILE = fileURLToPath(new URL('../../tests/vectors/v2.json', import.meta.url))
const { signed, sealed, ids, refused }: Vectors = JSON.parse(readFileSync(FILE, 'utf8'))

const SECRET = '0123456789abcdef0123456789abcdef'
const OTHER = 'fedcba9876543210fedcba9876543210'
const NOW = 1_700_000_000_000

type Options = Partial<HardenedOptions>

/** Without the addon the first is the fallback, too. */
const makers = {
  engine: (options: HardenedOptions) => native().createHardenedCodec(options),
  fallback: (options: HardenedOptions) => new FallbackHardenedCodec(options),
}

for (const [name, make] of Object.entries(makers)) {
  const open = (options: Options = {}) =>
    make({ secrets: [SECRET], cookieName: 'rudderjs_session', rejectLegacy: false, ...options })
  const openFor = (given: Case, options: Options = {}) =>
    open({ secrets: [OTHER + OTHER, given.secret], cookieName: given.cookie_name, ...options })
  /** The same with the key of the case in front. */
  const openOwn = (given: Case, options: Options = {}) =>
    open({ secrets: [given.secret], cookieName: given.cookie_name, ...options })

  describe(name, () => {
    test('signed payloads of the vectors are made and read', () => {
      for (const given of signed) {
        const codec = openOwn(given)
        const { payload, value, expires_at: at } = given

        assert.equal(codec.encode(payload, at), value)
        assert.equal(codec.decode(value, at), payload)
        assert.equal(codec.load(`a=b; ${given.cookie_name}=${value}`, at), payload)
        assert.equal(codec.load('a=b', at), undefined)
        assert.equal(codec.decode(value, at + 1), null)
        assert.deepEqual(openFor(given).decode(value, at), { text: payload, isV1: false })
      }
    })

    test('sealed payloads of the vectors are read, however they were padded', () => {
      for (const given of sealed) {
        const { payload, value, expires_at: at } = given

        assert.equal(openOwn(given, { sealPaddedTo: 1 }).decode(value, at), payload)
        assert.equal(openOwn(given, { sealPaddedTo: 64 }).decode(value, at), payload)
        assert.equal(openOwn(given, { sealPaddedTo: 64 }).decode(value, at + 1), null)
        assert.deepEqual(openFor(given, { sealPaddedTo: 1 }).decode(value, at), {
          text: payload,
          isV1: false,
        })
      }
    })

    test('ids of the vectors are made and read, and known to stores by their hashes', () => {
      for (const given of ids) {
        const codec = openOwn(given)
        const { id, value, expires_at: at } = given

        assert.equal(codec.encodeId(id, at), value)
        assert.equal(codec.decodeId(value, at), id)
        assert.equal(codec.loadId(`${given.cookie_name}=${value}`, at), id)
        assert.equal(codec.loadId('', at), undefined)
        assert.equal(codec.decodeId(value, at + 1), null)
        assert.deepEqual(openFor(given).decodeId(value, at), { text: id, isV1: false })
        assert.equal(storedId(id), given.record_id)
      }
    })

    test('what the vectors say is refused is refused', () => {
      assert.equal(refused.length, 18)
      for (const { why, value } of refused) {
        assert.equal(open().decode(value, NOW), null, why)
        assert.equal(open().decodeId(value, NOW), null, why)
        assert.equal(open({ sealPaddedTo: 1 }).decode(value, NOW), null, why)
      }
    })

    test('changing any one character of a value refuses it', () => {
      const [one, two, three] = [signed[0], sealed[0], ids[0]]
      for (const given of [one, two, three] as Case[]) {
        const codec = openOwn(given)
        const sealing = openOwn(given, { sealPaddedTo: 1 })
        for (let at = 0; at < given.value.length; at++) {
          for (const other of ['A', 'b', '_', '.', '', 'AA', '\u{1f36a}']) {
            const value = given.value.slice(0, at) + other + given.value.slice(at + 1)
            if (value === given.value) continue
            assert.equal(codec.decode(value, given.expires_at), null, `${at} ${other}`)
            assert.equal(sealing.decode(value, given.expires_at), null, `${at} ${other}`)
            assert.equal(codec.decodeId(value, given.expires_at), null, `${at} ${other}`)
          }
        }
      }
    })

    test('a value is refused under another cookie name, with another key, as another kind', () => {
      const [a, b, c] = [signed[0], sealed[0], ids[0]] as [Case, Case, Case]
      for (const change of [{ cookieName: 'other' }, { secrets: [OTHER] }]) {
        assert.equal(openOwn(a, change).decode(a.value, a.expires_at), null)
        const sealing = openOwn(b, { sealPaddedTo: 1, ...change })
        assert.equal(sealing.decode(b.value, b.expires_at), null)
        assert.equal(openOwn(c, change).decodeId(c.value, c.expires_at), null)
      }
      assert.equal(openOwn(a, { sealPaddedTo: 1 }).decode(a.value, a.expires_at), null)
      assert.equal(openOwn(b).decode(b.value, b.expires_at), null)
      assert.equal(openOwn(c).decode(c.value, c.expires_at), null)
      assert.equal(openOwn(a).decodeId(a.value, a.expires_at), null)
    })

    test('a value of v1 is read until the date, and one of v2 by no decoder of v1', () => {
      const v1 = native().createCodec([OTHER])
      const payload = '{"id":"a","data":{},"flash_next":{}}'
      const uuid = '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f'
      const [value, idValue] = [v1.encode(payload, NOW + 9), v1.sign(uuid)]
      const codec = open({ secrets: [SECRET, OTHER], acceptV1UntilMs: NOW })

      assert.deepEqual(codec.decode(value, NOW), { text: payload, isV1: true })
      assert.deepEqual(codec.decodeId(idValue, NOW), { text: uuid, isV1: true })
      assert.equal(codec.decodeId(v1.sign('../a'), NOW), null)
      for (const tag of ['v2p', 'v2i', 'v2s']) {
        assert.equal(codec.decode(v1.sign(`${tag}.${value.slice(0, -44)}`), NOW), null, tag)
        assert.equal(codec.decodeId(v1.sign(`${tag}.a`), NOW), null, tag)
      }
      assert.equal(codec.decode(value, NOW + 1), null)
      assert.equal(codec.decodeId(idValue, NOW + 1), null)
      assert.equal(open({ secrets: [OTHER] }).decode(value, NOW), null)
      assert.equal(open({ secrets: [OTHER] }).decodeId(idValue, NOW), null)
      const sealing = open({ secrets: [OTHER], acceptV1UntilMs: NOW, sealPaddedTo: 1 })
      assert.deepEqual(sealing.decode(value, NOW), { text: payload, isV1: true })

      for (const given of [...signed, ...sealed, ...ids]) {
        const old = native().createCodec([given.secret])
        assert.equal(old.decode(given.value, given.expires_at, false), null)
        assert.equal(old.verify(given.value), null)
      }
    })

    test('legacy cookies of v1 are refused if they are to be', () => {
      const v1 = native().createCodec([SECRET])
      const payload = '{"id":"a","data":{},"flash_next":{}}'
      const value = v1.sign(Buffer.from(payload).toString('base64url'))

      const accepted = open({ acceptV1UntilMs: NOW }).decode(value, NOW)
      assert.deepEqual(accepted, { text: payload, isV1: true })
      const strict = open({ acceptV1UntilMs: NOW, rejectLegacy: true })
      assert.equal(strict.decode(value, NOW), null)
    })

    test('padding hides all but a multiple of the length', () => {
      const codec = open({ sealPaddedTo: 256 })
      const lengths = Array.from({ length: 150 }, (_, length) => {
        const payload = `{"id":"a","data":{"x":"${'y'.repeat(length)}"},"flash_next":{}}`
        const value = codec.encode(payload, NOW)
        assert.equal(codec.decode(value, NOW), payload)
        return value.length
      })

      assert.equal(new Set(lengths).size, 1)
      const again = new Set(Array.from({ length: 50 }, () => codec.encode('{"id":"a"}', NOW)))
      assert.equal(again.size, 50, 'two seals are alike')
    })

    test('an id of another kind, and settings that make no sense, are refused', () => {
      for (const id of ['', 'a', '3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f', '_'.repeat(43)]) {
        assert.throws(() => open().encodeId(id, NOW), { code: 'ERR_SESSION_PAYLOAD' })
      }
      assert.throws(() => open().encode('[]', NOW), { code: 'ERR_SESSION_PAYLOAD' })
      for (const change of [
        { secrets: [] },
        { secrets: [''] },
        { secrets: ['change-me-in-production'] },
        { cookieName: '' },
        { sealPaddedTo: 0 },
        { sealPaddedTo: 4097 },
      ]) {
        assert.throws(() => open(change), { code: 'ERR_SESSION_CONFIG' }, JSON.stringify(change))
      }
    })
  })
}

test('the addon and the fallback read what the other makes, of any payload', () => {
  const data = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
  const pad = fc.constantFrom(undefined, 1, 16, 4096)
  fc.assert(
    fc.property(data, pad, fc.nat(), (data, sealPaddedTo, late) => {
      const seal = sealPaddedTo === undefined ? {} : { sealPaddedTo }
      const options = { secrets: [SECRET], cookieName: 'sid', rejectLegacy: false, ...seal }
      const [engine, fallback] = [makers.engine(options), makers.fallback(options)]
      const payload = JSON.stringify({ id: 'a', data, flash_next: {} })

      for (const codec of [engine, fallback]) {
        const value = codec.encode(payload, NOW)
        for (const reader of [engine, fallback]) {
          assert.equal(reader.decode(value, NOW), payload)
          assert.equal(reader.decode(value, NOW + 1 + late), null)
        }
      }
    }),
  )
})

test('HChaCha20 gives the subkey of its draft', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, at) => at))
  const nonce = Buffer.from('000000090000004a0000000031415927', 'hex')

  assert.equal(
    hchacha20(key, nonce).toString('hex'),
    '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc',
  )
})
