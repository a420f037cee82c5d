/**
 * A cookie means to us what it means to the original, whatever was done to it.
 *
 *   a cookie --mutated--> the original's rules, written here of node:crypto and JSON.parse alone
 *                         the driver
 *
 * The two may differ in what CONTRACT.md, section 7, names, and in nothing else. The mutations
 * follow from a seed: SEED and MUTATIONS say which, and how many.
 */

import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { test } from 'node:test'
import { CookieDriver } from '../dist/driver.js'
import { isFresh } from '../dist/payload.js'
import {
  BASE64URL,
  CODE_PIECES,
  edited,
  JSON_PIECES,
  PAYLOADS,
  pick,
  type Random,
  randomNumbers,
  snapshot,
} from './support/mutations.js'
import { config } from './support/pipeline.js'

const MUTATIONS = Number(process.env.MUTATIONS ?? 20_000)
const SEED = Number(process.env.SEED ?? 20261130)

const SECRET = 'the key of both, 32 bytes of it.'
const NOW = 1_700_000_000_000

const settings = config({ secret: SECRET })

test('a mutated cookie gets the verdict of the original, but for what section 7 names', async (t) => {
  t.mock.method(Date, 'now', () => NOW)
  const prototypes = snapshot()
  const random = randomNumbers(SEED)
  const drivers = [false, true].map((rejectLegacyCookies) => ({
    rejectLegacyCookies,
    driver: new CookieDriver({ ...settings, rejectLegacyCookies }),
  }))
  const seen = { accepted: 0, refused: 0, 'another signature': 0, 'another payload': 0 }

  for (let number = 0; number < MUTATIONS; number++) {
    const value = mutated(random)
    for (const { rejectLegacyCookies, driver } of drivers) {
      const theirs = original(value, rejectLegacyCookies)
      const payload = await driver.load(value)
      const ours = isFresh(payload) ? null : JSON.stringify(payload)

      const difference = namedDifference(value)
      if (theirs !== null && difference) {
        assert.equal(ours, null, difference + JSON.stringify(value))
        seen[difference]++
      } else {
        assert.equal(ours, theirs, `mutation ${number}: ${JSON.stringify(value)}`)
        seen[theirs === null ? 'refused' : 'accepted']++
      }
    }
  }

  t.diagnostic(`seed ${SEED}: ${JSON.stringify(seen)}`)
  // Each kind came up often enough to mean something.
  for (const [kind, count] of Object.entries(seen)) {
    assert.ok(count > MUTATIONS / 200, `${kind}: ${count}`)
  }
  assert.deepEqual(snapshot(), prototypes)
})

/** What the original loads: the session as JSON, or `null` for a fresh one. */
function original(value: string, rejectLegacyCookies: boolean): string | null {
  const dot = value.lastIndexOf('.')
  if (dot < 0) return null
  const [text, signature] = [value.slice(0, dot), value.slice(dot + 1)]
  const expected = createHmac('sha256', SECRET).update(text).digest()
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
  try {
    const read = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (typeof read !== 'object' || read === null || typeof read.id !== 'string') return null
    if (typeof read.exp === 'number' ? NOW > read.exp : rejectLegacyCookies) return null
    const [data, flash_next] = [{ ...(read.data ?? {}) }, { ...(read.flash_next ?? {}) }]
    return JSON.stringify({ id: read.id, data, flash_next })
  } catch {
    return null
  }
}

/** What we refuse for its spelling, of what the original accepts. */
function namedDifference(value: string): 'another signature' | 'another payload' | null {
  const dot = value.lastIndexOf('.')
  const [text, signature] = [value.slice(0, dot), value.slice(dot + 1)]
  const respelled = (text: string) => Buffer.from(text, 'base64url').toString('base64url')
  if (respelled(signature) !== signature) return 'another signature'
  if (respelled(text) !== text) return 'another payload'
  return null
}

/** A cookie that was changed below its signature, above it, or not at all. */
function mutated(random: Random): string {
  let json: string = pick(random, PAYLOADS)
  for (let times = random(3); times > 0; times--) json = edited(random, json, JSON_PIECES)
  const bytes = Buffer.from(json, 'utf8')
  if (bytes.length > 0 && random(8) === 0) bytes[random(bytes.length)] = random(256)
  let text = bytes.toString('base64url')
  if (random(6) === 0) text += pick(random, CODE_PIECES)
  else if (random(8) === 0) text = edited(random, text, CODE_PIECES)
  let value = `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`
  // Most of what is changed up here is refused, which is soon known.
  if (random(4) === 0) value = edited(random, value, CODE_PIECES)
  if (random(8) === 0) value += pick(random, CODE_PIECES)
  if (random(16) === 0) value = value.slice(0, -1) + pick(random, [...BASE64URL])
  return value
}
