/**
 * Fails fast while a server is down, and finds out when it is back.
 *
 *   closed --20 faults in a row--> open --every 200 ms one call goes through--> it succeeds: closed
 *
 * Only faults of the way to the server count: an error that it answers is an answer.
 */

export class Breaker {
  #faults = 0
  #nextProbeMs = 0
  /** Calls that were refused without asking the server. */
  refusals = 0

  /** Whether a call goes through at `clockMs`, of a clock that never goes back. */
  admits(clockMs: number): boolean {
    if (this.#faults < FAULTS) return true
    if (clockMs >= this.#nextProbeMs) {
      // Of all that come when a probe is due, one gets through.
      this.#nextProbeMs = clockMs + PROBE_EVERY_MS
      return true
    }
    this.refusals += 1
    return false
  }

  /** Learns that a call found the server there. */
  reached(): void {
    this.#faults = 0
  }

  /** Learns that a call did not get through to the server, or not back. */
  missed(clockMs: number): void {
    this.#faults += 1
    if (this.#faults === FAULTS) this.#nextProbeMs = clockMs + PROBE_EVERY_MS
  }
}

/** Faults in a row after which the server counts as down. */
const FAULTS = 20

/** How often one call is let through to see whether it is back. */
const PROBE_EVERY_MS = 200
