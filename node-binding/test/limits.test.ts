/** A session that has grown out of all proportion is not saved, and can be read and ended. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CookieDriver,
  type LimitsConfig,
  SessionConfigError,
  type SessionInstance,
  SessionLimitError,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { limitedText } from '../dist/limits.js'
import { captureConsole } from './support/console.js'
import { Browser, config } from './support/pipeline.js'

/** A browser of an application with these limits, which throws what saving throws. */
function browser(limits: LimitsConfig, cookie?: string, driver: 'cookie' | 'memory' = 'cookie') {
  return new Browser(sessionMiddleware(config({ driver, limits })), cookie)
}

/** What saving what `fill` puts comes to. */
async function refusal(limits: LimitsConfig, fill: (session: SessionInstance) => void) {
  let refused: unknown = null
  await browser(limits, undefined, 'memory').visit(async (session) => {
    fill(session)
    await session.save({}).catch((error) => {
      refused = error
    })
  })
  if (refused === null) return null
  assert.ok(refused instanceof SessionLimitError)
  const { code, option, limit, found } = refused
  assert.equal(code, 'ERR_SESSION_LIMIT')
  return { option, limit, found }
}

function nested(levels: number): unknown {
  let value: unknown = []
  for (let level = 1; level < levels; level++) value = level % 2 ? { a: value } : [value]
  return value
}

function putKeys(count: number) {
  return (session: SessionInstance) => {
    for (let key = 0; key < count; key++) session.put(`k${key}`, '{"a":[":{,')
  }
}

test('each limit is met exactly', async (t) => {
  captureConsole(t, 'error')
  for (const limit of [1, 2, 7, 60]) {
    const limits = { maxKeys: limit }
    const levels = { maxDepth: limit }
    const deep = (count: number) => (session: SessionInstance) => {
      session.put('k', nested(count))
      session.put('l', [])
    }

    assert.equal(await refusal(limits, putKeys(limit)), null)
    assert.equal(await refusal(levels, deep(limit)), null)
    assert.deepEqual(await refusal(limits, putKeys(limit + 1)), {
      option: 'limits.maxKeys',
      limit,
      found: limit + 1,
    })
    assert.deepEqual(await refusal(levels, deep(limit + 1)), {
      option: 'limits.maxDepth',
      limit,
      found: limit + 1,
    })
  }
})

test('flash values count too, keys inside of values do not', async (t) => {
  captureConsole(t, 'error')
  const flashed = await refusal({ maxKeys: 2 }, (session) => {
    session.put('a', 1)
    session.flash('b', 2)
    session.flash('c', 3)
  })
  const inside = await refusal({ maxKeys: 2 }, (session) => {
    session.put('a', { b: 1, c: 2, d: 3, e: [{ f: 4 }] })
  })

  assert.deepEqual(flashed, { option: 'limits.maxKeys', limit: 2, found: 3 })
  assert.equal(inside, null)
})

test('bytes are those of UTF-8', async (t) => {
  captureConsole(t, 'error')
  const bytes = (note: string) => async (maxBytes: number) =>
    (await refusal({ maxBytes }, (session) => session.put('note', note)))?.found ?? null
  const [ascii, euros] = [bytes('x'.repeat(300)), bytes('\u20ac'.repeat(100))]

  const found = (await ascii(200)) as number
  assert.ok(found > 300)
  assert.deepEqual([await ascii(found), await ascii(found - 1)], [null, found])
  assert.deepEqual([await euros(found), await euros(found - 1)], [null, found])
})

test('what no stack bears is an error of the same kind, with the stack overflow as its cause', async (t) => {
  captureConsole(t, 'error')
  let cause: unknown
  await browser({}).visit(async (session) => {
    session.put('deep', nested(200_000))
    await assert.rejects(session.save({}), (error) => {
      assert.ok(error instanceof SessionLimitError)
      assert.deepEqual([error.option, error.limit, error.found], ['limits.maxDepth', 10_000, null])
      cause = error.cause
      return true
    })
    session.forget('deep')
  })
  assert.ok(cause instanceof RangeError)
})

test('a limit that is new locks nobody out', async (t) => {
  captureConsole(t, 'error')
  const before = browser({})
  await before.visit((session) => {
    for (const key of ['a', 'b', 'c']) session.put(key, nested(3))
  })
  const after = browser({ maxKeys: 1, maxDepth: 1, maxBytes: 50 }, before.cookie)

  const read = await after.visit()
  const saved = await after.visit((session) => session.put('a', [[1]]))
  const grown = await after.visit((session) => session.put('d', 1))
  const seen = (await after.visit()).session.all()
  const ended = await after.visit((session) => session.logout())

  assert.deepEqual(Object.keys(read.session.all()), ['a', 'b', 'c'])
  assert.deepEqual([saved.setCookies.length, grown.setCookies.length], [1, 0])
  assert.deepEqual(seen, { a: [[1]], b: nested(3), c: nested(3) })
  assert.match(ended.setCookies[0] ?? '', /^sid=; .*Max-Age=0/)
})

test('a record of another program that is over a limit is saved on, in whatever order its fields are', () => {
  const data = { a: [[1]], b: [[2]], c: [[3]] }
  const base = JSON.stringify({ data, more: { x: 1, y: [[[[0]]]] }, flash_next: {}, id: 'a' })
  const [same, more] = [data, { ...data, d: 1 }].map((it) =>
    JSON.stringify({ id: 'a', data: it, flash_next: {} }),
  ) as [string, string]
  const save = (text: string, limits: LimitsConfig) =>
    limitedText(
      () => text,
      { maxBytes: 1000, ...limits },
      () => base,
    )

  assert.equal(save(same, { maxKeys: 1, maxDepth: 1 }), same)
  assert.throws(() => save(more, { maxKeys: 1 }), { option: 'limits.maxKeys', found: 4 })
  const deeper = same.replace('[[1]]', '[[[1]]]')
  assert.throws(() => save(deeper, { maxDepth: 1 }), { option: 'limits.maxDepth', found: 3 })
})

test('what an older program has nested as deep as JSON goes is read, and carried on', async () => {
  const text = `{"id":"a","data":{"n":1,"deep":${'['.repeat(3000)}${']'.repeat(3000)}},"flash_next":{}}`
  const cookie = await new CookieDriver(config()).persist(JSON.parse(text), 60)
  const visitor = browser({ maxDepth: 5 }, cookie)
  const middleware = sessionMiddleware(
    config({ limits: { maxDepth: 5 }, cookie: { maxBytes: 1 << 20 } as never }),
  )

  assert.equal((await visitor.visit()).session.get('n'), 1)
  const again = new Browser(middleware, cookie)
  assert.equal((await again.visit((session) => session.put('n', 2))).setCookies.length, 1)
  assert.equal((await again.visit()).session.get('n'), 2)
})

test('a limit is a whole number of at least 1', () => {
  for (const option of ['maxBytes', 'maxDepth', 'maxKeys'] as const) {
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
      const limits = { [option]: wrong } as LimitsConfig
      assert.throws(
        () => sessionMiddleware(config({ limits })),
        (error: unknown) => {
          assert.ok(error instanceof SessionConfigError)
          assert.equal(error.field, `limits.${option}`)
          return true
        },
      )
    }
  }
  assert.throws(() => sessionMiddleware(config({ limits: 5 as never })), { field: 'limits' })
})
