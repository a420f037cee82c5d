/** set_cookie, parse_cookie and secret: headers and the choice of the key. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  resolveSessionSecret,
  SessionConfigError,
  sessionMiddleware,
} from '@rudderjs/session-native'
import { findCookie } from '../../dist/cookie-header.js'
import { config, cookieValueOf, visit } from '../support/pipeline.js'
import { type Case, isLegalLifetime, refusedField, textOf } from './case.js'

export function declareSetCookie(title: string, given: Case): void {
  const configured = configOf(given)
  const refused = refusedAtBoot(configured)
  if (refused) {
    test(`${title} [difference: ${refused} is refused at boot]`, () => {
      assert.throws(() => sessionMiddleware(configured), refusedField(refused))
    })
    return
  }
  test(title, async () => {
    const { setCookies } = await visit(sessionMiddleware(configured), undefined)

    const texts = setCookies.map((text) => text.replace(cookieValueOf(text), '<value>'))
    assert.deepEqual(texts, [given.text])
  })
}

export function declareSetCookieThrows(title: string, given: Case): void {
  test(title, () => {
    assert.throws(
      () => sessionMiddleware(configOf(given)),
      (error: unknown) => {
        assert.ok(error instanceof SessionConfigError)
        if (typeof given.throws === 'string') assert.equal(error.message, given.throws)
        return true
      },
    )
  })
}

export function declareParseCookie(title: string, given: Case): void {
  test(`${title} for ${JSON.stringify(given.name)}`, () => {
    const value = findCookie(textOf(given, 'header') ?? '', textOf(given, 'name') ?? '')

    assert.equal(value ?? null, textOf(given, 'value') ?? null)
  })
}

export function declareSecret(title: string, given: Case): void {
  test(`${title} with APP_KEY ${JSON.stringify(given.APP_KEY)}`, () => {
    let notices = 0

    const secret = resolveSessionSecret(
      textOf(given, 'configured'),
      textOf(given, 'APP_KEY') ?? null,
      () => {
        notices += 1
      },
    )

    assert.deepEqual([secret, notices], [given.effective, Number(given.boot_notice)])
  })
}

/** The configuration of a case over our defaults; the text "undefined" stands for undefined. */
function configOf(given: Case) {
  const revived = JSON.parse(JSON.stringify(given.config ?? {})) as Record<string, unknown>
  const restore = (bag: Record<string, unknown>) => {
    for (const [key, value] of Object.entries(bag)) {
      if (value === 'undefined') bag[key] = undefined
      else if (value === 'NaN') bag[key] = Number.NaN
      else if (typeof value === 'object' && value !== null) restore(value as never)
    }
  }
  restore(revived)
  return config(revived as never)
}

/** The field that CONTRACT section 7 has us refuse, or null. Written apart from the code. */
function refusedAtBoot({ lifetime, cookie }: ReturnType<typeof config>): string | null {
  if (!isLegalLifetime(lifetime)) return 'lifetime'
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(cookie.name)) return 'cookie.name'
  if (!/^\/[ -~]*$/.test(cookie.path)) return 'cookie.path'
  if (!['lax', 'strict', 'none'].includes(cookie.sameSite)) return 'cookie.sameSite'
  for (const field of ['secure', 'httpOnly'] as const) {
    if (!['boolean', 'undefined'].includes(typeof cookie[field])) return `cookie.${field}`
  }
  const secure = cookie.secure || cookie.sameSite === 'none'
  if (/^__(secure|host)-/i.test(cookie.name) && !secure) return 'cookie.secure'
  if (/^__host-/i.test(cookie.name) && cookie.path !== '/') return 'cookie.path'
  return null
}
