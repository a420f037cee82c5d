/**
 * Says which field of a configuration is wrong, and how.
 *
 * No message repeats more of a value than a few characters, and none of a secret or a URL.
 */

import { SessionConfigError } from './errors.js'

/** An error that names the field. */
export function invalid(field: string, reason: string): SessionConfigError {
  return new SessionConfigError(field, `[Rudder][session] Invalid ${field}: ${reason}.`)
}

export function oneOf(field: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.includes(value as string)) {
    throw invalid(field, `expected one of ${allowed.join(', ')}, got ${shown(value)}`)
  }
}

export function positiveInteger(field: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw invalid(field, `expected a whole number of at least 1, got ${shown(value)}`)
  }
  return value as number
}

export function flag(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(field, `expected a boolean, got ${shown(value)}`)
  return value
}

/** A wrong value as an error message may show it: short, and on one line. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value).slice(0, 40)
}
