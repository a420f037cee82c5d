/** Keys with types: wrong ones do not compile, which is checked when this file is. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Session } from '@rudderjs/session-native'

declare module '@rudderjs/session-native' {
  interface SessionData {
    'typed cart': string[]
  }
}

test('a key with a type has it in get and put, and all others stay as they are', (t) => {
  const fake = Session.fake()
  t.after(() => fake.restore())

  Session.put('typed cart', ['tea'])
  const cart: string[] | undefined = Session.get('typed cart')
  const certain: string[] = fake.session.get('typed cart', [])
  // @ts-expect-error A number is no cart.
  const wrong: number | undefined = Session.get('typed cart')
  // @ts-expect-error Nor may one be put there.
  Session.put('typed cart', 1)
  fake.session.put('anything', 1)
  const number: number = fake.session.get('anything', 0)
  const given: number | undefined = Session.get<number>('anything')

  assert.deepEqual([cart, certain, wrong], [['tea'], ['tea'], ['tea']])
  assert.deepEqual([number, given, Session.get('typed cart')], [1, 1, 1])
})
