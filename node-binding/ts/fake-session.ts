/**
 * Is a session without a request: for tests of code that calls the `Session` facade.
 *
 *   fake.session        what that code reads and writes
 *   fake.nextRequest()  what it would find in the next request of the same visitor
 *
 * Nothing is stored or signed.
 */

import type { SessionConfig } from './config.js'
import type { SessionDriver } from './driver.js'
import type { SessionPayload } from './payload.js'
import { SessionInstance } from './session-instance.js'

/** A session that is the current one wherever there is no other. */
export class FakeSession {
  #session: SessionInstance
  readonly #driver = new LastPayload()

  constructor(data: Record<string, unknown>) {
    this.#session = this.#open({ id: 'fake', data: { ...data }, flash_next: {} })
  }

  get session(): SessionInstance {
    return this.#session
  }

  /** Saves the session, and goes on with what was saved: flash moves on by one request. */
  async nextRequest(): Promise<SessionInstance> {
    await this.#session.saveToCookie()
    const { payload } = this.#driver
    if (payload) this.#session = this.#open(payload)
    return this.#session
  }

  /** From now on there is no session again, unless another one was faked since. */
  restore(): void {
    if (fakeSession.current === this.#session) fakeSession.current = null
  }

  #open(payload: SessionPayload): SessionInstance {
    const session = new SessionInstance(payload, this.#driver, CONFIG)
    fakeSession.current = session
    return session
  }
}

/** Keeps what was persisted last, as text and back: what JSON cannot hold does not survive. */
class LastPayload implements SessionDriver {
  payload: SessionPayload | null = null

  async load(): Promise<SessionPayload> {
    throw new Error('A fake session is not loaded.')
  }

  async persist(payload: SessionPayload): Promise<string> {
    this.payload = JSON.parse(JSON.stringify(payload))
    return 'fake'
  }

  async destroy(): Promise<void> {}
}

const CONFIG: SessionConfig = {
  driver: 'memory',
  lifetime: 120,
  secret: 'nothing is signed',
  cookie: { name: 'fake', secure: false, httpOnly: true, sameSite: 'lax', path: '/' },
}

/** On globalThis, as the current session of a request is. */
export const fakeSession = {
  get current(): SessionInstance | null {
    return (globalThis as Home)[FAKE] ?? null
  },
  set current(session: SessionInstance | null) {
    ;(globalThis as Home)[FAKE] = session
  },
}

type Home = { [FAKE]?: SessionInstance | null }

const FAKE = Symbol.for('rudderjs.session.fake')
