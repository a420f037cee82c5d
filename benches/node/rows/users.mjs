// What `users` adds to the request of somebody who is signed in, and to that of a guest.

import assert from 'node:assert/strict'
import { sessionMiddleware } from '../../../node-binding/dist/index.js'
import { inTurnsAsync } from '../measure.mjs'
import { startRedis } from '../servers.mjs'
import { SECRET } from '../sessions.mjs'

const CONFIG = {
  secret: SECRET,
  lifetime: 120,
  cookie: { name: 'sid', path: '/', sameSite: 'lax', secure: false, httpOnly: true },
}

/** Sessions in the index that each request reads. */
const DEVICES = 5

export async function* usersRows() {
  const memory = { ...CONFIG, driver: 'memory' }
  yield row('memory: request of a user, each checked', memory, {}, 0.2)
  yield row('memory: request of a user, checked every 30 s', memory, { checkEverySeconds: 30 }, 0.5)
  yield row('memory: request of a guest', memory, {}, 0.5, false)
  const redis = await startRedis()
  try {
    const config = { ...CONFIG, driver: 'redis', redis: { url: `redis://127.0.0.1:${redis.port}` } }
    yield row('Redis: request of a user, each checked', config, {}, 0.35)
    const often = { checkEverySeconds: 30 }
    yield row('Redis: request of a user, checked every 30 s', config, often, 0.8)
  } finally {
    await redis.stop()
  }
}

async function row(name, config, users, target, isUser = true) {
  const ours = sessionMiddleware({ ...config, users })
  const theirs = sessionMiddleware(config)
  try {
    const reads = await Promise.all([ours, theirs].map((it) => readsOf(it, isUser)))
    return { name, peer: 'without users', target, ...(await inTurnsAsync(...reads)) }
  } finally {
    for (const { engine } of [ours, theirs]) engine.close()
  }
}

/** A request that reads one key, with the cookie of the last of some sessions of a user. */
async function readsOf(middleware, isUser) {
  let cookie = ''
  const put = (session) => (isUser ? session.login('alice') : session.put('theme', 'dark'))
  for (let n = 0; n < DEVICES; n++) {
    const [text] = await request(middleware, undefined, put)
    cookie = text.split(';')[0]
  }
  const [key, value] = isUser ? ['auth_user_id', 'alice'] : ['theme', 'dark']
  return () => request(middleware, cookie, (session) => assert.equal(session.get(key), value))
}

async function request(middleware, cookie, handler) {
  const raw = {}
  const setCookies = []
  const res = { raw: { header: (_name, text) => setCookies.push(text) } }
  await middleware({ headers: { cookie }, raw }, res, () => handler(raw.__rjs_session))
  return setCookies
}
