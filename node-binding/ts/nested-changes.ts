/**
 * Notices values that were changed in place, of a session that nothing marked dirty. For
 * development: it writes each object that is read as JSON, twice.
 */

/** The objects that one request has read. */
export class NestedChanges {
  readonly #texts = new Map<string, { value: object; text: string | undefined }>()

  /** Remembers how `value` looks, when it is first read. */
  watch(key: string, value: unknown): void {
    if (typeof value !== 'object' || value === null || this.#texts.has(key)) return
    this.#texts.set(key, { value, text: textOf(value) })
  }

  /**
   * Warns of each key whose value looks otherwise by now, once in the life of the process, and of
   * no more keys than a programmer would have made.
   */
  warn(): void {
    for (const [key, { value, text }] of this.#texts) {
      if (warned.has(key) || warned.size === MAX_KEYS || textOf(value) === text) continue
      warned.add(key)
      console.warn(
        `[Rudder][session] The value of ${JSON.stringify(key)} was changed in place, and is not ` +
          'saved: nothing marked the session dirty. Put it again, or call session.markDirty().',
      )
    }
  }
}

/** `undefined` for what JSON cannot hold: saving will say so. */
function textOf(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

const warned = new Set<string>()

const MAX_KEYS = 100
