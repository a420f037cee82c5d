/** sign and verify: which texts a key vouches for. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agrees, type Case, codecOf, each, isCanonical, meta, textOf } from './case.js'

export function declareSign(title: string, given: Case): void {
  const secret = textOf(given, 'secret') ?? meta.secret
  if (isRefusedSecret(secret)) {
    test(`${title} [difference: an empty or public secret is refused]`, () => {
      assert.throws(() => codecOf(secret), { code: 'ERR_SESSION_CONFIG' })
    })
    return
  }
  test(title, () => {
    const signed = codecOf(secret).sign(textOf(given, 'value') ?? '')

    const signature = signed.slice(signed.lastIndexOf('.') + 1)
    assert.ok(agrees(given, 'signed', signed) + agrees(given, 'signature', signature) > 0)
  })
}

export function declareVerify(section: Case): void {
  const value = textOf(section, 'value') ?? ''
  const secret = textOf(section, 'secret') ?? meta.secret

  each((section.cases ?? []) as Case[], 'name', (title, given) => {
    const signature = textOf(given, 'signature') ?? ''
    verifies(title, `${value}.${signature}`, given.accepted ? value : null, given)
  })
  each((section.whole ?? []) as Case[], 'name', (title, given) => {
    const expected = given.accepted ? (textOf(given, 'value') ?? null) : null
    verifies(title, textOf(given, 'cookie') ?? '', expected, given)
  })

  function verifies(title: string, signed: string, expected: string | null, given: Case): void {
    const strict = isCanonical(signed.slice(signed.lastIndexOf('.') + 1), 43)
    const differs = expected !== null && !strict
    test(differs ? `${title} [difference: only the canonical spelling verifies]` : title, () => {
      const codec = codecOf(textOf(given, 'secret') ?? secret)
      assert.equal(codec.verify(signed), differs ? null : expected)
    })
  }
}

function isRefusedSecret(secret: string): boolean {
  return secret === '' || secret === 'change-me-in-production'
}
