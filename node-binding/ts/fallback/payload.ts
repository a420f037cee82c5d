/**
 * Reads the text of a payload, and cuts it to the one shape that goes on the wire.
 *
 *   {"data":{"n":1.0},"id":"a","x":1}   -->   {"id":"a","data":{"n":1.0},"flash_next":{}}
 *
 * Values stay as they are written: parsed and written again, `1e400` would be null. Knows no
 * key, no expiry and no store.
 */

import { isMark, markText } from '../users/mark.js'
import { elements, members } from './json-text.js'

/** The record of a session. */
export interface Payload {
  /** The whole record, as stores keep it. */
  text: string
  /** As JSON, like the fields below. */
  id: string
  data: string
  flashNext: string
  /** When the session began, if a process with an absolute timeout has noted it. */
  createdAt: string | undefined
  /** Whose the session is, if a process with an index of users has noted it: see users/mark.ts. */
  user: string | undefined
}

/** A payload, and the instant after which it is refused, if it carries one. */
export interface Envelope {
  payload: Payload
  /** Unix milliseconds; any number that JSON can spell, infinity included. */
  exp: number | undefined
  /** Whether it is what a session left under its old id. That is no session. */
  isForwarding: boolean
}

/** Takes `text` for a payload if it is JSON, an object, and its `id` is a string; else `null`. */
export function readEnvelope(text: string): Envelope | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null

  // Of fields with the same name the last one counts, as in JavaScript.
  const fields = new Map<string, string>()
  for (const [key, field] of members(text)) fields.set(JSON.parse(key), field)
  const id = fields.get('id')
  if (!id?.startsWith('"')) return null
  const exp = fields.get('exp')
  const createdAt = fields.get('created_at')
  return {
    payload: payloadOf(
      id,
      spread(fields.get('data')),
      spread(fields.get('flash_next')),
      isInstant(createdAt) ? createdAt : undefined,
      markOf(fields.get('user')),
    ),
    exp: exp !== undefined && /^[-\d]/.test(exp) ? Number(exp) : undefined,
    isForwarding:
      QUOTED_ID.test(fields.get('moved_to') ?? '') && isInstant(fields.get('moved_until')),
  }
}

/** The payload in `text`, if it is one. Whether it has an expiry does not matter. */
export function readPayload(text: string): Payload | null {
  return readEnvelope(text)?.payload ?? null
}

/** A payload of parts that are JSON already: a string, and two objects. */
export function payloadOf(
  id: string,
  data: string,
  flashNext: string,
  createdAt: string | undefined,
  user: string | undefined,
): Payload {
  const created = createdAt === undefined ? '' : `,"created_at":${createdAt}`
  const extra = user === undefined ? created : `${created},"user":${user}`
  const text = `{"id":${id},"data":${data},"flash_next":${flashNext}${extra}}`
  return { text, id, data, flashNext, createdAt, user }
}

/**
 * `payload`, with what no edit takes out of a session: the earlier of the two instants of
 * creation, and whose it was in `base` if it says nothing of that itself.
 */
export function keeping(payload: Payload, base: Payload): Payload {
  const createdAt = earlier(payload.createdAt, base.createdAt)
  const user = payload.user ?? base.user
  if (createdAt === payload.createdAt && user === payload.user) return payload
  return payloadOf(payload.id, payload.data, payload.flashNext, createdAt, user)
}

function earlier(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Number(one) <= Number(other) ? one : other
}

/** The one spelling of a mark; `undefined` for what is none. */
function markOf(json: string | undefined): string | undefined {
  if (!json?.startsWith('{')) return undefined
  const mark: unknown = JSON.parse(json)
  return isMark(mark) ? markText(mark) : undefined
}

/** The id of `payload` if it can name a record, else `null`. */
export function recordId({ id }: Payload): string | null {
  const text: string = JSON.parse(id)
  return isRecordId(text) ? text : null
}

/** What could be a path, a command or another record must not reach a store. */
export function isRecordId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,128}$/.test(text)
}

/** Whether `json` is a number that a `Date` can hold. */
function isInstant(json: string | undefined): json is string {
  return json !== undefined && /^[-\d]/.test(json) && Math.abs(Number(json)) <= 8.64e15
}

const QUOTED_ID = /^"[A-Za-z0-9_-]{1,128}"$/

/** What `{...(value ?? {})}` gives in JavaScript, as text. */
function spread(value = '{}'): string {
  switch (value[0]) {
    case '{':
      return value
    case '[':
      return `{${Array.from(elements(value), (it, index) => `"${index}":${it}`).join()}}`
    case '"':
      return JSON.stringify({ ...JSON.parse(value) })
    default:
      return '{}'
  }
}
