/** Errors are told apart by class and code, say whether to try again, and keep what led to them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  SessionConfigError,
  SessionError,
  SessionNativeError,
  SessionPayloadError,
  SessionStoreError,
} from '@rudderjs/session-native'
import { fromFault, fromNative } from '../dist/errors.js'

function nativeError(fields: object): Error {
  return Object.assign(new Error('field.name: what is wrong'), fields)
}

const translations: [fields: object, expected: new (...args: never[]) => SessionError, object][] = [
  [
    { code: 'ERR_SESSION_CONFIG' },
    SessionConfigError,
    { code: 'ERR_SESSION_CONFIG', field: 'field.name', retryable: false },
  ],
  [
    { code: 'ERR_SESSION_PAYLOAD' },
    SessionPayloadError,
    { code: 'ERR_SESSION_PAYLOAD', retryable: false },
  ],
  [
    { code: 'ERR_SESSION_STORE_BUSY', retryable: true },
    SessionStoreError,
    { code: 'ERR_SESSION_STORE_BUSY', retryable: true, saved: false, status: 503 },
  ],
  [
    { code: 'ERR_SESSION_STORE_SERVER' },
    SessionStoreError,
    { code: 'ERR_SESSION_STORE_SERVER', retryable: false, saved: false, status: 503 },
  ],
  // As another copy of this module throws it.
  [
    { code: 'ERR_SESSION_STORE_BUSY', retryable: true, saved: true },
    SessionStoreError,
    { code: 'ERR_SESSION_STORE_BUSY', retryable: true, saved: true, status: 503 },
  ],
]
for (const [fields, Expected, properties] of translations) {
  test(`${JSON.stringify(fields)} of the addon is a ${Expected.name} with that error as its cause`, () => {
    const native = nativeError(fields)

    const error = fromNative(native)

    assert.ok(error instanceof Expected && error instanceof SessionError)
    assert.equal(error.name, Expected.name)
    assert.equal(error.cause, native)
    assert.deepEqual({ ...error }, { name: Expected.name, ...properties })
  })
}

test('an error that is not of this package passes as it is', () => {
  const foreign = [new TypeError('x'), nativeError({ code: 'ENOENT' }), 'text', undefined]
  const own = new SessionNativeError('missing', { cause: foreign[0] })

  for (const error of [...foreign, own]) assert.equal(fromNative(error), error)
  assert.deepEqual([own.code, own.retryable, own.cause], ['ERR_SESSION_NATIVE', false, foreign[0]])
})

test('a fault that is no error has no cause', () => {
  const fault = { code: 'ERR_SESSION_STORE_TIMEOUT', message: 'late', retryable: true, saved: true }

  const error = fromFault(fault)

  assert.ok(error instanceof SessionStoreError)
  assert.deepEqual([error.saved, error.retryable, 'cause' in error], [true, true, false])
})

test('an error after which the session is saved all the same leads back to the first one', () => {
  const first = new SessionStoreError('ERR_SESSION_STORE_TIMEOUT', 'late', { retryable: true })

  const error = first.butSaved()

  assert.deepEqual(
    [error.code, error.message, error.retryable, error.saved, error.cause],
    ['ERR_SESSION_STORE_TIMEOUT', 'late', true, true, first],
  )
})
