/**
 * Tests sessions without a server and without waiting: for the tests of applications.
 *
 *   const kit = sessionKit({ lifetime: 30 })
 *   const visitor = kit.visitor()
 *   await visitor.request((session) => session.put('user', 1))
 *   kit.clock.advance({ minutes: 31 })
 *   await visitor.request((session) => assert.equal(session.get('user'), undefined))
 *   kit.close()
 *
 * Requests go through the same engine as those of an adapter, with sessions in memory or in the
 * cookie: other stores have clocks of their own.
 */

import { resolveConfig, type SessionOptions, withDefaults } from './config.js'
import { SessionEngine } from './engine.js'
import { closeSession, noteUserAgent, openSession } from './request.js'
import { _runWithSession } from './session.js'
import type { SessionInstance } from './session-instance.js'
import { expiresAtMs, ttlSecondsOf } from './time.js'

export { FakeSession } from './fake-session.js'

/** Options of a kit: everything has a default. */
export interface KitOptions extends Partial<Omit<SessionOptions, 'driver'>> {
  /** Default `memory`. */
  driver?: 'memory' | 'cookie'
}

/** Sessions under a clock that stands still until it is moved. */
export interface SessionKit {
  readonly clock: TestClock
  readonly engine: SessionEngine
  /** A browser without a cookie. */
  visitor(): Visitor
  /** Lets the clock go again, and the sessions with it. */
  close(): void
}

/** A kit. One at a time: the clock is that of the whole process. */
export function sessionKit(options: KitOptions = {}): SessionKit {
  const whole = { driver: 'memory', secret: 'of a test kit', ...options } as const
  const engine = new SessionEngine(resolveConfig(withDefaults(whole), false))
  const clock = new TestClock()
  return {
    clock,
    engine,
    visitor: () => new Visitor(engine),
    close: () => {
      clock.release()
      engine.close()
    },
  }
}

/** Takes the place of `Date.now`, and stands still until it is moved. */
export class TestClock {
  readonly #real = Date.now
  #nowMs: number

  constructor(nowMs: number = Date.now()) {
    this.#nowMs = nowMs
    Date.now = () => this.#nowMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  set(nowMs: number): void {
    this.#nowMs = nowMs
  }

  advance(by: { minutes?: number; seconds?: number; ms?: number }): void {
    const { minutes = 0, seconds = 0, ms = 0 } = by
    this.#nowMs = expiresAtMs(this.#nowMs, ttlSecondsOf(minutes) + seconds) + ms
  }

  /** Puts the real clock back. */
  release(): void {
    Date.now = this.#real
  }
}

/** What one request left behind. */
export interface Requested<T> {
  /** What the handler answered. */
  answer: T
  session: SessionInstance
  /** The text of the `Set-Cookie` header, or `null` if none would be sent. */
  setCookie: string | null
}

/** A browser that keeps the session cookie from one request to the next. */
export class Visitor {
  readonly #engine: SessionEngine
  /** The value of its session cookie. Another visitor that is given it has the same session. */
  cookie: string | null = null
  /** What it says of itself, for the list of a user's devices. */
  userAgent: string | undefined

  constructor(engine: SessionEngine) {
    this.#engine = engine
  }

  /** Runs `handler` as a request of this visitor, with its session as the current one. */
  async request<T>(handler: (session: SessionInstance) => T): Promise<Requested<Awaited<T>>> {
    const { name } = this.#engine.config.cookie
    const header = this.cookie === null ? '' : `${name}=${this.cookie}`
    const session = await openSession(this.#engine, header)
    noteUserAgent(session, this.userAgent)
    let setCookie: string | null = null
    let answer: Awaited<T>
    try {
      answer = await _runWithSession(session, () => handler(session))
    } finally {
      setCookie = await closeSession(session)
      if (setCookie !== null) this.cookie = cookieIn(setCookie)
    }
    return { answer, session, setCookie }
  }
}

/** The value in a `Set-Cookie` text; `null` if the cookie is taken back. */
function cookieIn(setCookie: string): string | null {
  const [pair = ''] = setCookie.split(';')
  return pair.slice(pair.indexOf('=') + 1) || null
}
