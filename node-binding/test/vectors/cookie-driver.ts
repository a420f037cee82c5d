/** cookie_persist and cookie_load: sessions that live in the cookie itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CookieDriver,
  SessionInstance,
  type SessionPayload,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { findCookie } from '../../dist/cookie-header.js'
import { stopClock } from '../support/clock.js'
import { captureConsole } from '../support/console.js'
import { config, cookieValueOf, UUID_V4, visit } from '../support/pipeline.js'
import {
  agrees,
  type Case,
  codecOf,
  isCanonical,
  isLegalLifetime,
  meta,
  refusedField,
  textOf,
} from './case.js'

export function declareCookiePersist(title: string, given: Case): void {
  const now = (given.now_ms as number | undefined) ?? meta.now_ms
  const json = given.json as string | null | undefined
  const js = String(given.js ?? '')
  const lifetime = (given.lifetime as number | undefined) ?? lifetimeOf(json, now)

  if (!isLegalLifetime(lifetime)) {
    test(`${title} [difference: a lifetime that is not above 0 is refused at boot]`, () => {
      assert.throws(() => sessionMiddleware(config({ lifetime })), refusedField('lifetime'))
    })
    return
  }

  const loses = /(?:put|flash)\(\s*(['"`])__proto__\1/.test(js) && !json?.includes('"__proto__"')
  test(loses ? `${title} [difference: __proto__ is kept as an own property]` : title, async (t) => {
    stopClock(t, now)
    const errors = captureConsole(t, 'error')
    const secret = textOf(given, 'secret') ?? meta.secret
    const middleware = sessionMiddleware(config({ lifetime, secret }))
    const start = JSON.stringify(given.start)
    const cookie = codecOf(secret).encode(start, now)

    const { session, setCookies } = await visit(middleware, `sid=${cookie}`, async (session) => {
      await runSnippet(js, session)
    })

    if (json === null) {
      assert.deepEqual([setCookies, errors.length], [[], 1])
      return
    }
    assert.deepEqual(errors, [])
    if (given.set_cookies === 0) {
      assert.deepEqual(setCookies, [])
      return
    }
    assert.equal(setCookies.length, 1)
    const value = cookieValueOf(setCookies.join())
    const [payload = ''] = value.split('.')
    const text = Buffer.from(payload, 'base64url').toString('utf8')
    if (loses) {
      assert.ok(Object.hasOwn({ ...session.all(), ...flashNextOf(text) }, '__proto__'))
      assert.equal(withoutProto(text), json)
    } else if (js.includes('regenerate')) {
      assert.notEqual(session.id(), (given.start as SessionPayload).id)
      assert.match(session.id(), UUID_V4)
      assert.equal(withId(text, 'ID'), withId(json ?? '', 'ID'))
    } else {
      assert.ok(agrees(given, 'json', text) + agrees(given, 'cookie', value) > 0)
    }
  })
}

export function declareCookieLoad(title: string, given: Case): void {
  const cookie = textOf(given, 'cookie')
  const dot = cookie?.lastIndexOf('.') ?? -1
  const [payload, signature] = [cookie?.slice(0, dot) ?? '', cookie?.slice(dot + 1) ?? '']
  const strict = isCanonical(payload) && isCanonical(signature, 43)
  const differs = given.accepted === true && !strict
  const accepted = given.accepted === true && strict

  test(differs ? `${title} [difference: only canonical base64url is read]` : title, async (t) => {
    stopClock(t, (given.now_ms as number | undefined) ?? meta.now_ms)
    const rejectLegacyCookies = given.reject_legacy === true
    const middleware = sessionMiddleware(
      config({ secret: textOf(given, 'secret') ?? meta.secret, rejectLegacyCookies }),
    )
    let before: [boolean, string, string, string] | undefined

    const { setCookies } = await visitWith(middleware, cookie, (session) => {
      before = [
        session.isDirty(),
        session.id(),
        JSON.stringify(session.all()),
        JSON.stringify(session.allFlash()),
      ]
    })

    assert.ok(before)
    const [dirty, id, data, flash] = before
    if (accepted) {
      assert.equal(id, given.id)
      assert.ok(agrees(given, 'data_json', data) + agrees(given, 'flash_json', flash) > 0)
    } else {
      assert.match(id, UUID_V4)
      assert.notEqual(id, given.id)
      assert.deepEqual([data, flash], ['{}', '{}'])
    }
    const expected = differs ? [false, 0] : [given.dirty_after_load, given.set_cookie_written]
    assert.deepEqual([dirty, setCookies.length], expected)
  })
}

/** Through the Cookie header where the value can stand in one, else through the driver. */
async function visitWith(
  middleware: ReturnType<typeof sessionMiddleware>,
  cookie: string | undefined,
  handler: (session: SessionInstance) => void,
): Promise<{ setCookies: string[] }> {
  if (!cookie || findCookie(`sid=${cookie}`, 'sid') === cookie) {
    return visit(middleware, cookie === undefined ? undefined : `sid=${cookie}`, handler)
  }
  const { config } = middleware.engine
  const driver = new CookieDriver(config)
  const session = new SessionInstance(await driver.load(cookie), driver, config)
  handler(session)
  const text = await session.saveToCookie()
  return { setCookies: text === null ? [] : [text] }
}

/** The minutes that lead from `now` to the `exp` of the recorded text. */
function lifetimeOf(json: string | null | undefined, now: number): number {
  if (!json) return 120
  const { exp } = JSON.parse(json) as { exp: number | null }
  return exp === null ? Number.NaN : (exp - now) / 60_000
}

/** Runs a recorded snippet with the session's methods in scope, as functions. */
async function runSnippet(js: string, session: SessionInstance): Promise<void> {
  const names = ['put', 'get', 'pull', 'forget', 'flush', 'flash', 'getFlash', 'allFlash']
  names.push('reflash', 'keep', 'has', 'all', 'id', 'regenerate', 'isDirty', 'markDirty')
  const methods = names.map((name) => {
    const method = session[name as 'put'] as (...args: unknown[]) => unknown
    return method.bind(session)
  })
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor
  await new AsyncFunction('session', 's', ...names, js)(session, session, ...methods)
}

function flashNextOf(text: string): Record<string, unknown> {
  return (JSON.parse(text) as SessionPayload).flash_next
}

/** The text as it is when the top-level `__proto__` entries are taken out. */
function withoutProto(text: string): string {
  const envelope = JSON.parse(text) as SessionPayload
  Reflect.deleteProperty(envelope.data, '__proto__')
  Reflect.deleteProperty(envelope.flash_next, '__proto__')
  return JSON.stringify(envelope)
}

function withId(text: string, id: string): string {
  return text.replace(/^\{"id":"[^"]*"/, `{"id":"${id}"`)
}
