/**
 * Is all that a request knows of its session, and the steps that change several parts of it.
 *
 *   payload, flashNext            what to save
 *   dirty, moves, isLoggedOut     why, and how
 *   savedAs, leftovers            what the driver holds by now
 *   stamp, user, outage           whose it is, and until when
 *
 * What changes a value marks it dirty in the same step; only a save makes it clean. Writes no
 * text and no cookie.
 */

import type { PlainObject } from './bag.js'
import type { SessionConfig } from './config.js'
import { isRecordDriver, type RecordDriver, type SessionDriver } from './driver.js'
import { type SessionStoreError, SessionUsersError } from './errors.js'
import { idMaker } from './ids.js'
import { LazyPayload } from './lazy-payload.js'
import { NestedChanges } from './nested-changes.js'
import { freshPayload, type SessionPayload, type SessionRecord } from './payload.js'
import { Stamp } from './stamp.js'
import type { SessionUser } from './users/session-user.js'

/** What a request knows of its session. */
export class SessionState {
  payload: LazyPayload
  /** What the next request will find. */
  flashNext: PlainObject = {}
  dirty: boolean
  /** Why the visitor's session is out of reach. */
  outage: SessionStoreError | null = null
  /** What the driver holds since this session was saved. */
  savedAs: SessionRecord | null = null
  everSaved = false
  unsentCookie: string | null = null
  /** Whether there was a logout, after which a cookie without a session is taken back. */
  isLoggedOut = false
  stamp: Stamp | null = null
  /** Whose it is, if users are known. */
  user: SessionUser | null = null
  /** Whether it came with a cookie of v1, and gets an id of v2 when it is saved. */
  moves = false
  readonly nested: NestedChanges | null
  readonly driver: SessionDriver
  readonly config: SessionConfig
  /** Ids whose records are to go and may still be there. */
  #leftovers: Set<string> | null = null

  constructor(payload: SessionPayload | LazyPayload, driver: SessionDriver, config: SessionConfig) {
    this.payload = payload instanceof LazyPayload ? payload : LazyPayload.of(payload)
    // Incoming flash is consumed by this request, read or not, so the record must change.
    this.dirty = this.payload.hasFlash
    this.driver = driver
    this.config = config
    this.nested = config.warnOnNestedChange === true ? new NestedChanges() : null
  }

  /** Gives it a fresh id. See `SessionInstance.regenerate`. */
  async regenerate(): Promise<void> {
    const old = this.payload.id
    this.payload.id = idMaker(this.config.format)()
    this.moves = false
    this.dirty = true
    if (this.outage || this.records) return
    this.addLeftover(old)
    await this.removeLeftovers()
  }

  /** Ends it, and begins another one. See `SessionInstance.logout`. */
  async end(): Promise<void> {
    this.#abandonRecord()
    this.payload = LazyPayload.loaded(null, idMaker(this.config.format))
    this.flashNext = {}
    this.dirty = true
    this.user?.leave()
    if (this.stamp) this.stamp = Stamp.now(this.config.absoluteLifetime ?? 0)
    await this.removeLeftovers()
  }

  /** Has the data go on as another session, which nothing ties to this one. */
  becomeNew(): void {
    const fresh = freshPayload(idMaker(this.config.format))
    fresh.data = this.payload.data.toObject()
    fresh.flash_next = this.payload.flash.toObject()
    this.#abandonRecord()
    this.payload = LazyPayload.of(fresh)
  }

  /** @throws {SessionUsersError} if the configuration has no `users`. */
  requireUser(): SessionUser {
    if (this.outage) throw this.outage
    if (this.user === null) {
      throw new SessionUsersError('OFF', 'the configuration has no users, which this call needs')
    }
    return this.user
  }

  /** The driver, if it can save onto the record that this session came from. */
  get records(): RecordDriver | null {
    return this.payload.isKnown && isRecordDriver(this.driver) ? this.driver : null
  }

  get isFreshAndEmpty(): boolean {
    const { isFresh, data } = this.payload
    return isFresh && data.isEmpty() && Object.keys(this.flashNext).length === 0
  }

  addLeftover(id: string): void {
    this.#leftovers ??= new Set()
    this.#leftovers.add(id)
  }

  async removeLeftovers(): Promise<void> {
    // First, so that a cookie that is sent again meets it.
    await this.user?.settleEnds()
    for (const id of this.#leftovers ?? []) {
      await this.driver.destroy(id)
      this.#leftovers?.delete(id)
    }
  }

  /** Has the record go, and what is saved next be another session. */
  #abandonRecord(): void {
    const { isFresh, record, id } = this.payload
    if (!isFresh) this.addLeftover(record?.id ?? id)
    if (this.savedAs) this.addLeftover(this.savedAs.id)
    this.moves = false
    this.savedAs = null
    this.everSaved = false
    this.isLoggedOut = true
  }
}
