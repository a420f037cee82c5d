/** The fallback's stores do what the addon's do, call by call. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { native } from '../dist/native.js'
import type { NativeStore } from '../dist/native-store.js'
import { memoryStore, NOW, outcome, record } from './support/fallback-store.js'
import { damaged, spelledData, spelledPayload } from './support/spellings.js'

test('a payload is cut to the same shape, byte for byte, or refused alike', async () => {
  const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
  await fc.assert(
    fc.asyncProperty(damaged(spelledPayload), async (text) => {
      const calls = [ours, addons].map(async (store) => [
        await outcome(store.save(text, 60, NOW)),
        await outcome(store.load('some-id', NOW)),
      ])
      const [mine, other] = await Promise.all(calls)
      assert.deepEqual(mine, other)
      await Promise.all([ours.destroy('some-id'), addons.destroy('some-id')])
    }),
    { numRuns: 700 },
  )
})

/** One and the same data to JavaScript. */
const respelled = fc.constantFrom(
  '{"a":"a","b":[1,-0],"\\ud800":1e400}',
  '{ "\\u0061":"\\u0061", "b":[ 1.0 ,0],"\\uD800":2e999}',
  '{"a":"x","b":[10e-1,0.0],"\\ud800":1e400,"a":"a"}',
)

/** Three texts of one session that have keys in common, and values too. */
const versions = fc
  .tuple(
    fc.array(fc.oneof(spelledData, respelled), { minLength: 3, maxLength: 5 }),
    fc.array(fc.nat(4), { minLength: 6 }),
  )
  .map(([texts, picks]) => {
    const pick = (at: number) => texts[(picks[at] ?? 0) % texts.length] as string
    return [0, 2, 4].map((at) => record('a', pick(at), pick(at + 1))) as [string, string, string]
  })

for (const way of ['update', 'regenerate'] as const) {
  test(`${way} of what others have changed merges to the same bytes`, async () => {
    const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
    let merges = 0
    await fc.assert(
      fc.asyncProperty(versions, async ([base, mine, theirs]) => {
        const wanted = way === 'update' ? mine : mine.replace('"id":"a"', '"id":"b"')
        const calls = [ours, addons].map(async (store) => [
          await outcome(store.save(base, 60, NOW)),
          await outcome(store.update(base, theirs, 60, NOW)),
          await outcome(store[way](base, wanted, 60, NOW)),
          await outcome(store.load('a', NOW)),
          await outcome(store.load('b', NOW)),
          await outcome(store.destroy('b')),
        ])
        const [one, other] = await Promise.all(calls)
        assert.deepEqual(one, other)
        if (typeof one?.[2] === 'string') merges += 1
      }),
      { numRuns: 700 },
    )
    assert.ok(merges > 50, `only ${merges} of them met another's change`)
  })
}

type Call = (store: NativeStore) => Promise<unknown>

/** Calls on a few ids at a few instants: every kind, so that they meet. */
const call: fc.Arbitrary<[name: string, call: Call]> = fc
  .record({
    kind: fc.constantFrom(
      ...(['load', 'create', 'save', 'touch', 'destroy', 'update', 'regenerate'] as const),
    ),
    id: fc.constantFrom('a', 'b', 'c', 'no id'),
    other: fc.constantFrom('a', 'b', 'c'),
    n: fc.nat(2),
    base: fc.nat(2),
    ttl: fc.constantFrom(60, 0.5, 0),
    now: fc.constantFrom(NOW, NOW + 999, NOW + 1000, NOW + 59_999, NOW + 60_000),
  })
  .map(({ kind, id, other, n, base, ttl, now }) => {
    const [payload, loaded] = [record(id, `{"n":${n}}`), record(id, `{"n":${base}}`)]
    const calls: Record<typeof kind, Call> = {
      load: (store) => store.load(id, now),
      create: (store) => store.create(payload, ttl, now),
      save: (store) => store.save(payload, ttl, now),
      touch: (store) => store.touch(id, ttl, now),
      destroy: (store) => store.destroy(id),
      update: (store) => store.update(loaded, payload, ttl, now),
      regenerate: (store) => store.regenerate(loaded, record(other, `{"n":${n}}`), ttl, now),
    }
    return [`${kind} ${JSON.stringify({ id, other, n, base, ttl, now })}`, calls[kind]]
  })

test('any sequence of calls comes to the same, and is counted alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 20 }), async (calls) => {
      const [ours, addons] = [memoryStore(), native().NativeStore.memory({ maxBytes: 1 << 20 })]
      for (const [name, act] of calls) {
        assert.deepEqual(await outcome(act(ours)), await outcome(act(addons)), name)
      }
      assert.deepEqual(counts(ours), counts(addons))
      ours.close()
      addons.close()
    }),
    { numRuns: 200 },
  )

  function counts(store: NativeStore) {
    const text = JSON.stringify(store.stats(), (key, value) =>
      key.endsWith('Micros') ? undefined : value,
    )
    return JSON.parse(text)
  }
})
