/** Text is recognised only if it is what `JSON.stringify` makes of what `JSON.parse` makes of it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalMembers, type Members } from '../dist/canonical.js'
import { findMembersOf } from '../dist/fallback/canonical.js'
import { native } from '../dist/native.js'
import { canonicalPayload, damagedPayload, runs, spelledPayload } from './support/json-spellings.js'

/** Puts together again what was found in a text. */
function reassembled(members: Members): string {
  const parts = Array.from({ length: members.length }, (_, place) => {
    const value = JSON.stringify(JSON.parse(members.value(place)))
    const part = `"${members.key(place)}":${value}`
    assert.equal(members.range(place, place), part)
    return part
  })
  if (parts.length > 0) assert.equal(members.range(0, parts.length - 1), parts.join(','))
  return `{${parts.join(',')}}`
}

const payload = (data: string) => `{"id":"x","data":${data},"flash_next":{}}`

test('recognised text is canonical, and its members are where they were found', () => {
  let recognised = 0
  const anyText = fc.oneof(canonicalPayload, spelledPayload, damagedPayload)

  fc.assert(
    fc.property(anyText, (text) => {
      const found = canonicalMembers(text)
      if (!found) return
      recognised += 1
      const { id, data, flash_next } = JSON.parse(text)
      assert.equal(JSON.stringify({ id, data, flash_next }), text)
      assert.equal(JSON.stringify(id), text.slice('{"id":'.length, found.idEnd + 1))
      assert.equal(reassembled(found.data), JSON.stringify(data))
      assert.equal(reassembled(found.flashNext), JSON.stringify(flash_next))
    }),
    runs(6_000),
  )

  assert.ok(recognised > 600, `only ${recognised} texts were recognised`)
})

const usual = [
  '{}',
  '{"user":{"name":"Zo\u00eb \ud83d\ude00","age":41},"cart":[{"sku":"A-1","price":3.5}],"ok":true}',
  '{"none":null,"no":false,"list":[[],{},[[1,-2,0]],""]}',
  '{"numbers":[0,-1,0.1,-0.5,123456789012345,1.5e-7,1e+21,5e-324,0.1234567,9007199254740992]}',
  '{"text":"two\\nlines, \\"quoted\\", \\\\ and \\u0001 and \\ud800"}',
  `{"long":"${'abc \u00e9'.repeat(1_000)}"}`,
  '{"counts":{"7":1,"101":2}}',
  '{"a":{"x":1,"y":2},"b":{"y":1,"x":2}}',
  '{"__proto__":{"a":1}}',
  `{${Array.from({ length: 200 }, (_, i) => `"field${i}":${i}`).join(',')}}`,
]
for (const data of usual) {
  test(`recognised: ${data.slice(0, 60)}`, () => {
    const text = payload(data)

    const found = canonicalMembers(text)

    assert.ok(found)
    assert.equal(reassembled(found.data), data)
    assert.equal(found.flashNext.length, 0)
  })
}

const otherwise = [
  '{"a": 1}',
  '{"a":[1, 2]}',
  '{"a":1.0}',
  '{"a":-0}',
  '{"a":1e400}',
  '{"a":0.0000001}',
  '{"a":12345678901234567890}',
  '{"a":"\\u0041"}',
  '{"a":"\\/"}',
  '{"a":"\\uD800"}',
  '{"a":"\ud800"}',
  '{"a":1,"a":2}',
  `{${Array.from({ length: 200 }, (_, i) => `"${'k'.repeat(5)}${i % 199}":${i}`).join(',')}}`,
  '{"a":{"b":1,"c":2,"b":3}}',
  '{"a":{"b":{"x":1,"y":2},"b":3}}',
  '{"a":{"b":[1,{"c":2}],"c":{},"b":3}}',
  '{"a":{"b":1},"a":2}',
  '{"":1,"":2}',
  '{"two\\nlines":1}',
  '{"a":{"b":1,"":2,"c":3,"":4}}',
  '{"a":{"b":1,"7":2}}',
  '{"b":{"101":1,"7":2}}',
  '{"10":1,"2":2}',
  '{"a":"one\ntwo"}',
  `{"a":"${'x'.repeat(37)}\u0001${'x'.repeat(10)}"}`,
  '{"a":[1,]}',
  '{"a":1,}',
  '{,}',
  '{"a":[}',
  '{"a":{]}',
  '{"a":01}',
  '{"a":tru}',
  '{"a"}',
  '{"a":}',
  '{"a":1}}',
  '{"a":1',
  '{"a":"',
  '[]',
  'null',
  `{"a":${'['.repeat(100)}${']'.repeat(100)}}`,
]
for (const data of otherwise) {
  test(`not recognised: ${JSON.stringify(data).slice(0, 60)}`, () => {
    assert.equal(canonicalMembers(payload(data)), null)
  })
}

test('one call leaves nothing behind for the next', () => {
  const long = payload(`{"a":"${'x'.repeat(1_000)}","b":[1,2,3]}`)

  for (let length = 0; length < long.length; length++) {
    canonicalMembers(long)
    assert.equal(canonicalMembers(long.slice(0, length)), null)
  }
})

test('text too long for offsets of one code unit each is left to the other way', () => {
  const ofBytes = (bytes: number) => {
    const room = bytes - payload('{"a":"€"}').length - 2
    return payload(`{"a":"€${'x'.repeat(room)}"}`)
  }

  assert.equal(Buffer.byteLength(ofBytes(0xffff)), 0xffff)
  assert.ok(canonicalMembers(ofBytes(0xffff)))
  assert.equal(canonicalMembers(ofBytes(0xffff + 1)), null)
  assert.equal(canonicalMembers(payload(`{"a":"${'x'.repeat(1_000_000)}"}`)), null)
})

test('objects with many keys that are much alike are recognised', () => {
  const key = (n: number) => `${'a'.repeat(40)}${String(n).padStart(3, '0')}zzzz`

  for (const keys of [2, 4]) {
    assert.ok(canonicalMembers(payload(objectOf(keys, key))))
    assert.equal(canonicalMembers(payload(objectOf(keys, () => key(1)))), null)
  }
})

test('the fallback leaves keys that somebody chose to be much alike to the other way', () => {
  const key = (n: number) => `${'a'.repeat(40)}${String(n).padStart(3, '0')}zzzz`

  assert.equal(findMembersOf(payload(objectOf(512, key))), null)
})

test('the fallback leaves objects with a great many keys to the other way', () => {
  const object = (keys: number, last = '1') => objectOf(keys, (n) => `k${n}`, last)
  const levels = (count: number): string => object(500, count === 1 ? '1' : levels(count - 1))

  assert.ok(findMembersOf(payload(object(512))))
  assert.equal(findMembersOf(payload(object(513))), null)
  assert.equal(findMembersOf(payload(`{"a":${object(2_000)}}`)), null)
  assert.ok(findMembersOf(payload(levels(4))))
  assert.equal(findMembersOf(payload(levels(5))), null)
})

test('whatever both the addon and the fallback recognise they see alike', () => {
  const find = native().createMemberFinder()

  fc.assert(
    fc.property(fc.oneof(canonicalPayload, spelledPayload, damagedPayload), (text) => {
      const [ours, theirs] = [find(text), findMembersOf(text)]
      if (ours !== null && theirs !== null) assert.deepEqual(unitsOf(ours), unitsOf(theirs))
      // Nothing that the fallback recognises is too unusual for the addon, but for U+FFFD.
      if (theirs !== null && !text.includes('\ufffd')) assert.notEqual(ours, null)
    }),
    runs(3_000),
  )
})

function objectOf(keys: number, key: (n: number) => string, last = '1'): string {
  const members = Array.from({ length: keys }, (_, n) => `"${key(n)}":${n === keys - 1 ? last : 1}`)
  return `{${members.join(',')}}`
}

function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
}
