/**
 * A cookie of the hardened format means to us what DESIGN.md says, whatever was done to it.
 *
 *   a cookie --mutated--> the rules, written in support/v2-rules.ts of node:crypto alone
 *                         the codec
 *
 * Signed payloads, sealed ones and ids, and values of v1 beside them. The two must agree on each,
 * and on who made it. The mutations follow from a seed: SEED and MUTATIONS say which, and how many.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { native } from '../dist/native.js'
import { parsePayload } from '../dist/payload.js'
import {
  CODE_PIECES,
  edited,
  JSON_PIECES,
  PAYLOADS,
  pick,
  type Random,
  randomNumbers,
  snapshot,
} from './support/mutations.js'
import { type Rules, read, sealed, signed, type Tag, type Verdict } from './support/v2-rules.js'

const MUTATIONS = Number(process.env.MUTATIONS ?? 6_000)
const SEED = Number(process.env.SEED ?? 20261201)

const NOW = 1_700_000_000_000

const OURS = 'the key of both, 32 bytes of it.'
const RETIRED = 'the key of before, 32 bytes too.'
const FOREIGN = 'the key of somebody else, of 32.'

const TAGS: Tag[] = ['v2p.', 'v2i.', 'v2s.']

const rules = (tag: Tag, changes: Partial<Rules> = {}): Rules => ({
  secrets: [OURS, RETIRED],
  cookieName: 'sid',
  tag,
  acceptV1UntilMs: NOW,
  rejectLegacy: false,
  ...changes,
})

for (const tag of TAGS) {
  test(`a mutated ${tag} cookie gets the verdict of DESIGN.md`, (t) => {
    const prototypes = snapshot()
    const random = randomNumbers(SEED + TAGS.indexOf(tag))
    const engines = [
      rules(tag),
      rules(tag, { rejectLegacy: true }),
      rules(tag, { acceptV1UntilMs: NOW - 1 }),
    ].map((its) => ({ its, decode: decoderOf(its) }))
    const seen = { primary: 0, retired: 0, v1: 0, refused: 0 }

    for (let number = 0; number < MUTATIONS; number++) {
      const value = mutated(random, tag)
      for (const { its, decode } of engines) {
        const theirs = read(its, value, NOW)
        assert.deepEqual(decode(value), theirs, `mutation ${number}: ${JSON.stringify(value)}`)
        seen[theirs?.origin ?? 'refused'] += 1
      }
    }

    t.diagnostic(`seed ${SEED}: ${JSON.stringify(seen)}`)
    // Each kind came up often enough to mean something.
    for (const [kind, count] of Object.entries(seen)) {
      assert.ok(count > MUTATIONS / 200, `${kind}: ${count}`)
    }
    assert.deepEqual(snapshot(), prototypes)
  })
}

/** What our codec with these rules makes of a value. */
function decoderOf(its: Rules): (value: string) => Verdict | null {
  const codec = native().createHardenedCodec({
    secrets: its.secrets,
    cookieName: its.cookieName,
    rejectLegacy: its.rejectLegacy,
    acceptV1UntilMs: its.acceptV1UntilMs,
    ...(its.tag === 'v2s.' ? { sealPaddedTo: 32 } : {}),
  })
  const isId = its.tag === 'v2i.'
  return (value) => {
    const decoded = isId ? codec.decodeId(value, NOW) : codec.decode(value, NOW)
    if (decoded === null) return null
    const outdated = typeof decoded === 'string' ? null : decoded
    const origin = outdated === null ? 'primary' : outdated.isV1 ? 'v1' : 'retired'
    const text = typeof decoded === 'string' ? decoded : decoded.text
    if (isId) return { text, origin }
    // A session parses what it gets, and text that is no payload is a fresh session.
    const payload = parsePayload(text)
    return payload && { text: JSON.stringify(payload), origin }
  }
}

/** A value that was changed below its signature, above it, in what is bound to it, or not at all. */
function mutated(random: Random, tag: Tag): string {
  if (random(6) === 0) return mutatedV1(random, tag)
  const secret = random(4) === 0 ? RETIRED : random(12) === 0 ? FOREIGN : OURS
  const cookieName = random(24) === 0 ? pick(random, ['sid2', 'si', '', 'SID']) : 'sid'
  const its = rules(tag, { secrets: [secret], cookieName })
  const expMs = EXPIRIES[random(EXPIRIES.length)] as bigint
  const bytes = proven(random, its, expMs)
  if (random(10) === 0) bytes[random(bytes.length)] = random(256)
  const cut = random(16) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes
  let code = cut.toString('base64url')
  if (random(10) === 0) code = edited(random, code, CODE_PIECES)
  const shown = random(16) === 0 ? pick(random, [...TAGS, 'v2x.', 'V2p.', 'v2p', '']) : tag
  return shown + code + (random(16) === 0 ? pick(random, CODE_PIECES) : '')
}

function proven(random: Random, its: Rules, expMs: bigint): Buffer {
  if (its.tag === 'v2i.') {
    const id = bytesOf(random, random(16) === 0 ? random(64) : 32)
    return signed(its, id, expMs, random(16) === 0 ? 'v2p.' : 'v2i.')
  }
  const body = mutatedJson(random)
  if (its.tag === 'v2p.') return signed(its, body, expMs, random(16) === 0 ? 'v2i.' : 'v2p.')
  const marker = pick(random, ['80', '80', '80', '8000', `80${'00'.repeat(31)}`, '', '00', '8180'])
  return sealed(its, Buffer.concat([body, Buffer.from(marker, 'hex')]), expMs, bytesOf(random, 24))
}

function mutatedV1(random: Random, tag: Tag): string {
  const secret = random(3) === 0 ? RETIRED : random(8) === 0 ? FOREIGN : OURS
  const index = `u${bytesOf(random, 32).toString('base64url')}`
  const ids = ['3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f', index, '', '../x', 'a'.repeat(129), 'v2i.a']
  let text = tag === 'v2i.' ? pick(random, ids) : mutatedJson(random).toString('base64url')
  if (random(8) === 0) text = edited(random, text, CODE_PIECES)
  const codec = native().createCodec([secret])
  const value = codec.sign(text)
  return random(8) === 0 ? edited(random, value, CODE_PIECES) : value
}

function mutatedJson(random: Random): Buffer {
  let json = pick(random, PAYLOADS)
  for (let times = random(3); times > 0; times--) json = edited(random, json, JSON_PIECES)
  const bytes = Buffer.from(json, 'utf8')
  if (bytes.length > 0 && random(8) === 0) bytes[random(bytes.length)] = random(256)
  return bytes
}

function bytesOf(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)))
}

const EXPIRIES = [
  ...[BigInt(NOW), BigInt(NOW) + 1n, BigInt(NOW) - 1n, BigInt(NOW) + 7_200_000n],
  ...[0n, (1n << 64n) - 1n, (1n << 63n) + BigInt(NOW), (1n << 53n) + 1n],
]
