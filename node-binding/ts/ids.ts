/**
 * Makes session ids, and says what a store knows them by.
 *
 *   v1   36 characters, a version 4 UUID        a store knows the id
 *   v2   43 characters, 256 random bits         a store knows its hash: h + 43 characters
 */

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { FormatName } from './format-config.js'

/** What makes the ids of a format. */
export function idMaker(format: FormatName | undefined): () => string {
  return format === 'v2' ? random256 : randomUUID
}

/** Whether `id` is one of v2. */
export function isHardenedId(id: string): boolean {
  return id.length === HARDENED_LENGTH && HARDENED_ID.test(id)
}

/** What a store knows an id of v2 by; any other id is known by itself. */
export function storedId(id: string): string {
  if (!isHardenedId(id)) return id
  return `h${createHash('sha256').update(id, 'latin1').digest('base64url')}`
}

function random256(): string {
  return randomBytes(32).toString('base64url')
}

/** Characters for 32 bytes. */
const HARDENED_LENGTH = 43

/** The last character stands for four bits; its two others are zero. */
const HARDENED_ID = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
