/**
 * Converts between the units of time: minutes in the configuration, seconds for stores and
 * cookies, milliseconds for instants. No other file multiplies by 60 or by 1000.
 *
 * Multiplied in the order in which the original package does it, since the last bits of a
 * fraction depend on that.
 */

/** Seconds that a session lives after it was last saved. A fraction if the lifetime is one. */
export function ttlSecondsOf(lifetimeMinutes: number): number {
  return lifetimeMinutes * 60
}

/** Whole seconds from `nowMs` to `instantMs`, rounded up. */
export function secondsUntil(instantMs: number, nowMs: number): number {
  return Math.ceil((instantMs - nowMs) / 1000)
}

/** The instant `ttlSeconds` after `nowMs`, both counted from the Unix epoch. */
export function expiresAtMs(nowMs: number, ttlSeconds: number): number {
  return nowMs + ttlSeconds * 1000
}
