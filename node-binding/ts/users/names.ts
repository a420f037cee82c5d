/**
 * Names what belongs to a user: the index record, and the handles of its sessions.
 *
 *   user key  --SHA-256-->  "u" + 43 characters      an index record; the same on every host
 *   session   --random--->  22 characters            a handle: given to pages, opens nothing
 *
 * Knows no record and no store.
 */

import { createHash, randomBytes } from 'node:crypto'
import { SessionUsersError } from '../errors.js'

/** Whoever may sign in: what the application knows the user by. */
export type UserKey = string | number

/** @throws {SessionUsersError} with `ERR_SESSION_USERS_KEY` if `user` cannot be a user's key. */
export function indexIdOf(user: UserKey): string {
  return `u${digest(INDEX_DOMAIN, userText(user)).toString('base64url')}`
}

/** Whether `id` names an index record, and so can be no session's. */
export function isIndexId(id: string): boolean {
  return id.length === INDEX_ID_LENGTH && INDEX_ID.test(id)
}

export function newHandle(): string {
  return randomBytes(HANDLE_BYTES).toString('base64url')
}

/**
 * The handle of a session that has none yet: the same in each of its parallel requests, and
 * again for a cookie that is sent after the session was signed out.
 */
export function adoptedHandle(sessionId: string): string {
  return digest(ADOPTED_DOMAIN, sessionId).subarray(0, HANDLE_BYTES).toString('base64url')
}

export function isHandle(text: unknown): text is string {
  return typeof text === 'string' && HANDLE.test(text)
}

/** Whether `value` could be a user's key; of any size. */
export function isUserKey(value: unknown): value is UserKey {
  return typeof value === 'string' || typeof value === 'number'
}

function userText(user: UserKey): string {
  const text = isUserKey(user) ? String(user) : ''
  const bytes = Buffer.byteLength(text)
  // Unpaired surrogates would all become one replacement character, and two users one.
  if (bytes === 0 || bytes > MOST_KEY_BYTES || UNPAIRED.test(text)) {
    throw new SessionUsersError(
      'KEY',
      `expected a user's key of 1 to ${MOST_KEY_BYTES} bytes of text, or a number`,
    )
  }
  return text
}

function digest(domain: string, text: string): Buffer {
  return createHash('sha256').update(`${domain}\0${text}`, 'utf8').digest()
}

const INDEX_DOMAIN = 'rudder-session/user-index/v1'
const ADOPTED_DOMAIN = 'rudder-session/adopted-handle/v1'

const MOST_KEY_BYTES = 256
const HANDLE_BYTES = 16
const INDEX_ID_LENGTH = 44

/** The last character stands for four bits of the hash, or two of the handle; the rest is zero. */
const INDEX_ID = /^u[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const HANDLE = /^[A-Za-z0-9_-]{21}[AQgw]$/
const UNPAIRED = /\p{Surrogate}/u
