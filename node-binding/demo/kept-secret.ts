/**
 * Keeps a secret that outlives the process, in a file that only its owner can read.
 *
 *   43 characters of base64url: 32 random bytes
 *
 * Sessions in a file are worth something after a restart only if their cookies still verify.
 */

import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

/**
 * The secret in the file at `path`, which is made with a new one if it is not there.
 *
 * @throws {Error} if the system does not let us, or if the file holds something else.
 */
export function keptSecret(path: string): string {
  const fresh = randomBytes(32).toString('base64url')
  try {
    // Of two processes that start at once one makes the file, and the other reads it.
    writeFileSync(path, fresh, { flag: 'wx', mode: 0o600 })
    return fresh
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const kept = readFileSync(path, 'utf8').trim()
  if (!SECRET.test(kept)) throw new Error(`no secret in ${path}; remove that file`)
  return kept
}

const SECRET = /^[\w-]{43}$/
