/**
 * Takes the mark out of the text of a record, and puts it in.
 *
 *   {"id":"..","data":{..},"flash_next":{..}}  <-->  the same with  ,"user":{..}
 */

import { canonicalMembers } from '../canonical.js'
import { isMark, type Mark, markText } from './mark.js'

/** The text of a record without its mark if it ends with one, and the mark, wherever it is. */
export function takeMark(text: string): { text: string; mark: Mark | null } {
  const [stored, field] = STORED.exec(text) ?? []
  if (stored === undefined || field === undefined) return { text, mark: markIn(text) }
  const mark = asMark(JSON.parse(field))
  return mark === null ? { text, mark } : { text: `${text.slice(0, -stored.length)}}`, mark }
}

/** The text of a record, with the mark. */
export function addMark(text: string, mark: Mark): string {
  return `${text.slice(0, -1)},"user":${markText(mark)}}`
}

/** The mark in a text that does not end with it, as texts of this package do. */
function markIn(text: string): Mark | null {
  // A key without escapes stands there as it is.
  if (!text.includes('user"') && !text.includes('\\u')) return null
  // Recognised, it has three members, of which none is a mark.
  if (canonicalMembers(text.replace(STAMP, '}')) !== null) return null
  try {
    return asMark((JSON.parse(text) as { user?: unknown } | null)?.user)
  } catch {
    return null
  }
}

function asMark(value: unknown): Mark | null {
  if (!isMark(value)) return null
  const { index, handle, epoch } = value
  return { index, handle, epoch: epoch + 0 }
}

/** At the end of a record; within its data or flash there would be a third brace. */
const STORED =
  /,"user":(\{"index":"[A-Za-z0-9_-]{44}","handle":"[A-Za-z0-9_-]{22}","epoch":\d{1,16}\})\}$/

const STAMP = /,"created_at":\d{1,16}\}$/
