/**
 * Calls about one user that overlap in every order: nothing that was ended is live afterwards,
 * and nobody who signed in later is out.
 *
 * Each call of the store waits for its turn, and the turns are shuffled.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryStore } from '../dist/fallback/memory-store.js'
import { type Payload, readPayload } from '../dist/fallback/payload.js'
import { update } from '../dist/fallback/update.js'
import type { IndexStore } from '../dist/users/index-records.js'
import type { Mark } from '../dist/users/mark.js'
import { indexIdOf } from '../dist/users/names.js'
import { UserSessions } from '../dist/users/user-sessions.js'
import { runs } from './support/json-spellings.js'

const USER = 'zoe'
const INDEX = indexIdOf(USER)
const RULES = {
  lifetimeSeconds: 7200,
  maxSessions: undefined,
  whenFull: 'end-oldest' as const,
  seenEverySeconds: 60,
  checkEverySeconds: 0,
}

/** A user with two sessions in an index, whose store takes its calls one by one, as they are let. */
async function twoSessions(rules = {}) {
  const store = new SlowStore()
  const users = new UserSessions(store, { ...RULES, ...rules })
  const [ours, theirs] = [await users.signIn(USER, 'a', null), await users.signIn(USER, 'b', null)]
  return { store, users, ours, theirs }
}

const scheduler = fc.scheduler()

test('what was revoked is over, whatever happened meanwhile', () =>
  fc.assert(
    fc.asyncProperty(scheduler, async (turns) => {
      const { store, users, ours, theirs } = await twoSessions()
      store.turns = turns
      const calls = [
        users.revoke(USER, theirs.handle),
        users.check(theirs),
        users.signIn(USER, 'c', null),
        users.check(ours),
        users.revoke(USER, theirs.handle),
      ] as const

      await turns.waitFor(Promise.all(calls))
      store.turns = null

      assert.equal(await users.check(theirs), false)
      assert.equal(await users.check(ours), true)
      assert.equal(await users.check(await calls[2]), true)
    }),
    runs(200),
  ))

test('what a lost index no longer names does not outlive the end of all', () =>
  fc.assert(
    fc.asyncProperty(scheduler, async (turns) => {
      const { store, users, ours, theirs } = await twoSessions()
      store.lose()
      store.turns = turns
      const calls = [users.check(ours), users.revokeAll(USER), users.check(theirs)]

      await turns.waitFor(Promise.all(calls))
      store.turns = null

      assert.equal(await users.check(ours), false)
      assert.equal(await users.check(theirs), false)
    }),
    runs(200),
  ))

test('who ends all others stays, and they do not', () =>
  fc.assert(
    fc.asyncProperty(scheduler, async (turns) => {
      const { store, users, ours, theirs } = await twoSessions()
      store.turns = turns

      await turns.waitFor(
        Promise.all([users.check(theirs), users.revokeOthers(ours), users.check(ours)]),
      )
      store.turns = null

      assert.equal(await users.check(theirs), false)
      assert.equal(await users.check(ours), true)
      assert.equal((await users.list(USER)).length, 1)
    }),
    runs(200),
  ))

test('who signs in after an end of all is in, and who did before is not', () =>
  fc.assert(
    fc.asyncProperty(scheduler, async (turns) => {
      const { store, users, ours, theirs } = await twoSessions()
      store.turns = turns
      const after: Mark[] = []
      const ended = users.revokeAll(USER).then(async () => {
        after.push(await users.signIn(USER, 'later', null))
      })

      await turns.waitFor(Promise.all([ended, users.check(ours), users.end(theirs)]))
      store.turns = null

      const [later] = after
      assert.equal(await users.check(ours), false)
      assert.equal(await users.check(theirs), false)
      assert.equal(later !== undefined && (await users.check(later)), true)
    }),
    runs(200),
  ))

test('who is signed in once all were ended is in, though both went on together', () =>
  fc.assert(
    fc.asyncProperty(scheduler, async (turns) => {
      const { store, users } = await twoSessions()
      store.turns = turns
      const done: string[] = []
      const ended = users.revokeAll(USER).then(() => done.push('ended'))
      const signedIn = users.signIn(USER, '', null).then((mark) => {
        done.push('signed in')
        return mark
      })

      const [mark] = await turns.waitFor(Promise.all([signedIn, ended]))
      store.turns = null

      if (done[0] === 'ended') assert.equal(await users.check(mark), true)
    }),
    runs(200),
  ))

test('there are never more sessions than are allowed, and always one', () =>
  fc.assert(
    fc.asyncProperty(
      scheduler,
      fc.constantFrom('end-oldest', 'refuse'),
      async (turns, whenFull) => {
        const { store, users, ours, theirs } = await twoSessions({ maxSessions: 2, whenFull })
        store.turns = turns
        const signIns = Array.from({ length: 4 }, () =>
          users.signIn(USER, '', null).catch((error: { code: string }) => {
            assert.equal(error.code, 'ERR_SESSION_USERS_FULL')
            return null
          }),
        )

        const marks = await turns.waitFor(Promise.all(signIns))
        store.turns = null

        const live = await Promise.all([ours, theirs, ...marks].map((it) => it && users.check(it)))
        assert.equal(live.filter(Boolean).length, 2)
      },
    ),
    runs(100),
  ))

test('ends that are very many are forgotten one by one, and kept all the same', async () => {
  const { store, users, ours, theirs } = await twoSessions()
  await users.end(theirs)
  const tomorrow = Date.now() + 86_400_000
  store.put((n) => [`r.${handle(n)}`, tomorrow])
  const last = await users.signIn(USER, '', null)

  await users.end(last)

  assert.ok(store.text.length < 500, 'the record is small')
  for (const over of [theirs, last, { index: INDEX, handle: handle(7), epoch: 0 }]) {
    assert.equal(await users.check(over), false)
  }
  assert.equal(await users.check(ours), true)
  assert.equal((await users.list(USER)).length, 1)
})

test('a user has no more than a thousand sessions, whatever is allowed', async () => {
  const { store, users, ours } = await twoSessions({ maxSessions: 5000, whenFull: 'refuse' })
  const created = Date.now() + 1000
  const entry = { created, until: created + 86_400_000, epoch: 0, label: '' }
  store.put((n) => [`h.${handle(n)}`, entry])

  const last = await users.signIn(USER, '', null)

  assert.equal((await users.list(USER)).length, 1000)
  assert.equal(await users.check(ours), false)
  assert.equal(await users.check(last), true)
})

test('sessions that come back to a lost index are no more than a thousand either', async () => {
  const { store, users, ours, theirs } = await twoSessions()
  store.lose()
  const stranger = await users.signIn(USER, '', null)
  const created = Date.now() + 1000
  store.put((n) => [
    `h.${handle(n)}`,
    { created, until: created + 86_400_000, epoch: 0, label: '' },
  ])

  assert.equal(await users.check(ours), true)
  assert.equal(await users.check(theirs), true)

  assert.equal((await users.list(USER)).length, 1000)
  assert.equal(await users.check(stranger), false)
})

function handle(n: number): string {
  return `${n}`.padStart(21, '_').concat('A')
}

/** A store with the engine's merge, each call of which is a step that waits for its turn. */
class SlowStore implements IndexStore {
  #records = new MemoryStore({ maxBytes: 1 << 24 })
  turns: fc.Scheduler | null = null

  lose(): void {
    this.#records.destroy(INDEX)
  }

  get text(): string {
    return this.#records.load(INDEX, Date.now()) ?? ''
  }

  /** Puts a thousand more members into the index. */
  put(member: (n: number) => [key: string, value: unknown]): void {
    const record = JSON.parse(this.text)
    const members = Array.from({ length: 1000 }, (_, n) => member(n))
    const data = { ...record.data, ...Object.fromEntries(members) }
    this.#records.save(payload(JSON.stringify({ ...record, data })), 7200, Date.now())
  }

  async load(id: string, nowMs: number): Promise<string | null> {
    return this.#turn('load', () => this.#records.load(id, nowMs))
  }

  async create(text: string, ttlSeconds: number, nowMs: number): Promise<boolean> {
    return this.#turn('create', () => this.#records.create(payload(text), ttlSeconds, nowMs))
  }

  async update(base: string, text: string, ttlSeconds: number, nowMs: number) {
    return this.#turn('update', () =>
      update(this.#records, payload(base), payload(text), ttlSeconds, nowMs),
    )
  }

  async #turn<T>(name: string, call: () => T | Promise<T>): Promise<T> {
    await this.turns?.schedule(Promise.resolve(), name)
    return call()
  }
}

function payload(text: string): Payload {
  const read = readPayload(text)
  assert.ok(read)
  return read
}
