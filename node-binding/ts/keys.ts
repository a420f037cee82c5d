/**
 * Reads the secrets of a configuration, from where they are.
 *
 *   'text'                            the secret itself
 *   { secret: 'text', until }         the same; verifies until that instant
 *   { env: 'NAME', until }            an environment variable
 *   { file: '/run/secrets/x', until } a file, with a secret in each line, the newest first
 *   [ .. ]                            several of these: the first secret signs, all verify
 *
 * Read when an engine is made, and again when it is told to `reload`: nothing is watched.
 */

import { isUtf8 } from 'node:buffer'
import { closeSync, openSync, readSync } from 'node:fs'
import { inProduction } from './environment.js'
import { instantMs } from './instant.js'
import { invalid } from './refusals.js'
import { PLACEHOLDER_SECRET } from './secret.js'

/** One secret, or the place where secrets are. */
export type SecretEntry =
  | string
  | ({ until?: Date | string | number | undefined } & (
      | { secret: string }
      | { env: string }
      | { file: string }
    ))

/** What `secret` may be in a configuration. */
export type SecretSource = SecretEntry | readonly SecretEntry[]

/** A secret, and the last instant at which it verifies, in Unix milliseconds. */
export interface SessionKey {
  secret: string
  untilMs: number
}

/** @throws {SessionConfigError} that names `secret`, and never shows one. */
export function readKeys(source: unknown): SessionKey[] {
  const entries: unknown[] = Array.isArray(source) ? source : [source]
  const keys = entries.flatMap(readEntry)
  if (keys.length === 0) throw invalid('secret', 'expected at least one')
  for (const { secret } of keys) {
    if (secret.trim() === '') throw invalid('secret', 'it is empty')
    if (secret.trim() === PLACEHOLDER_SECRET) {
      throw invalid('secret', `"${PLACEHOLDER_SECRET}" is public, so anybody could forge a session`)
    }
  }
  if (keys[0]?.untilMs !== Number.POSITIVE_INFINITY) {
    throw invalid('secret', 'the first one signs, so it cannot have an end')
  }
  return keys
}

/** Says once in a process that a secret is easy to guess. In production, where it matters. */
export function warnOfWeakKeys(keys: SessionKey[]): void {
  if (warned || !inProduction() || !keys.some(({ secret }) => isWeak(secret))) return
  warned = true
  console.warn(WEAK)
}

function readEntry(entry: unknown): SessionKey[] {
  if (typeof entry === 'string') return [{ secret: entry, untilMs: Number.POSITIVE_INFINITY }]
  if (typeof entry !== 'object' || entry === null) throw invalid('secret', EXPECTED)
  const { until } = entry as { until?: unknown }
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : instantMs('secret.until', until)
  return secretsIn(entry as Record<string, unknown>).map((secret) => ({ secret, untilMs }))
}

function secretsIn({ secret, env, file }: Record<string, unknown>): string[] {
  if (typeof secret === 'string') return [secret]
  if (typeof env === 'string') {
    const value = process.env[env]?.trim()
    if (!value) throw invalid('secret.env', `the environment has no ${JSON.stringify(env)}`)
    return [value]
  }
  if (typeof file !== 'string') throw invalid('secret', EXPECTED)
  const lines = readText(file).split('\n')
  const secrets = lines.map((line) => line.trim()).filter((line) => line !== '')
  if (secrets.length === 0) throw invalid('secret.file', `${JSON.stringify(file)} is empty`)
  return secrets
}

function readText(file: string): string {
  const bytes = Buffer.alloc(MAX_FILE_BYTES + 1)
  try {
    const read = bytes.subarray(0, readStart(file, bytes))
    if (read.length > MAX_FILE_BYTES) throw refused(file, 'has more than 64 KiB')
    if (!isUtf8(read)) throw refused(file, 'is not UTF-8')
    return read.toString('utf8')
  } finally {
    // What is left in memory is the strings, which JavaScript cannot wipe.
    bytes.fill(0)
  }
}

/** Fills the buffer from the file, as far as there is anything. Answers with how many bytes. */
function readStart(file: string, bytes: Buffer): number {
  try {
    const descriptor = openSync(file, 'r')
    try {
      let length = 0
      let more = -1
      while (more !== 0 && length < bytes.length) {
        more = readSync(descriptor, bytes, length, bytes.length - length, null)
        length += more
      }
      return length
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw refused(file, `cannot be read (${code})`)
  }
}

function refused(file: string, why: string): Error {
  return invalid('secret.file', `${JSON.stringify(file)} ${why}`)
}

/** Less than 32 bytes, or so few different characters that it cannot have been made at random. */
function isWeak(secret: string): boolean {
  return Buffer.byteLength(secret) < STRONG_BYTES || new Set(secret).size < STRONG_CHARACTERS
}

let warned = false

/** One that has more is another file. */
const MAX_FILE_BYTES = 65_536

const STRONG_BYTES = 32
const STRONG_CHARACTERS = 8

const EXPECTED = 'expected a string, { secret }, { env } or { file }, or a list of these'

const WEAK =
  '[Rudder][session] A session secret is easy to guess: it has fewer than 32 bytes, or few ' +
  'different characters. Make one of 32 random bytes, such as by `openssl rand -base64 32`.'
