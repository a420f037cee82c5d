/**
 * Says whose a session is, in a field of its record that no key of the data can reach.
 *
 *   {"index":"u..","handle":"..","epoch":0}
 *
 * A mark decides nothing: the index that it points at does, each time the session is used.
 */

import { isHandle, isIndexId } from './names.js'

/** A field of the payload of a session that somebody has signed in to. */
export interface Mark {
  /** The id of the user's index record. */
  index: string
  handle: string
  /** That of the index when the session was signed in. */
  epoch: number
}

export function isMark(value: unknown): value is Mark {
  const { index, handle, epoch } = (value ?? {}) as Partial<Mark>
  return typeof index === 'string' && isIndexId(index) && isHandle(handle) && isCount(epoch)
}

/** The one spelling of a mark. Minus zero is written as zero. */
export function markText({ index, handle, epoch }: Mark): string {
  return `{"index":"${index}","handle":"${handle}","epoch":${epoch}}`
}

/** A whole number that JavaScript can count with, as epochs and instants are. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export const LAST_COUNT = Number.MAX_SAFE_INTEGER
