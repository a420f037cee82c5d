// Sessions in plain JavaScript, as they are written where there is no such package: createHmac
// for each call, Buffer for base64url, JSON.parse and JSON.stringify of the whole session.

import { AsyncLocalStorage } from 'node:async_hooks'
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'

export function plainCodec(secret) {
  const mac = (text) => createHmac('sha256', secret).update(text).digest()

  function sign(value) {
    return `${value}.${mac(value).toString('base64url')}`
  }

  function verify(signed) {
    const dot = signed.lastIndexOf('.')
    if (dot === -1) return null
    const value = signed.slice(0, dot)
    const [given, expected] = [Buffer.from(signed.slice(dot + 1), 'base64url'), mac(value)]
    return given.length === expected.length && timingSafeEqual(given, expected) ? value : null
  }

  /** Of the expiry nothing is looked at: whoever wants it must parse. */
  function decodeToText(cookieValue) {
    const text = verify(cookieValue)
    return text === null ? null : Buffer.from(text, 'base64url').toString('utf8')
  }

  function encodeText(envelopeJson) {
    return sign(Buffer.from(envelopeJson, 'utf8').toString('base64url'))
  }

  return { sign, verify, decodeToText, encodeText }
}

/** A middleware for sessions in the cookie, with the behaviour of the one that is compared. */
export function plainMiddleware({ secret, lifetime, cookie }) {
  const codec = plainCodec(secret)
  const context = new AsyncLocalStorage()
  const lifetimeMs = lifetime * 60_000

  function load(cookieValue) {
    try {
      const record = JSON.parse(codec.decodeToText(cookieValue))
      const alive = typeof record.exp !== 'number' || Date.now() <= record.exp
      if (typeof record.id === 'string' && alive) return record
    } catch {}
    return { id: randomUUID(), data: {}, flash_next: {} }
  }

  return async function session(req, res, next) {
    const value = findCookie(req.headers.cookie ?? '', cookie.name)
    const session = new PlainSession(load(value ?? ''), !value)
    req.raw.session = session
    try {
      return await context.run(session, async () => next())
    } finally {
      if (session.dirty) {
        const { id, data, flashNext } = session
        const exp = Date.now() + lifetimeMs
        const text = codec.encodeText(JSON.stringify({ id, data, flash_next: flashNext, exp }))
        const attributes = `Path=${cookie.path}; Max-Age=${lifetimeMs / 1000}; SameSite=${cookie.sameSite}`
        res.raw.header('Set-Cookie', `${cookie.name}=${text}; ${attributes}; HttpOnly`)
      }
    }
  }
}

class PlainSession {
  constructor({ id, data, flash_next }, dirty) {
    this.id = id
    this.data = { ...(data ?? {}) }
    this.flash = { ...(flash_next ?? {}) }
    this.flashNext = {}
    this.dirty = dirty || Object.keys(this.flash).length > 0
  }

  get(key) {
    return Object.hasOwn(this.data, key) ? this.data[key] : undefined
  }

  put(key, value) {
    this.data[key] = value
    this.dirty = true
  }
}

function findCookie(header, name) {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return undefined
}
