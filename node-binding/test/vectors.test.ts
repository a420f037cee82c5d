/**
 * The recorded bytes of the original package, case by case, through the addon and the
 * TypeScript on top of it.
 *
 * The file is tests/vectors/vectors.json, or the one that VECTORS names. Where we differ from
 * the original on purpose, the title of the case says so and the test asserts what we do
 * instead; no case is left out.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Case, each, textOf, vectors } from './vectors/case.js'
import { declareCookieLoad, declareCookiePersist } from './vectors/cookie-driver.js'
import { declareDestroy, declareLoad, declarePersist, withRedis } from './vectors/redis-driver.js'
import { declareSign, declareVerify } from './vectors/signatures.js'
import {
  declareParseCookie,
  declareSecret,
  declareSetCookie,
  declareSetCookieThrows,
} from './vectors/texts.js'

/** One function for each section of the file; it declares a test for each case. */
const sections: Record<string, (section: never) => void> = {
  sign: (cases: Case[]) => each(cases, 'name', declareSign),
  verify: declareVerify,
  cookie_persist: (cases: Case[]) => each(cases, 'name', declareCookiePersist),
  cookie_load: (cases: Case[]) => each(cases, 'name', declareCookieLoad),
  redis_persist: (cases: Case[]) =>
    withRedis((redis) => each(cases, 'name', declarePersist, redis)),
  redis_load: (cases: Case[]) => withRedis((redis) => each(cases, 'name', declareLoad, redis)),
  redis_destroy: (command: string[]) => withRedis((redis) => declareDestroy(command, redis)),
  set_cookie: (cases: Case[]) => each(cases, 'config', declareSetCookie),
  set_cookie_throws: (cases: Case[]) => each(cases, 'label', declareSetCookieThrows),
  parse_cookie: (cases: Case[]) => {
    for (const given of cases) declareParseCookie(JSON.stringify(textOf(given, 'header')), given)
  },
  secret: (cases: Case[]) => each(cases, 'configured', declareSecret),
}

for (const [name, section] of Object.entries(vectors)) {
  if (name === 'meta') continue
  describe(name, () => {
    const declare = sections[name]
    if (declare) declare(section as never)
    else test('this section is known', () => assert.fail(`what is ${name}?`))
  })
}
