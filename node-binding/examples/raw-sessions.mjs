// Sessions in Redis in ten lines, in the place of createHmac and ioredis.
//
//   SESSION_SECRET=... REDIS_URL=redis://127.0.0.1:6379 node your-server.mjs
//
// Records and cookies are those of @rudderjs/session.

import { randomUUID } from 'node:crypto'
import { createCodec, openRedisStore } from '@rudderjs/session-native/native'

const codec = createCodec([process.env.SESSION_SECRET])
const { store } = openRedisStore({ url: process.env.REDIS_URL })
const LIFETIME_SECONDS = 7200

/** The session that a request's `Cookie` header stands for, or a new one. */
export async function loadSession(cookieHeader) {
  const id = codec.loadId(cookieHeader, 'sid') // one call: finds the cookie, verifies it
  const text = id ? await store.load(id, Date.now()) : null
  return text ? JSON.parse(text) : { id: randomUUID(), data: {}, flash_next: {} }
}

/** Saves a session; answers the text of a `Set-Cookie` header. */
export async function saveSession(session) {
  await store.save(JSON.stringify(session), LIFETIME_SECONDS, Date.now())
  return `sid=${codec.sign(session.id)}; Path=/; Max-Age=${LIFETIME_SECONDS}; HttpOnly; SameSite=lax`
}

/** Logs out. A rejection means that the record may still be there. */
export async function destroySession(session) {
  await store.destroy(session.id)
}
