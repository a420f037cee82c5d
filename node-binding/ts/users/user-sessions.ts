/**
 * Knows the sessions of each user, and ends them: the rules, over any store of records.
 *
 *   signIn(user)  -->  Mark, which goes into the session's record
 *   check(mark)   -->  live, or over, by the index record that the mark points at
 *
 * An index is read, edited and saved onto what was read; the store merges what others have
 * written meanwhile. So each rule looks at what came out of that, not at what it wrote.
 *
 * Knows no request and no session's data. That the store cannot answer is an error, never an
 * answer.
 */

import { SessionStoreError, SessionUsersError } from '../errors.js'
import { conflict, IndexRecords, type IndexStore } from './index-records.js'
import { LiveVerdicts } from './live-verdicts.js'
import type { Mark } from './mark.js'
import { indexIdOf, newHandle, type UserKey } from './names.js'
import { cleanLabel, type Spans, type UserIndex } from './user-index.js'

/** What happens to a sign-in when the user has as many sessions as are allowed. */
export type WhenFull = 'end-oldest' | 'refuse'

/** The rules of one engine. */
export interface UserRules {
  lifetimeSeconds: number
  maxSessions: number | undefined
  whenFull: WhenFull
  /** How exactly it is known when a session was last seen. */
  seenEverySeconds: number
  /** How long one answer that a session is live is good for in this process. */
  checkEverySeconds: number
}

/** A session of a user, as a page may show it. */
export interface Device {
  /** Names the session, and opens nothing. */
  handle: string
  label: string
  created: Date
  /** When it was last used, to about `seenEverySeconds`. */
  seen: Date
}

/** The sessions of all users of one engine. */
export class UserSessions {
  readonly #records: IndexRecords
  readonly #rules: UserRules
  readonly #spans: Spans
  readonly #verdicts: LiveVerdicts
  readonly #newHandle: () => string

  constructor(store: IndexStore, rules: UserRules, makeHandle = newHandle) {
    this.#newHandle = makeHandle
    this.#rules = rules
    this.#spans = {
      lifetimeMs: Math.ceil(rules.lifetimeSeconds * 1000),
      marginMs: 2 * rules.seenEverySeconds * 1000,
    }
    this.#records = new IndexRecords(store, this.#spans)
    this.#verdicts = new LiveVerdicts(rules.checkEverySeconds * 1000)
  }

  /**
   * The sessions of `user` that are in use, newest seen first.
   *
   * @throws {SessionStoreError} if the store is out of reach. So do all that follow.
   */
  async list(user: UserKey): Promise<Device[]> {
    return this.listIn(indexIdOf(user))
  }

  /** Ends a session of `user`. `false` if there is no such one, or not any more. */
  async revoke(user: UserKey, handle: string): Promise<boolean> {
    return this.revokeIn(indexIdOf(user), handle)
  }

  /** Ends all sessions of `user`, and answers how many were in use. */
  async revokeAll(user: UserKey): Promise<number> {
    return this.revokeAllIn(indexIdOf(user))
  }

  /**
   * Enters a new session of `user`.
   *
   * @param old The mark that the session has so far; that one is over by the time this resolves.
   * @throws {SessionUsersError} with `ERR_SESSION_USERS_FULL` if the user has as many sessions as
   *   are allowed, and `whenFull` is `refuse`. Then nothing has changed.
   */
  async signIn(user: UserKey, label: string, old: Mark | null): Promise<Mark> {
    const index = indexIdOf(user)
    const [handle, entered] = await this.#enter(index, label)
    await this.#makeRoom(index, handle, old?.index === index ? old.handle : null, entered)
    if (old !== null) await this.end(old)
    return { index, handle, epoch: entered.entry(handle)?.epoch ?? entered.epoch }
  }

  /**
   * Whether a session with this mark is in use. One that the index does not name is entered
   * again, if nothing speaks against it: the store may have lost the index.
   *
   * @param isFresh Whether an answer that is known from before will not do.
   */
  async check(mark: Mark, isFresh = false): Promise<boolean> {
    const nowMs = Date.now()
    if (!isFresh && this.#verdicts.has(mark, nowMs)) return true
    const asked = this.#verdicts.now()
    const isLive = await this.#isLive(mark, nowMs)
    if (isLive) this.#verdicts.put(mark, nowMs, asked)
    return isLive
  }

  /** Ends a session, whether the index names it or not. */
  async end({ index, handle, epoch }: Mark): Promise<void> {
    await this.#ending(index, (it, nowMs) => {
      if (it.isEnded(handle)) return false
      if (it.isNew) it.putEpoch(epoch)
      it.end(handle, this.#rememberUntilMs(nowMs))
      return true
    })
  }

  /** @internal The sessions of the user whose index this is. */
  async listIn(index: string): Promise<Device[]> {
    const nowMs = Date.now()
    const it = await this.#records.read(index, nowMs)
    return it.live(nowMs, this.#spans).map(({ handle, label, created, seen }) => {
      return { handle, label: cleanLabel(label), created: new Date(created), seen: new Date(seen) }
    })
  }

  /** @internal @param by Asks for it; if that one is over itself, nothing is done. */
  async revokeIn(index: string, handle: string, by: Mark | null = null): Promise<boolean> {
    let wasLive = false
    await this.#ending(index, (it, nowMs) => {
      if (by !== null && it.verdict(by) === 'over') return false
      wasLive = it.live(nowMs, this.#spans).some((live) => live.handle === handle)
      const isNamed = it.named().includes(handle)
      if (isNamed) it.end(handle, this.#rememberUntilMs(nowMs))
      return isNamed
    })
    return wasLive
  }

  /** @internal Ends all but the session with this mark, unless that one is over itself. */
  async revokeOthers(mark: Mark): Promise<number> {
    // One that the index has lost must be in it before the epoch is raised.
    await this.#healed(mark, Date.now())
    return this.#endAll(mark.index, mark, mark)
  }

  /** @internal @param by As above. */
  async revokeAllIn(index: string, by: Mark | null = null): Promise<number> {
    return this.#endAll(index, null, by)
  }

  async #endAll(index: string, spared: Mark | null, by: Mark | null): Promise<number> {
    let ended = 0
    await this.#ending(index, (it, nowMs) => {
      const own = spared === null ? null : it.entry(spared.handle)
      ended = 0
      if (by !== null && it.verdict(by) === 'over') return false
      ended = it.live(nowMs, this.#spans).filter((live) => live.handle !== spared?.handle).length
      for (const handle of it.named()) {
        if (handle !== spared?.handle) it.end(handle, this.#rememberUntilMs(nowMs))
      }
      // That ends those, too, which the index does not name.
      it.beginEpoch(nowMs)
      if (spared === null) return true
      if (own === null) this.#put(it, spared.handle, '', it.epoch, nowMs)
      else it.putEntry(spared.handle, { ...own, epoch: it.epoch })
      return true
    })
    return ended
  }

  async #isLive(mark: Mark, nowMs: number): Promise<boolean> {
    const found = await this.#healed(mark, nowMs)
    if (found.verdict(mark) !== 'live') return false
    const seen = found.seen(mark.handle)
    const isDue = seen === null || nowMs - seen > this.#rules.seenEverySeconds * 1000
    return isDue ? this.#noteSeen(mark, nowMs) : true
  }

  /** The index of a session, with an entry for it if nothing speaks against that. */
  async #healed(mark: Mark, nowMs: number): Promise<UserIndex> {
    const { index, handle, epoch } = mark
    const found = await this.#records.read(index, nowMs)
    if (found.verdict(mark) !== 'heal') return found
    return this.#records.edit(index, (it) => {
      if (it.verdict(mark) !== 'heal') return false
      if (it.isNew) it.putEpoch(epoch)
      this.#put(it, handle, '', epoch, nowMs)
      const others = this.#others(it, handle, null)
      this.#endAllOf(it, others.slice(MOST_SESSIONS - 1), nowMs)
      return true
    })
  }

  /** That a session was seen is worth no failure of its request. */
  async #noteSeen(mark: Mark, nowMs: number): Promise<boolean> {
    try {
      const noted = await this.#records.edit(mark.index, (it) => {
        const isLive = it.verdict(mark) === 'live'
        if (isLive) it.putSeen(mark.handle, nowMs)
        return isLive
      })
      return noted.verdict(mark) === 'live'
    } catch (error) {
      if (error instanceof SessionStoreError) return true
      throw error
    }
  }

  /** Enters a session so that it is live by what the store has then. */
  async #enter(index: string, label: string): Promise<[handle: string, entered: UserIndex]> {
    for (let round = 0; round < ROUNDS; round++) {
      const handle = this.#newHandle()
      const entered = await this.#records.edit(index, (it, nowMs) => {
        this.#put(it, handle, label, it.epoch, nowMs)
        return true
      })
      // An end of all that came between is earlier than this sign-in, which goes on after it.
      if (entered.verdict({ index, handle, epoch: 0 }) === 'live') return [handle, entered]
    }
    throw conflict()
  }

  #put(it: UserIndex, handle: string, label: string, epoch: number, nowMs: number): void {
    const { lifetimeMs, marginMs } = this.#spans
    const until = nowMs + lifetimeMs + marginMs
    it.putEntry(handle, { created: nowMs, until, epoch, label: cleanLabel(label) })
    it.putSeen(handle, nowMs)
  }

  /** Keeps to the bounds: all writers see each other in turn, and the last one makes the room. */
  async #makeRoom(index: string, handle: string, leaving: string | null, entered: UserIndex) {
    const { maxSessions, whenFull } = this.#rules
    const others = this.#others(entered, handle, leaving)
    const allowed = Math.min(maxSessions ?? MOST_SESSIONS, MOST_SESSIONS)
    const isRefused =
      whenFull === 'refuse' && others.length >= (maxSessions ?? Number.POSITIVE_INFINITY)
    if (isRefused) {
      await this.#records.edit(index, (it) => {
        it.remove(handle)
        return true
      })
      throw new SessionUsersError('FULL', `the user has ${maxSessions} sessions, which is all`)
    }
    const tooMany = others.length + 1 - allowed
    if (tooMany <= 0) return
    const oldest = others.slice(-tooMany)
    await this.#ending(index, (it, nowMs) => {
      this.#endAllOf(it, oldest, nowMs)
      return true
    })
  }

  #others(entered: UserIndex, handle: string, leaving: string | null): string[] {
    const handles = entered.live(Date.now(), this.#spans).map((live) => live.handle)
    return handles.filter((other) => other !== handle && other !== leaving)
  }

  #endAllOf(it: UserIndex, handles: string[], nowMs: number): void {
    for (const handle of handles) it.end(handle, this.#rememberUntilMs(nowMs))
  }

  #rememberUntilMs(nowMs: number): number {
    return nowMs + this.#spans.lifetimeMs + this.#spans.marginMs
  }

  /** An edit that ends sessions. */
  async #ending(id: string, change: (it: UserIndex, nowMs: number) => boolean): Promise<void> {
    try {
      await this.#records.edit(id, change)
    } finally {
      this.#verdicts.forget(id)
    }
  }
}

/** Whatever `maxSessions` says, so that a record stays small. */
const MOST_SESSIONS = 1000

/** Each round that fails means that somebody has ended all sessions in between. */
const ROUNDS = 10
