/** What JSON text is a payload, and what becomes of the rest. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freshPayload, isFresh, parsePayload, payloadText } from '../dist/payload.js'
import { UUID_V4 } from './support/pipeline.js'

const refused = ['', '{', 'null', '"x"', '5', '[]', '{}', '{"id":5}', '{"id":null,"data":{}}']
for (const text of refused) {
  test(`no payload: ${text}`, () => {
    assert.equal(parsePayload(text), null)
  })
}

test('data of another type counts as what a spread makes of it', () => {
  const dataOf = (data: string) => parsePayload(`{"id":"","data":${data},"flash_next":null}`)?.data

  assert.deepEqual(dataOf('null'), {})
  assert.deepEqual(dataOf('true'), {})
  assert.deepEqual(dataOf('"hi"'), { 0: 'h', 1: 'i' })
  assert.deepEqual(dataOf('[7]'), { 0: 7 })
})

test('__proto__ in a payload is data, and changes no prototype', () => {
  const payload = parsePayload('{"id":"x","data":{"__proto__":{"admin":true}}}')

  assert.ok(payload && Object.hasOwn(payload.data, '__proto__'))
  assert.equal(payload.data.admin, undefined)
  assert.equal(
    payloadText(payload),
    '{"id":"x","data":{"__proto__":{"admin":true}},"flash_next":{}}',
  )
})

test('what is not part of a payload is left out', () => {
  const payload = parsePayload('{"exp":1,"flash_next":{"f":1},"id":"x","more":2}')

  assert.ok(payload)
  assert.equal(payloadText(payload), '{"id":"x","data":{},"flash_next":{"f":1}}')
})

test('a fresh payload is empty, and known as fresh', () => {
  const payload = freshPayload()

  assert.match(payload.id, UUID_V4)
  assert.equal(payloadText(payload), `{"id":"${payload.id}","data":{},"flash_next":{}}`)
  assert.deepEqual([isFresh(payload), isFresh({ ...payload })], [true, false])
})
