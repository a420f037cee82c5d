/**
 * Is what a handler sees of the data and the flash of a session.
 *
 *   data    what put, increment and remember keep; gone by forget, pull and flush
 *   flash   what the previous request left by flash; this request reads it, and may keep it
 *
 * Values are held by reference and become JSON only when saved. Knows no driver, no cookie and no
 * user: who saves a session, and when, is session-instance's to say.
 */

import { type PlainObject, setOwn } from './bag.js'
import type { KnownKey, SessionData, ValueOf } from './session-data.js'
import type { SessionState } from './session-state.js'

/** The values of the session of the current request. */
export class SessionValues {
  readonly #state: SessionState

  constructor(state: SessionState) {
    this.#state = state
  }

  /** The value of `key`, or `fallback` if there is none. */
  get<K extends KnownKey>(key: K): SessionData[K] | undefined
  get<K extends KnownKey>(key: K, fallback: SessionData[K]): SessionData[K]
  get<T = unknown>(key: string): T | undefined
  get<T>(key: string, fallback: T): T
  get<T>(key: string, fallback?: T): T | undefined {
    const value = this.#state.payload.data.get(key, fallback) as T | undefined
    if (this.#state.nested !== null && value !== fallback) this.#state.nested.watch(key, value)
    return value
  }

  /** Reads a value and removes it. */
  pull<T = unknown>(key: string): T | undefined
  pull<T>(key: string, fallback: T): T
  pull<T>(key: string, fallback?: T): T | undefined {
    const value = this.get(key, fallback)
    this.forget(key)
    return value
  }

  /**
   * Keeps `value` under `key` until it is forgotten.
   *
   * Held by reference: what is changed in it before the response is saved too, as long as
   * something marks the session dirty.
   */
  put<K extends string>(key: K, value: ValueOf<K>): void {
    this.#state.payload.data.set(key, value)
    this.#state.dirty = true
  }

  /**
   * Adds `by` to the number under `key`, which is 0 if there is none. Answers the sum.
   *
   * Of two requests that count at the same time only one counts: the later save has the key.
   *
   * @throws {TypeError} if there is something else under `key`.
   */
  increment(key: string, by = 1): number {
    const before = this.get<unknown>(key, 0)
    if (typeof before !== 'number') {
      throw new TypeError(`[Rudder Session] increment(): ${JSON.stringify(key)} is no number.`)
    }
    const sum = before + by
    this.put<string>(key, sum)
    return sum
  }

  /** The value of `key`. If there is none, what `make` answers, which is kept from now on. */
  async remember<T>(key: string, make: () => T | Promise<T>): Promise<T> {
    if (this.has(key)) return this.get<T>(key) as T
    const value = await make()
    this.put<string>(key, value)
    return value
  }

  /** Removes one value. */
  forget(key: string): void {
    this.#state.payload.data.delete(key)
    this.#state.dirty = true
  }

  /**
   * Empties the data; id and flash stay. Elsewhere "flush" also ends the session: to log out,
   * call `regenerate()` as well.
   */
  flush(): void {
    this.#state.payload.clearData()
    this.#state.dirty = true
  }

  /** Leaves a value for the next request only, which reads it with `getFlash`. */
  flash(key: string, value: unknown): void {
    setOwn(this.#state.flashNext, key, value)
    this.#state.dirty = true
  }

  /** Leaves a value for this request only, which reads it with `getFlash` as if it was flashed. */
  now(key: string, value: unknown): void {
    this.#state.payload.flash.set(key, value)
  }

  /** A value that the previous request flashed. */
  getFlash<T = unknown>(key: string): T | undefined
  getFlash<T>(key: string, fallback: T): T
  getFlash<T>(key: string, fallback?: T): T | undefined {
    return this.#state.payload.flash.get(key, fallback) as T | undefined
  }

  /** A shallow copy of everything that the previous request flashed. */
  allFlash(): PlainObject {
    return { ...this.#state.payload.flash.toObject() }
  }

  /** Carries the whole flash of the previous request over to the next one. */
  reflash(): void {
    this.keep(this.#state.payload.flash.keys())
  }

  /** Carries some of the flash of the previous request over to the next one. */
  keep(keys: string | readonly string[]): void {
    const { flash } = this.#state.payload
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      if (flash.has(key)) setOwn(this.#state.flashNext, key, flash.get(key, undefined))
    }
    this.#state.dirty = true
  }

  has(key: string): boolean {
    return this.#state.payload.data.has(key)
  }

  /** A shallow copy of the data. */
  all(): PlainObject {
    const all = { ...this.#state.payload.data.toObject() }
    if (this.#state.nested !== null) {
      for (const key of Object.keys(all)) this.#state.nested.watch(key, all[key])
    }
    return all
  }

  /** Some of the data: those of `keys` that are there. */
  only(keys: readonly string[]): PlainObject {
    const some: PlainObject = {}
    for (const key of keys) if (this.has(key)) setOwn(some, key, this.get(key))
    return some
  }

  /** The data without `keys`. */
  except(keys: readonly string[]): PlainObject {
    const rest = this.all()
    for (const key of keys) delete rest[key]
    return rest
  }
}
