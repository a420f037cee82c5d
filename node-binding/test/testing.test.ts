/** The test kit: sessions without a server, a clock that is moved, and a faked current session. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { _runWithSession, Session, SessionInstance } from '@rudderjs/session-native'
import { sessionKit, TestClock } from '@rudderjs/session-native/testing'
import { config } from './support/pipeline.js'

for (const driver of ['memory', 'cookie'] as const) {
  test(`${driver}: a visitor keeps its session until its lifetime is over`, async (t) => {
    const kit = sessionKit({ driver, lifetime: 30 })
    t.after(() => kit.close())
    const visitor = kit.visitor()
    await visitor.request((session) => session.put('user', 1))

    kit.clock.advance({ minutes: 29, seconds: 59 })
    const alive = await visitor.request(() => Session.get('user'))
    kit.clock.advance({ seconds: 1, ms: 1 })
    const late = await visitor.request(() => Session.get('user'))

    assert.deepEqual([alive.answer, late.answer], [1, undefined])
    assert.equal((await kit.visitor().request(() => Session.all())).setCookie, null)
  })
}

test('visitors are apart, unless one has the cookie of another', async (t) => {
  const kit = sessionKit()
  t.after(() => kit.close())
  const [a, b] = [kit.visitor(), kit.visitor()]
  await a.request((session) => session.put('user', 1))

  assert.equal((await b.request((session) => session.get('user'))).answer, undefined)
  b.cookie = a.cookie
  assert.equal((await b.request((session) => session.get('user'))).answer, 1)
  await a.request((session) => session.logout())
  assert.equal(a.cookie, null)
  assert.equal((await b.request((session) => session.get('user'))).answer, undefined)
})

test('visitors of a kit with users have devices', async (t) => {
  const kit = sessionKit({ users: {} })
  t.after(() => kit.close())
  const [desk, phone] = [kit.visitor(), kit.visitor()]
  desk.userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
  for (const visitor of [desk, phone]) await visitor.request((session) => session.login('ann'))

  const { answer } = await desk.request((session) => session.devices())
  const labels = answer.map(({ label, current }) => [label, current])
  await desk.request(() => Session.revokeOthers())

  assert.deepEqual(
    new Map(labels as [string, boolean][]),
    new Map([
      ['Firefox on Linux', true],
      ['', false],
    ]),
  )
  assert.equal((await phone.request((session) => session.get('auth_user_id'))).answer, undefined)
  assert.equal((await desk.request((session) => session.get('auth_user_id'))).answer, 'ann')
})

test('a handler that throws has its session saved, and its error passes through', async (t) => {
  const kit = sessionKit()
  t.after(() => kit.close())
  const visitor = kit.visitor()

  const failing = visitor.request((session) => {
    session.put('before', 'the throw')
    throw new Error('of the handler')
  })

  await assert.rejects(failing, /of the handler/)
  const { answer } = await visitor.request((session) => session.all())
  assert.deepEqual(answer, { before: 'the throw' })
})

test('the clock stands still, moves when it is told, and is put back', () => {
  const real = Date.now
  const clock = new TestClock(1000)

  assert.deepEqual([Date.now(), clock.nowMs], [1000, 1000])
  clock.advance({ minutes: 1, seconds: 1, ms: 1 })
  assert.equal(Date.now(), 62_001)
  clock.set(5)
  assert.equal(Date.now(), 5)
  clock.release()

  assert.equal(Date.now, real)
})

test('a faked session is the current one where there is no other, until it is restored', () => {
  const fake = Session.fake({ user: 1 })

  Session.put('seen', Session.get('user'))
  assert.equal(Session.maybeCurrent(), fake.session)
  const payload = { id: 'x', data: {}, flash_next: {} }
  const real = new SessionInstance(payload, {} as never, config())
  assert.equal(
    _runWithSession(real, () => Session.maybeCurrent()),
    real,
  )
  assert.deepEqual(fake.session.all(), { user: 1, seen: 1 })
  fake.restore()

  assert.equal(Session.active(), false)
})

test('a faked session goes on to the next request: flash is there once', async (t) => {
  const fake = Session.fake()
  t.after(() => fake.restore())
  Session.put('at', new Date(0))
  Session.flash('ok', 'Saved!')
  assert.equal(Session.getFlash('ok'), undefined)

  await fake.nextRequest()
  assert.deepEqual(
    [Session.allFlash(), Session.get('at')],
    [{ ok: 'Saved!' }, new Date(0).toJSON()],
  )
  await fake.nextRequest()
  assert.deepEqual(Session.allFlash(), {})
})

test('a fake that another one has taken the place of does not end that one', (t) => {
  const first = Session.fake()
  const second = Session.fake({ mine: 1 })
  t.after(() => second.restore())

  first.restore()

  assert.equal(Session.get('mine'), 1)
})
