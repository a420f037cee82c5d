/** Reads the file of recorded cases, and what a case may say in more than one way. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SessionConfigError } from '@rudderjs/session-native'
import { native } from '../../dist/native.js'

/** One recorded case, or a section of them: what fields there are depends on the section. */
export type Case = Record<string, unknown>

/** The file that VECTORS names, or our own. */
export const vectors = JSON.parse(
  readFileSync(
    process.env.VECTORS ?? new URL('../../../tests/vectors/vectors.json', import.meta.url),
    'utf8',
  ),
) as Record<string, unknown>

/** The clock, the secret and the id that cases have unless they say otherwise. */
export const meta = vectors.meta as { now_ms: number; secret: string; session_id: string }

/** Declares each case under its own name, or under the field `titled`. */
export function each<Rest extends unknown[]>(
  cases: Case[],
  titled: string,
  declare: (title: string, given: Case, ...rest: Rest) => void,
  ...rest: Rest
): void {
  for (const given of cases) {
    const value = given[titled] ?? given[`${titled}_utf16`] ?? null
    declare(typeof given.name === 'string' ? given.name : JSON.stringify(value), given, ...rest)
  }
}

/** A text that is given as a string, as UTF-16 code units, or as a piece and how often. */
export function textOf(given: Case, field: string): string | undefined {
  const plain = given[field]
  if (typeof plain === 'string') return plain
  const units = given[`${field}_utf16`]
  if (Array.isArray(units)) return String.fromCharCode(...(units as number[]))
  const repeat = given[`${field}_repeat`]
  if (Array.isArray(repeat)) return String(repeat[0]).repeat(Number(repeat[1]))
  return undefined
}

/**
 * Compares a result with what the case records of it: the text itself, its length, its SHA-256.
 * Answers how many of those there were.
 */
export function agrees(given: Case, field: string, actual: string): number {
  const recorded: [string, () => unknown][] = [
    [field, () => actual],
    [`${field}_len`, () => actual.length],
    [`${field}_sha256`, () => createHash('sha256').update(actual).digest('hex')],
  ]
  const found = recorded.filter(([name]) => given[name] !== undefined)
  for (const [name, value] of found) assert.equal(value(), given[name], name)
  return found.length
}

export function isLegalLifetime(minutes: unknown): boolean {
  return typeof minutes === 'number' && Number.isFinite(minutes * 60_000) && minutes > 0
}

export function refusedField(field: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SessionConfigError)
    assert.equal(error.field, field)
    return true
  }
}

export function codecOf(secret: string) {
  return native().createCodec([secret])
}

export function isCanonical(text: string, length = text.length): boolean {
  return text.length === length && Buffer.from(text, 'base64url').toString('base64url') === text
}
