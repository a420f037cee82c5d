/** A session that parses as little as it can answers and saves as one that parses everything. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SessionInstance } from '@rudderjs/session-native'
import fc from 'fast-check'
import { canonicalMembers } from '../dist/canonical.js'
import { ENCODE } from '../dist/driver.js'
import { LazyPayload } from '../dist/lazy-payload.js'
import { parsePayload } from '../dist/payload.js'
import {
  canonicalPayload,
  damagedPayload,
  jsonValue,
  key,
  runs,
  spelledPayload,
} from './support/json-spellings.js'
import { config } from './support/pipeline.js'

/** The session as it would be if it were made of plain objects. */
class Model {
  readonly id: string
  data: Record<string, unknown>
  readonly flash: Record<string, unknown>
  readonly flashNext: Record<string, unknown> = {}
  dirty: boolean

  constructor(text: string) {
    const payload = parsePayload(text)
    this.id = payload?.id ?? FRESH
    this.data = payload?.data ?? {}
    this.flash = payload?.flash_next ?? {}
    this.dirty = Object.keys(this.flash).length > 0
  }

  get(key: string, fallback: unknown): unknown {
    return Object.hasOwn(this.data, key) ? this.data[key] : fallback
  }

  put(key: string, value: unknown): void {
    define(this.data, key, value)
    this.dirty = true
  }

  forget(key: string): void {
    delete this.data[key]
    this.dirty = true
  }

  flashIn(key: string, value: unknown): void {
    define(this.flashNext, key, value)
    this.dirty = true
  }

  keep(keys: string[]): void {
    for (const key of keys) {
      if (Object.hasOwn(this.flash, key)) define(this.flashNext, key, this.flash[key])
    }
    this.dirty = true
  }

  text(): string {
    return JSON.stringify({ id: this.id, data: this.data, flash_next: this.flashNext })
  }
}

function define(object: object, key: string, value: unknown): void {
  const flags = { configurable: true, enumerable: true, writable: true }
  Object.defineProperty(object, key, { value, ...flags })
}

const FRESH = 'fresh'

/** A driver that gives back the text that it is to encode. */
const driver = {
  async load(): Promise<never> {
    throw new Error('not asked')
  },
  async persist(): Promise<never> {
    throw new Error('a payload was made where its text was enough')
  },
  async destroy(): Promise<void> {},
  [ENCODE]: (toText: () => string) => toText(),
}

/** The text takes the place of the cookie value, and may be longer than one. */
const ANY_SIZE = config({ cookie: { maxBytes: 1 << 30 } as never })

/** Both of them, brought up from the same text. */
class Pair {
  model: Model
  session: SessionInstance

  constructor(text: string) {
    this.model = new Model(text)
    this.session = new SessionInstance(LazyPayload.loaded(text), driver, ANY_SIZE)
  }

  /** The texts that both save, to be compared; `null` if nothing is saved. */
  async save(): Promise<[actual: string | null, expected: string | null]> {
    const expected = this.model.dirty ? attempt(() => this.model.text()) : null
    if (expected !== 'TypeError') this.model.dirty = false
    const cookie = await this.session.saveToCookie().catch((error: Error) => error.name)
    const text = cookie?.replace(/^sid=/, '').replace(/; Path=.*$/s, '') ?? null
    return [this.#withoutFreshId(text), expected]
  }

  id(): [actual: string, expected: string] {
    return [this.model.id === FRESH ? FRESH : this.session.id(), this.model.id]
  }

  #withoutFreshId(text: string | null): string | null {
    return this.model.id === FRESH ? (text?.replace(this.session.id(), FRESH) ?? null) : text
  }
}

function attempt(write: () => string): string {
  try {
    return write()
  } catch (error) {
    return (error as Error).name
  }
}

type Step = (pair: Pair) => Promise<void> | void

/** Same values, and the same order of keys wherever there are any. */
function assertSame(actual: unknown, expected: unknown): void {
  assert.deepEqual(actual, expected)
  assert.equal(JSON.stringify(orderOf(actual)), JSON.stringify(orderOf(expected)))
}

function orderOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return null
  return Object.keys(value).map((key) => [key, orderOf((value as Record<string, unknown>)[key])])
}

/** What a handler may put: JSON and what `JSON.stringify` makes something else of. */
const anyValue = fc.oneof(
  { weight: 6, arbitrary: jsonValue.value },
  { weight: 1, arbitrary: fc.constantFrom(undefined, -0, Number.NaN, Symbol('s'), '\ud800') },
  { weight: 1, arbitrary: fc.nat(2 ** 40).map((ms) => new Date(ms)) },
  {
    weight: 1,
    arbitrary: key.map((it) => ({ a: it, toJSON: (key: string) => `${it} as ${key}` })),
  },
  { weight: 1, arbitrary: key.map((it) => Object.assign(() => it, { toJSON: () => it })) },
)

function mutated(value: unknown, addition: unknown): void {
  if (Array.isArray(value)) value.push(addition)
  else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    const [first] = Object.keys(value)
    if (first !== undefined) delete (value as Record<string, unknown>)[first]
    define(value, 'added', addition)
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  key.map(
    (key): Step =>
      ({ model, session }) => {
        assertSame(session.get(key, NOTHING), model.get(key, NOTHING))
        assert.equal(
          session.get(key, NOTHING),
          session.get(key, NOTHING),
          'another object each time',
        )
        assertSame(session.get(key), model.get(key, undefined))
      },
  ),
  key.map(
    (key): Step =>
      ({ model, session }) =>
        assert.equal(session.has(key), Object.hasOwn(model.data, key)),
  ),
  fc.tuple(key, anyValue).map(
    ([key, value]): Step =>
      ({ model, session }) => {
        session.put(key, value)
        model.put(key, value)
      },
  ),
  // A BigInt is rare, since it spoils the saves that follow.
  fc.tuple(key, fc.nat({ max: 20 })).map(
    ([key, n]): Step =>
      ({ model, session }) => {
        const value = n === 0 ? 1n : n
        session.put(key, value)
        model.put(key, value)
      },
  ),
  key.map(
    (key): Step =>
      ({ model, session }) => {
        session.forget(key)
        model.forget(key)
      },
  ),
  key.map(
    (key): Step =>
      ({ model, session }) => {
        assertSame(session.pull(key, NOTHING), model.get(key, NOTHING))
        model.forget(key)
      },
  ),
  fc.tuple(key, jsonValue.value).map(
    ([key, value]): Step =>
      ({ model, session }) => {
        // Both have objects of their own until one is put, which they then share.
        const [ours, theirs] = [session.get(key), model.get(key, undefined)]
        mutated(ours, value)
        if (ours !== theirs) mutated(theirs, value)
      },
  ),
  fc.tuple(key, key).map(
    ([from, to]): Step =>
      ({ model, session }) => {
        session.put(to, session.get(from))
        model.put(to, model.get(from, undefined))
      },
  ),
  fc.constant<Step>(({ model, session }) => assertSame(session.all(), { ...model.data })),
  fc.constant<Step>(({ model, session }) => {
    session.flush()
    model.data = {}
    model.dirty = true
  }),
  fc.tuple(key, anyValue).map(
    ([key, value]): Step =>
      ({ model, session }) => {
        session.flash(key, value)
        model.flashIn(key, value)
      },
  ),
  key.map(
    (key): Step =>
      ({ model, session }) => {
        const expected = Object.hasOwn(model.flash, key) ? model.flash[key] : NOTHING
        assertSame(session.getFlash(key, NOTHING), expected)
      },
  ),
  fc.constant<Step>(({ model, session }) => assertSame(session.allFlash(), { ...model.flash })),
  fc.array(key, { maxLength: 3 }).map(
    (keys): Step =>
      ({ model, session }) => {
        session.keep(keys)
        model.keep(keys)
      },
  ),
  fc.constant<Step>(({ model, session }) => {
    session.reflash()
    model.keep(Object.keys(model.flash))
  }),
  fc.constant<Step>(({ model, session }) => {
    session.markDirty()
    model.dirty = true
  }),
  fc.constant<Step>((pair) => assert.deepEqual(...pair.id())),
  fc.constant<Step>(({ model, session }) => assert.equal(session.isDirty(), model.dirty)),
  fc.constant<Step>(async (pair) => assert.deepEqual(...(await pair.save()))),
  fc.constant<Step>(async (pair) => {
    const [actual, expected] = await pair.save()
    assert.equal(actual, expected)
    if (actual?.startsWith('{')) Object.assign(pair, new Pair(actual))
  }),
)

const NOTHING = Symbol('nothing')

const anyPayload = fc.oneof(
  { weight: 5, arbitrary: canonicalPayload },
  { weight: 3, arbitrary: spelledPayload },
  { weight: 1, arbitrary: damagedPayload },
)

test('any sequence of calls answers and saves as plain objects do', async () => {
  let lazy = 0

  await fc.assert(
    fc.asyncProperty(anyPayload, fc.array(step, { maxLength: 12 }), async (text, steps) => {
      if (canonicalMembers(text)) lazy += 1
      const pair = new Pair(text)
      for (const step of steps) await step(pair)
      pair.session.markDirty()
      pair.model.dirty = true
      assert.deepEqual(...(await pair.save()))
    }),
    runs(2_500),
  )

  assert.ok(lazy > 250, `only ${lazy} payloads were read key by key`)
})

const CART = '{"id":"the-id","data":{"user":{"name":"Zoe"},"cart":[1,2],"seen":9},"flash_next":{}}'

const saved: [what: string, change: (session: SessionInstance) => void, data: string][] = [
  ['a value that was read', (it) => it.get('cart'), '"user":{"name":"Zoe"},"cart":[1,2],"seen":9'],
  [
    'a change inside a value that was read',
    (it) => it.get<number[]>('cart')?.push(3),
    '"user":{"name":"Zoe"},"cart":[1,2,3],"seen":9',
  ],
  [
    'a value in its place',
    (it) => it.put('cart', 'none'),
    '"user":{"name":"Zoe"},"cart":"none","seen":9',
  ],
  ['nothing of a function', (it) => it.put('cart', () => 1), '"user":{"name":"Zoe"},"seen":9'],
  [
    'a new value behind the others',
    (it) => it.put('last', null),
    '"user":{"name":"Zoe"},"cart":[1,2],"seen":9,"last":null',
  ],
  [
    'a new value like an array index before the others',
    (it) => it.put('7', null),
    '"7":null,"user":{"name":"Zoe"},"cart":[1,2],"seen":9',
  ],
  ['no value that was forgotten', (it) => it.forget('user'), '"cart":[1,2],"seen":9'],
  [
    'a value that was forgotten and put again behind the others',
    (it) => it.put('user', it.pull('user')),
    '"cart":[1,2],"seen":9,"user":{"name":"Zoe"}',
  ],
  [
    'everything, when everything was read',
    (it) => (it.all().cart as number[]).push(3),
    '"user":{"name":"Zoe"},"cart":[1,2,3],"seen":9',
  ],
  [
    '__proto__ as a value like any other',
    (it) => {
      it.flush()
      it.put('__proto__', 1)
    },
    '"__proto__":1',
  ],
]
for (const [what, change, data] of saved) {
  test(`saved: ${what}`, async () => {
    const { session } = new Pair(CART)

    change(session)
    session.markDirty()

    const expected = `sid={"id":"the-id","data":{${data}},"flash_next":{}}; Path=`
    assert.equal((await session.saveToCookie())?.slice(0, expected.length), expected)
  })
}

test('keys that are much alike are told apart', () => {
  const text = '{"id":"x","data":{"item1":1,"item2":2,"item22":3},"flash_next":{}}'
  const { session } = new Pair(text)

  assert.deepEqual(
    ['item1', 'item2', 'item22', 'item3', 'ktem1', 'item', ''].map((it) => session.get(it, null)),
    [1, 2, 3, null, null, null, null],
  )
})

test('toJSON() speaks for all the data, and for all the flash, as JSON.stringify has it', async () => {
  const textOf = async (change: (session: SessionInstance) => void) => {
    const { session } = new Pair(CART)
    change(session)
    return (await session.saveToCookie())?.split(';')[0]
  }
  const toJSON = (key: string) => `all of ${key}`

  assert.equal(
    await textOf((it) => it.put('toJSON', toJSON)),
    'sid={"id":"the-id","data":"all of data","flash_next":{}}',
  )
  assert.equal(
    await textOf((it) => it.flash('toJSON', toJSON)),
    'sid={"id":"the-id","data":{"user":{"name":"Zoe"},"cart":[1,2],"seen":9},"flash_next":"all of flash_next"}',
  )
})

test('a new id goes into the text, and into the text only', async () => {
  const { session } = new Pair(CART)
  session.get('cart')

  await session.regenerate()

  const expected = CART.replace('the-id', session.id())
  assert.equal((await session.saveToCookie())?.split(';')[0], `sid=${expected}`)
})

test('signed text that is no payload is a fresh session, whatever is asked first', () => {
  const garbage = '{"id":"the-id","data":{"user":1,"cart":nope},"flash_next":{}}'
  const questions: [(session: SessionInstance) => unknown, unknown][] = [
    [(it) => it.get('user', 'none'), 'none'],
    [(it) => it.has('user'), false],
    [(it) => it.pull('user', 'none'), 'none'],
    [(it) => it.all(), {}],
    [(it) => it.allFlash(), {}],
    [(it) => it.isDirty(), false],
    [(it) => it.id() === 'the-id', false],
  ]
  for (const [ask, answer] of questions) {
    const session = new SessionInstance(LazyPayload.loaded(garbage), driver, config())
    assert.deepEqual(ask(session), answer)
    assert.deepEqual([session.all(), session.id().length], [{}, 36])
  }
})
