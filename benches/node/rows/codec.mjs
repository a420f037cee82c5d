// What a cookie costs before any I/O: from and to JSON text.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { createCodec } from '../../../node-binding/dist/raw.js'
import { inTurns } from '../measure.mjs'
import { plainCodec } from '../plain.mjs'
import { flat, payloadText, SECRET } from '../sessions.mjs'

const NOW = 1_700_000_000_000
/** Texts that take turns, so that none is the same as the one before. */
const TEXTS = 64

export async function* codecRows() {
  const [codec, plain] = [createCodec([SECRET]), plainCodec(SECRET)]

  const ids = many(() => flat(randomUUID()))
  const signed = ids.map((id) => flat(plain.sign(id)))
  for (const [n, value] of signed.entries()) {
    assert.equal(codec.sign(ids[n]), value)
    assert.equal(codec.verify(value), ids[n])
    assert.equal(plain.verify(value), ids[n])
  }
  yield row('verify, id of 36 B', 9, codec.verify, plain.verify, signed)
  yield row('sign, id of 36 B', 7, codec.sign, plain.sign, ids)

  for (const [bytes, decodeTarget, encodeTarget] of SIZES) {
    const payloads = many(() => payloadText(bytes))
    const envelope = (payload) => `${payload.slice(0, -1)},"exp":${NOW}}`
    const values = payloads.map((payload) => flat(plain.encodeText(envelope(payload))))
    for (const [n, value] of values.entries()) {
      assert.equal(payloads[n].length, bytes)
      assert.equal(codec.encode(payloads[n], NOW), value)
      assert.equal(codec.decode(value, NOW, true), payloads[n])
      assert.equal(plain.decodeToText(value), envelope(payloads[n]))
    }
    const decode = (value) => codec.decode(value, NOW, true)
    const encode = (payload) => codec.encode(payload, NOW)
    const plainEncode = (payload) => plain.encodeText(envelope(payload))
    yield row(`decode to JSON text, ${bytes} B`, decodeTarget, decode, plain.decodeToText, values)
    yield row(`encode from JSON text, ${bytes} B`, encodeTarget, encode, plainEncode, payloads)
  }
}

/** Bytes, and the targets of decode and encode. */
const SIZES = [
  [170, 7, 6],
  [1024, 3.4, 3],
  [3072, 2.1, 2],
]

function many(make) {
  return Array.from({ length: TEXTS }, make)
}

function row(name, target, ours, theirs, texts) {
  const measured = inTurns(
    (n) => ours(texts[n % TEXTS]),
    (n) => theirs(texts[n % TEXTS]),
  )
  return { name, peer: 'plain', target, ...measured }
}
