/** What `rudder doctor` says about an environment. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DoctorResult, registeredChecks } from '@rudderjs/console'
import '@rudderjs/session-native/rudderjs/doctor'
import { setEnvironment } from './support.js'

type Row = [status: DoctorResult['status'], environment: Record<string, string>, why: string]

const LONG = 'x'.repeat(32)

const rows: Record<string, Row[]> = {
  'session:secret': [
    ['error', {}, 'nothing is set'],
    ['error', { SESSION_SECRET: '  ', APP_KEY: ' ' }, 'only spaces are set'],
    ['error', { SESSION_SECRET: 'change-me-in-production' }, 'the placeholder is all there is'],
    ['warn', { SESSION_SECRET: 'change-me-in-production', APP_KEY: 'k' }, 'APP_KEY steps in'],
    ['ok', { APP_KEY: 'k' }, 'APP_KEY signs'],
    ['warn', { SESSION_SECRET: 'x'.repeat(31) }, 'it is short'],
    ['ok', { SESSION_SECRET: LONG }, 'it is long enough'],
    ['ok', { SESSION_SECRET: LONG, APP_KEY: 'k' }, 'both are set'],
  ],
  'session:cookie-secure': [
    ['ok', {}, 'this is not production'],
    ['ok', { NODE_ENV: 'development', SESSION_SECURE: 'false' }, 'this is development'],
    ['warn', { NODE_ENV: 'production' }, 'nothing says that it is on'],
    ['warn', { APP_ENV: 'production' }, 'the framework says production'],
    ['warn', { NODE_ENV: 'production', SESSION_SECURE: 'false' }, 'it is off'],
    ['ok', { NODE_ENV: 'production', SESSION_SECURE: 'true' }, 'it is on'],
    ['ok', { NODE_ENV: 'production', SESSION_SECURE: '1' }, 'it is on in another spelling'],
  ],
}

const UNSET = {
  SESSION_SECRET: undefined,
  APP_KEY: undefined,
  SESSION_SECURE: undefined,
  NODE_ENV: undefined,
  APP_ENV: undefined,
}

test('there are two checks, in the category "auth", and none needs a booted application', () => {
  assert.deepEqual(
    registeredChecks().map(({ id, category }) => [id, category]),
    Object.keys(rows).map((id) => [id, 'auth']),
  )
})

for (const [id, cases] of Object.entries(rows)) {
  for (const [status, environment, why] of cases) {
    test(`${id} is ${status} if ${why}: ${JSON.stringify(environment)}`, async (t) => {
      setEnvironment(t, { ...UNSET, ...environment })
      const check = registeredChecks().find((it) => it.id === id)

      const result = await check?.run()

      assert.equal(result?.status, status)
      assert.equal(result?.fix === undefined, status === 'ok', 'what is wrong comes with a remedy')
      assert.ok(!JSON.stringify(result).includes(LONG), 'no secret is repeated')
    })
  }
}
