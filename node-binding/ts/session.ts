/**
 * Finds the session of the current request from anywhere in its call tree.
 *
 * The AsyncLocalStorage lives on globalThis: two copies of this module, as bundlers and reloads
 * make them, must see the same session.
 */

import { AsyncLocalStorage } from 'node:async_hooks'
import { FakeSession, fakeSession } from './fake-session.js'
import type { KnownKey, SessionData, ValueOf } from './session-data.js'
import type { SessionInstance } from './session-instance.js'
import type { UserKey } from './users/names.js'
import type { SessionDevice } from './users/session-user.js'

/** The session of the current request, as static methods. */
export class Session {
  /** The current session, or `null` outside a request that has one. */
  static maybeCurrent(): SessionInstance | null {
    return storage().getStore() ?? fakeSession.current
  }

  /**
   * Makes a session with `data` in it the current one wherever there is none, for tests of code
   * that uses the facade. It lasts until it is restored, or another one is made.
   *
   * @example
   * const fake = Session.fake({ user: 1 })
   * await checkout()
   * assert.deepEqual(fake.session.get('cart'), [])
   * fake.restore()
   */
  static fake(data: Record<string, unknown> = {}): FakeSession {
    return new FakeSession(data)
  }

  /** Whether there is a current session. */
  static active(): boolean {
    return Session.maybeCurrent() !== null
  }

  /** @throws {Error} outside a request that has a session. So does all that follows. */
  static current(): SessionInstance {
    const session = Session.maybeCurrent()
    if (session === null) throw new Error(NO_SESSION)
    return session
  }

  static get<K extends KnownKey>(key: K): SessionData[K] | undefined
  static get<K extends KnownKey>(key: K, fallback: SessionData[K]): SessionData[K]
  static get<T = unknown>(key: string): T | undefined
  static get<T>(key: string, fallback: T): T
  static get<T>(key: string, fallback?: T): T | undefined {
    return Session.current().get<T | undefined>(key, fallback)
  }

  static pull<T = unknown>(key: string): T | undefined
  static pull<T>(key: string, fallback: T): T
  static pull<T>(key: string, fallback?: T): T | undefined {
    return Session.current().pull<T | undefined>(key, fallback)
  }

  static put<K extends string>(key: K, value: ValueOf<K>): void {
    Session.current().put(key, value)
  }

  static increment(key: string, by = 1): number {
    return Session.current().increment(key, by)
  }

  static remember<T>(key: string, make: () => T | Promise<T>): Promise<T> {
    return Session.current().remember(key, make)
  }

  static forget(key: string): void {
    Session.current().forget(key)
  }

  static flash(key: string, value: unknown): void {
    Session.current().flash(key, value)
  }

  static now(key: string, value: unknown): void {
    Session.current().now(key, value)
  }

  static getFlash<T = unknown>(key: string): T | undefined
  static getFlash<T>(key: string, fallback: T): T
  static getFlash<T>(key: string, fallback?: T): T | undefined {
    return Session.current().getFlash<T | undefined>(key, fallback)
  }

  /** Empty outside a request that has a session: pages that show flash are rendered there too. */
  static allFlash(): Record<string, unknown> {
    return Session.maybeCurrent()?.allFlash() ?? {}
  }

  static reflash(): void {
    Session.current().reflash()
  }

  static keep(keys: string | readonly string[]): void {
    Session.current().keep(keys)
  }

  static has(key: string): boolean {
    return Session.current().has(key)
  }

  static all(): Record<string, unknown> {
    return Session.current().all()
  }

  static only(keys: readonly string[]): Record<string, unknown> {
    return Session.current().only(keys)
  }

  static except(keys: readonly string[]): Record<string, unknown> {
    return Session.current().except(keys)
  }

  static login(userKey: string | number): Promise<void> {
    return Session.current().login(userKey)
  }

  static logout(): Promise<void> {
    return Session.current().logout()
  }

  static signIn(userKey: UserKey, options?: { label?: string }): Promise<void> {
    return Session.current().signIn(userKey, options)
  }

  static devices(): Promise<SessionDevice[]> {
    return Session.current().devices()
  }

  static revoke(handle: string): Promise<boolean> {
    return Session.current().revoke(handle)
  }

  static revokeOthers(): Promise<number> {
    return Session.current().revokeOthers()
  }

  static revokeAll(): Promise<number> {
    return Session.current().revokeAll()
  }

  static touch(): void {
    Session.current().touch()
  }

  static regenerate(): Promise<void> {
    return Session.current().regenerate()
  }

  static flush(): void {
    Session.current().flush()
  }

  static id(): string {
    return Session.current().id()
  }
}

/** Runs `fn`, and all that it awaits or schedules, with `session` as the current one. */
export function _runWithSession<T>(session: SessionInstance, fn: () => T): T {
  return storage().run(session, fn)
}

const STORAGE = Symbol.for('rudderjs.session.storage')

function storage(): AsyncLocalStorage<SessionInstance> {
  const home = globalThis as { [STORAGE]?: AsyncLocalStorage<SessionInstance> }
  home[STORAGE] ??= new AsyncLocalStorage()
  return home[STORAGE]
}

const NO_SESSION =
  '[Rudder Session] Session.current() called with no session in context. The session is ' +
  'installed on the "web" route group only; API routes are stateless. Use ' +
  'Session.maybeCurrent() where there may be none, or mount sessionMiddleware() on the route.'
