/**
 * Says what the demo keeps in a session, and is the only file that names its keys.
 *
 *   data        visits  number          user  { name, since }
 *               note    text            cart  { productId: quantity }
 *   flash_next  notice  { place, text }
 *
 * Knows no HTTP. A session may hold what an older demo wrote, so every read checks.
 */

import type { SessionDevice, SessionInstance } from '@rudderjs/session-native'
import { MAX_QUANTITY, PRODUCTS, type Product } from './products.js'

export interface User {
  name: string
  sinceUnixMs: number
}

export interface CartLine {
  product: Product
  /** 0 for a product that is not in the cart. */
  quantity: number
}

/** A message for the next page, at the place where the visitor's eyes are. */
export interface Notice {
  place: 'account' | 'devices' | 'cart' | 'note'
  text: string
}

export function visits(session: SessionInstance): number {
  return wholeNumber(session.get('visits'))
}

export function countVisit(session: SessionInstance): void {
  session.put('visits', visits(session) + 1)
}

export function user(session: SessionInstance): User | null {
  const { name, since } = record(session.get('user'))
  return typeof name === 'string' ? { name, sinceUnixMs: wholeNumber(since) } : null
}

/**
 * Logs in under a new id, since one that somebody planted before must not become theirs and ours,
 * and enters the session in the list of whoever has that name.
 */
export async function logIn(session: SessionInstance, name: string, unixMs: number): Promise<void> {
  await session.signIn(name)
  session.put('user', { name, since: unixMs })
}

/** Nothing of the visitor stays behind, and no request that is under way brings it back. */
export async function logOut(session: SessionInstance): Promise<void> {
  await session.logout()
}

/** Where the user is logged in, this browser included; nowhere without a user. */
export async function devices(session: SessionInstance): Promise<SessionDevice[]> {
  return user(session) === null ? [] : session.devices()
}

/** Logs another browser of the user out. `false` if it is out already, or not the user's. */
export async function endDevice(session: SessionInstance, handle: string): Promise<boolean> {
  return session.revoke(handle)
}

/** Logs all other browsers of the user out, and answers how many that were. */
export async function endOtherDevices(session: SessionInstance): Promise<number> {
  return session.revokeOthers()
}

/** One line for every product, in the order of the shelf. */
export function cart(session: SessionInstance): CartLine[] {
  const quantities = record(session.get('cart'))
  return PRODUCTS.map((product) => ({
    product,
    quantity: Math.min(wholeNumber(quantities[product.id]), MAX_QUANTITY),
  }))
}

/** Puts `quantity` of a product into the cart in place of what is there. */
export function setQuantity(session: SessionInstance, product: Product, quantity: number): void {
  const lines = cart(session).map((line) =>
    line.product === product ? { product, quantity } : line,
  )
  const kept = lines.filter((line) => line.quantity > 0)
  if (kept.length === 0) session.forget('cart')
  else session.put('cart', Object.fromEntries(kept.map((line) => [line.product.id, line.quantity])))
}

export function emptyCart(session: SessionInstance): void {
  session.forget('cart')
}

export function note(session: SessionInstance): string | null {
  const text = session.get('note')
  return typeof text === 'string' ? text : null
}

/** A key of its own, so that it and the cart can be written at the same time. */
export function setNote(session: SessionInstance, text: string | null): void {
  if (text === null) session.forget('note')
  else session.put('note', text)
}

export function leaveNotice(session: SessionInstance, notice: Notice): void {
  session.flash('notice', notice)
}

/** The message that the previous request left. */
export function notice(session: SessionInstance): Notice | null {
  const { place, text } = record(session.getFlash('notice'))
  const known = PLACES.find((one) => one === place)
  return known && typeof text === 'string' ? { place: known, text } : null
}

/** A name or a note as it will be shown, or `null` if there is nothing to show. */
export function readLine(text: string, maxCharacters: number): string | null {
  const line = text.replace(/\p{C}+/gu, ' ').trim()
  return line === '' ? null : Array.from(line).slice(0, maxCharacters).join('')
}

/** Short enough that a session in a cookie stays far below what browsers keep. */
export const MAX_NAME_CHARACTERS = 40
export const MAX_NOTE_CHARACTERS = 80

const PLACES: readonly Notice['place'][] = ['account', 'devices', 'cart', 'note']

function wholeNumber(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
