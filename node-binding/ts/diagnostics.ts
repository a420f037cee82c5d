/**
 * Publishes what drivers do on channels of `node:diagnostics_channel`.
 *
 *   rudder-session:load  :save  :regenerate  :destroy     a call has ended well
 *   rudder-session:error                                  a call has failed
 *
 * No message holds an id, a cookie, a key or a value of a session. Where nobody listens nothing
 * is made.
 */

import { type Channel, channel } from 'node:diagnostics_channel'
import type { DriverName } from './config.js'
import { SessionError } from './errors.js'

/** What a driver can be asked. A save that gives the session another id is a `regenerate`. */
export type OperationName = 'load' | 'save' | 'regenerate' | 'destroy'

/** On `rudder-session:load`, `:save`, `:regenerate` and `:destroy`. */
export interface SessionOperation {
  driver: DriverName
  durationMs: number
  /**
   * Of a load: whether there is such a session. Of a save: whether it was written; it is not if
   * the session is gone. Of a destroy: always `true`.
   */
  done: boolean
}

/** On `rudder-session:error`. */
export interface SessionFailure {
  driver: DriverName
  operation: OperationName
  durationMs: number
  /** The `code` of a SessionError, else the name of the error's class. */
  code: string
  retryable: boolean
}

export function publishEnd(
  operation: OperationName,
  driver: DriverName,
  durationMs: number,
  done: boolean,
): void {
  const { [operation]: channel } = ENDED
  if (channel.hasSubscribers)
    channel.publish({ driver, durationMs, done } satisfies SessionOperation)
}

export function publishFailure(
  operation: OperationName,
  driver: DriverName,
  durationMs: number,
  error: unknown,
): void {
  if (!FAILED.hasSubscribers) return
  const known = error instanceof SessionError
  const code = known ? error.code : error instanceof Error ? error.name : typeof error
  const retryable = known && error.retryable
  FAILED.publish({ driver, operation, durationMs, code, retryable } satisfies SessionFailure)
}

const ENDED: Record<OperationName, Channel> = {
  load: channel('rudder-session:load'),
  save: channel('rudder-session:save'),
  regenerate: channel('rudder-session:regenerate'),
  destroy: channel('rudder-session:destroy'),
}

const FAILED = channel('rudder-session:error')
