/** Reads an instant from a configuration: a `Date`, its ISO text, or Unix milliseconds. */

import { invalid, shown } from './refusals.js'

/** @throws {SessionConfigError} if it is none of these. */
export function instantMs(field: string, value: unknown): number {
  // A text of digits alone would be a year to Date.parse.
  const isText = typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value)
  if (value instanceof Date || typeof value === 'number' || isText) {
    const at = isText ? Date.parse(value as string) : Number(value)
    if (Math.abs(at) <= LAST_DATE_MS) return at
  }
  const got = value instanceof Date ? 'a Date that is none' : shown(value)
  throw invalid(field, `expected a Date, an ISO date or Unix milliseconds, got ${got}`)
}

/** The last instant that a `Date` can hold. */
const LAST_DATE_MS = 8.64e15
