/**
 * Saves onto what was loaded: nobody's write is lost, and no logout is undone.
 *
 *   update       replace base -> ours?   expected: saved
 *                                        gone: nothing is written, destroy has won
 *                                        changed: merge ours into that, and again
 *
 *   regenerate   create new -> remove old?   expected: done
 *                                            gone: the new one goes too, destroy has won
 *                                            changed: merge that into the new one, and again
 *
 * The same steps as the engine's, for any store.
 */

import { SessionStoreError } from '../errors.js'
import { merge } from './merge.js'
import { keeping, type Payload, payloadOf, readEnvelope, recordId } from './payload.js'
import { type Answer, type Found, invalidId, type RecordStore, storeError } from './record-store.js'

/**
 * Saves `payload`, which a request made of `base`, under the same id.
 *
 * @returns `true`: saved as given; `false`: it is gone; a text: merged, and stored like this.
 */
export async function update(
  store: RecordStore,
  base: Payload,
  payload: Payload,
  ttlSeconds: number,
  nowMs: number,
): Promise<boolean | string> {
  if (base.id !== payload.id || recordId(base) === null) throw invalidId()
  let expected = base.text
  let attempt = keeping(payload, base)
  for (let round = 0; round < ROUNDS; round++) {
    const found = await store.replace(expected, attempt, ttlSeconds, nowMs)
    if (found === 'expected') return attempt.text === payload.text || attempt.text
    const theirs = ownRecord(found, base)
    if (theirs === null) return false
    attempt = merge(base, payload, theirs)
    expected = changedText(found)
  }
  throw conflict()
}

/**
 * Saves `payload`, which a request made of `base`, under the new id that it has.
 *
 * Rejects with an error that says `saved` if only the old record could not be removed.
 *
 * @returns What `update` returns.
 */
export async function regenerate(
  store: RecordStore,
  base: Payload,
  payload: Payload,
  ttlSeconds: number,
  nowMs: number,
): Promise<boolean | string> {
  const [oldId, newId] = [recordId(base), recordId(payload)]
  // With one id for both, removing the old record would remove the new one.
  if (oldId === null || newId === null || oldId === newId) throw invalidId()
  // A random id is never taken.
  let stored = keeping(payload, base)
  if (!(await store.create(stored, ttlSeconds, nowMs))) throw invalidId()

  let expected = base.text
  for (let round = 1; ; round++) {
    const found = await removed(() => store.remove(oldId, expected, nowMs))
    if (found === 'expected') return stored.text === payload.text || stored.text
    const theirs = ownRecord(found, base)
    if (theirs === null || round === ROUNDS) {
      await store.destroy(newId)
      if (theirs === null) return false
      throw conflict()
    }
    const { data, flashNext, createdAt, user } = merge(base, payload, theirs)
    stored = payloadOf(payload.id, data, flashNext, createdAt, user)
    expected = changedText(found)
    // Nobody else knows the new id yet, so there is nothing to overwrite.
    await store.save(stored, ttlSeconds, nowMs)
  }
}

async function removed(remove: () => Answer<Found>): Promise<Found> {
  try {
    return await remove()
  } catch (error) {
    throw error instanceof SessionStoreError ? error.butSaved() : error
  }
}

/** The session that was found, if it is this one: another's, or where it led to, is none. */
function ownRecord(found: Found, base: Payload): Payload | null {
  const record = readEnvelope(changedText(found))
  const isOwn = record?.payload.id === base.id && !record.isForwarding
  return isOwn ? record.payload : null
}

function changedText(found: Found): string {
  return typeof found === 'object' ? found.changed : ''
}

function conflict(): SessionStoreError {
  return storeError('CONFLICT', 'session was changed by others too often in a row', true)
}

/** Each round that fails means that another request got through: this many in a row are many. */
const ROUNDS = 10
