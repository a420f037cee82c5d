/**
 * The sessions of a user, by tests/vectors/users.json: what every implementation must make of
 * the same index. An independent program has written it.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { SessionUsersError } from '@rudderjs/session-native'
import { merge } from '../dist/fallback/merge.js'
import { type Payload, readEnvelope, readPayload } from '../dist/fallback/payload.js'
import type { IndexStore } from '../dist/users/index-records.js'
import type { Mark } from '../dist/users/mark.js'
import { addMark, takeMark } from '../dist/users/marked-text.js'
import { indexIdOf, isIndexId } from '../dist/users/names.js'
import { cleanLabel, UserIndex } from '../dist/users/user-index.js'
import { UserSessions, type WhenFull } from '../dist/users/user-sessions.js'
import { stopClock } from './support/clock.js'

type Data = Record<string, unknown>

interface Given {
  handle: string
  label: string
  mark: Mark
  old?: string
  most?: number
  when_full?: WhenFull
}

interface Operation {
  name: string
  operation: string
  given: Given
  before: Data | null
  after: Data | null
  outcome: unknown
}

interface Vectors {
  lifetime_ms: number
  seen_every_ms: number
  now: number
  user_index: { user: string; index: string }[]
  refused_users: string[]
  labels: { given: string; kept: string }[]
  payloads: { id: string; created_at: number | null; mark: Mark | null; text: string }[]
  marks: { text: string; mark: Mark | null; spelled: string }[]
  check: { name: string; data: Data | null; mark: Mark; verdict: string }[]
  prune: { name: string; data: Data; pruned: Data }[]
  list: { name: string; data: Data; current: string | null; list: Data[] }[]
  operations: Operation[]
}

const FILE = new URL('../../tests/vectors/users.json', import.meta.url)
const vectors: Vectors = JSON.parse(readFileSync(FILE, 'utf8'))
const { now: NOW, lifetime_ms: lifetimeMs, seen_every_ms: seenEveryMs } = vectors
const SPANS = { lifetimeMs, marginMs: 2 * seenEveryMs }
const INDEX = indexIdOf('alice')

const textOf = (data: Data | null) =>
  data === null ? null : JSON.stringify({ id: INDEX, data, flash_next: {} })

const markOf = (handle: string): Mark => ({ index: INDEX, handle, epoch: 0 })

const dataOf = (text: string | null): Data | null => (text === null ? null : JSON.parse(text).data)

test('a user has one index id', () => {
  for (const { user, index } of vectors.user_index) {
    assert.equal(indexIdOf(user), index)
    assert.ok(isIndexId(index))
  }
  for (const user of vectors.refused_users) {
    assert.throws(() => indexIdOf(user), SessionUsersError)
  }
})

test('a label is kept without control characters, and short', () => {
  for (const { given, kept } of vectors.labels) assert.equal(cleanLabel(given), kept)
})

test('a marked payload is written as every implementation writes it', () => {
  for (const { mark, text } of vectors.payloads) {
    const taken = takeMark(text)
    assert.deepEqual(taken.mark, mark)
    if (mark) assert.equal(addMark(taken.text, mark), text)
    else assert.equal(taken.text, text)
  }
})

test('a mark is found wherever and however it stands in a payload', () => {
  for (const { text, mark, spelled } of vectors.marks) {
    assert.deepEqual(takeMark(text).mark, mark, text)
    assert.equal(readEnvelope(text)?.payload.text, spelled)
  }
})

describe('check', () => {
  for (const { name, data, mark, verdict } of vectors.check) {
    test(name, () => {
      assert.equal(new UserIndex(mark.index, textOf(data)).verdict(mark), verdict)
    })
  }
})

describe('prune', () => {
  for (const { name, data, pruned } of vectors.prune) {
    test(name, () => {
      const index = new UserIndex(INDEX, textOf(data))
      index.prune(NOW, SPANS)
      assert.deepEqual(dataOf(index.toText()), pruned)
    })
  }
})

describe('list', () => {
  for (const { name, data, current, list } of vectors.list) {
    test(name, () => {
      const live = new UserIndex(INDEX, textOf(data)).live(NOW, SPANS)
      const listed = live.map(({ handle, created, seen, label }) => {
        return { handle, created, seen, label, current: handle === current }
      })
      assert.deepEqual(listed, list)
    })
  }
})

describe('an operation leaves the index as it should, and so', () => {
  for (const vector of vectors.operations) {
    test(`${vector.operation}: ${vector.name}`, (t) => runOperation(t, vector))
  }
})

async function runOperation(
  t: TestContext,
  { operation, given, before, after, outcome }: Operation,
) {
  stopClock(t, NOW)
  const store = new OneRecord(textOf(before))
  const rules = {
    lifetimeSeconds: lifetimeMs / 1000,
    seenEverySeconds: seenEveryMs / 1000,
    checkEverySeconds: 0,
    maxSessions: given.most,
    whenFull: given.when_full ?? 'end-oldest',
  }
  const users = new UserSessions(store, rules, () => given.handle)

  const operations: Record<string, () => Promise<unknown>> = {
    sign_in: () =>
      users.signIn('alice', given.label, given.old ? markOf(given.old) : null).then(
        () => 'signed in',
        () => 'refused',
      ),
    check: async () => ((await users.check(given.mark)) ? 'live' : 'over'),
    revoke: () => users.revoke('alice', given.handle),
    sign_out: async () => {
      await users.end(given.mark)
      return null
    },
    revoke_all: () => users.revokeAll('alice'),
    revoke_others: () => users.revokeOthers(given.mark),
  }
  const answer = await operations[operation]?.()

  // Ours counts the sessions that it has ended: none.
  assert.deepEqual(answer, outcome === 'over' && operation === 'revoke_others' ? 0 : outcome)
  const expected = after ?? before
  assert.deepEqual(dataOf(store.text), expected)
}

/** A store in which there is one record at most, and one writer. */
class OneRecord implements IndexStore {
  text: string | null

  constructor(text: string | null) {
    this.text = text
  }

  async load(): Promise<string | null> {
    return this.text
  }

  async create(text: string): Promise<boolean> {
    if (this.text !== null) return false
    this.text = text
    return true
  }

  async update(base: string, text: string): Promise<boolean> {
    assert.equal(base, this.text)
    this.text = text
    return true
  }
}

test('of two marks that of the request which changed it is kept, and none is taken out', () => {
  const text = (mark: Mark | null, data: string) => {
    const plain = `{"id":"a","data":${data},"flash_next":{}}`
    return readPayload(mark ? addMark(plain, mark) : plain) as Payload
  }
  const [one, other] = [markOf('AQEBAQEBAQEBAQEBAQEBAQ'), markOf('AgICAgICAgICAgICAgICAg')]
  const cases: [base: Mark | null, ours: Mark | null, theirs: Mark | null, kept: Mark | null][] = [
    [null, null, null, null],
    [one, null, one, one],
    [one, one, other, other],
    [one, other, one, other],
    [null, one, other, one],
    [null, null, one, one],
    [one, null, null, one],
  ]

  for (const [base, ours, theirs, kept] of cases) {
    const merged = merge(text(base, '{}'), text(ours, '{"b":2}'), text(theirs, '{"a":1}'))
    assert.equal(merged.text, text(kept, '{"a":1,"b":2}').text)
  }
})
