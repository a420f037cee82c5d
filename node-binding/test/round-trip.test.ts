/** What was put comes back as JSON gives it back, whatever it was. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { onEveryDriver } from './support/drivers.js'
import { Browser } from './support/pipeline.js'

/** Keys that are someone's special case, and any other text, lone surrogates included. */
const key = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'toJSON',
    'id',
    'exp',
    '',
    '10',
    '2',
    '-0',
  ),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
)

const value = fc.oneof(
  fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }),
  fc.double(),
  fc.constantFrom(-0, 1e21, 5e-324, 2 ** 53 + 1, undefined, new Date(0), '\ud800', '\u2028'),
)

onEveryDriver((driver) => {
  test('put, save and load give what JSON.stringify and JSON.parse give', async () => {
    // Some of what is made up here is more than browsers take.
    const middleware = driver.middleware({ cookie: { maxBytes: 1 << 20 } as never })

    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, value)), async (entries) => {
        const browser = new Browser(middleware)
        await browser.visit((session) => {
          for (const [key, value] of entries) {
            session.put(key, value)
            session.flash(key, value)
          }
        })

        const { session } = await browser.visit()

        // Object.fromEntries makes own properties of all keys, as we promise to.
        const expected = JSON.stringify(JSON.parse(JSON.stringify(Object.fromEntries(entries))))
        assert.equal(JSON.stringify(session.all()), expected)
        assert.equal(JSON.stringify(session.allFlash()), expected)
      }),
      { numRuns: driver.name === 'redis' ? 200 : 500 },
    )
  })

  test('any text as a Cookie header gives a session and no error', async () => {
    const middleware = driver.middleware()
    const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string())

    await fc.assert(
      fc.asyncProperty(anyText, fc.boolean(), async (text, named) => {
        const browser = new Browser(middleware, named ? text : undefined)
        const { session } = await browser.visit()
        assert.deepEqual(session.all(), {})
      }),
    )
  })
})
