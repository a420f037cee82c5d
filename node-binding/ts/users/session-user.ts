/**
 * Is the user's side of one session: whose it is, and what has to be done about that.
 *
 *   opened   the mark was checked                      mark
 *   in use   signIn, leave                             another mark, and ends to be written down
 *   saved    the data name another user than the mark  sign in, or leave
 *            the check was long ago                    check again
 *
 * The second check bounds for how long after its end a session can still be saved: no longer
 * than the end is remembered.
 */

import { SessionUsersError } from '../errors.js'
import { deviceLabel } from './device-label.js'
import type { Mark } from './mark.js'
import { addMark } from './marked-text.js'
import { indexIdOf, isUserKey, type UserKey } from './names.js'
import type { Device, UserSessions } from './user-sessions.js'

/** A session of the user, as seen from another one. */
export interface SessionDevice extends Device {
  /** Whether it is the session that was asked. */
  current: boolean
}

/** What a save of the session has to take notice of. */
export type Followed = 'entered' | 'left' | 'over' | 'same'

/** The sessions of an engine's users, and how its sessions take part. */
export interface UserBinding {
  sessions: UserSessions
  /** The key of the data that says who the user is. */
  key: string | null
  /** For how long after a check a session may be saved without another one. */
  checkedForSeconds: number
}

/** The user of one session. */
export class SessionUser {
  /** The text that was loaded, to the letter. */
  readonly loadedText: string | null
  readonly #binding: UserBinding
  #mark: Mark | null
  #checkedAtMs = Date.now()
  #userAgent: string | undefined
  #ends: Mark[] = []

  constructor(binding: UserBinding, loadedText: string | null, mark: Mark | null) {
    this.#binding = binding
    this.loadedText = loadedText
    this.#mark = mark
  }

  get sessions(): UserSessions {
    return this.#binding.sessions
  }

  get key(): string | null {
    return this.#binding.key
  }

  get mark(): Mark | null {
    return this.#mark
  }

  /** The client software, for a label. */
  set userAgent(userAgent: string | undefined) {
    this.#userAgent = userAgent
  }

  async signIn(user: UserKey, label?: string): Promise<void> {
    const words = label ?? deviceLabel(this.#userAgent)
    this.#mark = await this.sessions.signIn(user, words, this.#mark)
    this.#checkedAtMs = Date.now()
  }

  /** The session is nobody's from now on. The index is told by `settleEnds`. */
  leave(): void {
    if (this.#mark !== null) this.#ends.push(this.#mark)
    this.#mark = null
  }

  /** Writes the ends down. What fails is tried again next time. */
  async settleEnds(): Promise<void> {
    for (let end = this.#ends[0]; end !== undefined; end = this.#ends[0]) {
      await this.sessions.end(end)
      this.#ends.shift()
    }
  }

  /** Whether `follow` has anything to do. */
  isBehind(value: unknown): boolean {
    return this.#ends.length > 0 || this.#namesAnother(value) || this.#isCheckOld()
  }

  /**
   * Has the index know what the data say.
   *
   * @param value What stands under `key`.
   * @throws {SessionUsersError} if that is no key of a user.
   */
  async follow(value: unknown): Promise<Followed> {
    await this.settleEnds()
    if (this.#mark !== null && this.#isCheckOld()) {
      if (!(await this.sessions.check(this.#mark, true))) return 'over'
      this.#checkedAtMs = Date.now()
    }
    if (!this.#namesAnother(value)) return 'same'
    if (isNobody(value)) {
      this.leave()
      await this.settleEnds()
      return 'left'
    }
    if (!isUserKey(value)) throw new SessionUsersError('KEY', `${this.key} is no key of a user`)
    await this.signIn(value)
    return 'entered'
  }

  /** The text of a record, with the mark if there is one. */
  addTo(text: string): string {
    return this.#mark === null ? text : addMark(text, this.#mark)
  }

  #namesAnother(value: unknown): boolean {
    if (this.key === null) return false
    if (isNobody(value)) return this.#mark !== null
    return !isUserKey(value) || indexIdOf(value) !== this.#mark?.index
  }

  #isCheckOld(): boolean {
    const ageMs = Date.now() - this.#checkedAtMs
    return this.#mark !== null && Math.abs(ageMs) > this.#binding.checkedForSeconds * 1000
  }
}

function isNobody(value: unknown): boolean {
  return value === undefined || value === null
}
