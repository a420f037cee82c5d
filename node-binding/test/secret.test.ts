/** Which text keys the signatures: SESSION_SECRET, APP_KEY, or the placeholder with a notice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveSessionSecret } from '@rudderjs/session-native'
import { captureConsole } from './support/console.js'

const cases: [claim: string, configured: string | undefined, appKey: string, secret: string][] = [
  ['a configured secret wins over APP_KEY', 'mine', 'key', 'mine'],
  ['a configured secret is trimmed', '  mine\n', 'key', 'mine'],
  ['a base64: prefix of a configured secret stays', 'base64:bWluZQ', 'key', 'base64:bWluZQ'],
  ['a blank secret gives way to APP_KEY', '   ', 'key', 'key'],
  ['the placeholder gives way to APP_KEY', 'change-me-in-production', 'key', 'key'],
  [
    'one base64: prefix of APP_KEY is cut, and nothing decoded',
    '',
    'base64:base64:eA',
    'base64:eA',
  ],
  ['a base64: that APP_KEY does not begin with stays', undefined, ' base64:x ', 'base64:x'],
]
for (const [claim, configured, appKey, secret] of cases) {
  test(claim, () => {
    const notices: string[] = []

    const resolved = resolveSessionSecret(configured, appKey, (text) => notices.push(text))

    assert.deepEqual([resolved, notices], [secret, []])
  })
}

test('without any secret the placeholder is used, and a notice says so', (t) => {
  const warnings = captureConsole(t, 'warn')

  const resolved = resolveSessionSecret(undefined, 'base64: ')

  assert.equal(resolved, 'change-me-in-production')
  assert.equal(warnings.length, 1)
  assert.match(String(warnings[0]), /^\[session\] no SESSION_SECRET or APP_KEY set — session cook/)
})
