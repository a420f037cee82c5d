/** The facade finds the session of the request that calls it, and of no other. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { _runWithSession, Session, SessionInstance } from '@rudderjs/session-native'
import { onEveryDriver } from './support/drivers.js'
import { Browser, config } from './support/pipeline.js'

function open(id: string): SessionInstance {
  return new SessionInstance({ id, data: {}, flash_next: { f: id } }, {} as never, config())
}

test('outside a request there is no session, and the error says what to do', () => {
  assert.equal(Session.maybeCurrent(), null)
  assert.equal(Session.active(), false)
  assert.deepEqual(Session.allFlash(), {})
  const refused =
    /^\[Rudder Session\] Session\.current\(\) called with no session in context\. .*"web".*stateless.*Session\.maybeCurrent\(\).*sessionMiddleware\(\)/
  for (const call of [
    () => Session.get('a'),
    () => Session.put('a', 1),
    () => Session.id(),
    () => Session.regenerate(),
  ]) {
    assert.throws(call, { message: refused })
  }
})

test('every static method speaks to the current session', () => {
  const session = open('one')

  const answer = _runWithSession(session, () => {
    Session.put('a', 1)
    Session.put('b', 2)
    Session.put('c', 3)
    Session.forget('b')
    Session.flash('next', 1)
    Session.keep(['f'])
    Session.reflash()
    return [
      Session.active(),
      Session.maybeCurrent() === session,
      Session.get('a'),
      Session.get('b', 'fallback'),
      Session.pull('c'),
      Session.has('c'),
      Session.all(),
      Session.getFlash('f'),
      Session.allFlash(),
      Session.id(),
    ]
  })

  assert.deepEqual(answer, [
    true,
    true,
    1,
    'fallback',
    3,
    false,
    { a: 1 },
    'one',
    { f: 'one' },
    'one',
  ])
  _runWithSession(session, () => Session.flush())
  assert.deepEqual(session.all(), {})
})

test('sessions of interleaved requests do not mix', async () => {
  const ids = Array.from({ length: 50 }, (_, n) => `id-${n}`)

  const seen = await Promise.all(
    ids.map((id) =>
      _runWithSession(open(id), async () => {
        await tick()
        const early = Session.id()
        await new Promise((resolve) => setTimeout(resolve, 0))
        return [early, Session.id()]
      }),
    ),
  )

  assert.deepEqual(
    seen,
    ids.map((id) => [id, id]),
  )
})

test('a second copy of the module sees the same session', async () => {
  const copy = (await import('../dist/session.js?copy' as string)) as { Session: typeof Session }
  assert.notEqual(copy.Session, Session)

  const id = _runWithSession(open('shared'), () => copy.Session.id())

  assert.equal(id, 'shared')
})

onEveryDriver((driver) => {
  test('the facade is there in the handler and in what it starts', async () => {
    const browser = new Browser(driver.middleware())

    const { session } = await browser.visit(async () => {
      Session.put('direct', 1)
      const timer = new EventTarget()
      setTimeout(() => {
        Session.put('timer', 2)
        timer.dispatchEvent(new Event('done'))
      })
      await once(timer, 'done')
      await Session.regenerate()
      Session.put('after the store', Session.id())
    })

    assert.deepEqual(session.all(), { direct: 1, timer: 2, 'after the store': session.id() })
    assert.equal(Session.active(), false)
  })
})
