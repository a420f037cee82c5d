// Fastify, with one way to keep a session.

import fastifyCookie from '@fastify/cookie'
import secureSession from '@fastify/secure-session'
import fastifySession from '@fastify/session'
import { RedisStore } from 'connect-redis'
import fastify from 'fastify'
import { createClient } from 'redis'
import { session } from '../../../node-binding/dist/fastify.js'
import { ITEMS, ourOptions, SECRET } from './data.mjs'

export async function fastifyApp(kind, redisUrl) {
  const app = fastify()
  if (kind.startsWith('ours, ')) await app.register(session, ourOptions(kind, redisUrl))
  else if (kind === '@fastify/session') await useStore(app, redisUrl)
  else if (kind === '@fastify/secure-session') {
    const cookie = { path: '/', httpOnly: true }
    await app.register(secureSession, { key: Buffer.alloc(32, SECRET), cookieName: 'sid', cookie })
  }
  routes(app, kind)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server.address().port
}

async function useStore(app, redisUrl) {
  const client = await createClient({ url: redisUrl }).connect()
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret: SECRET,
    cookieName: 'sid',
    cookie: { secure: false, maxAge: 7_200_000 },
    store: new RedisStore({ client, disableTouch: true }),
    saveUninitialized: false,
    rolling: false,
  })
}

function routes(app, kind) {
  if (kind === 'none') {
    app.get('/login', async () => ({}))
    app.get('/read', async () => ({ sku: null }))
    app.get('/write', async () => ({ visits: 1 }))
    return
  }
  const put = kind.startsWith('ours, ')
    ? (session, key, value) => session.put(key, value)
    : (session, key, value) => session.set(key, value)
  app.get('/login', async ({ session }) => {
    put(session, 'visits', 0)
    put(session, 'items', ITEMS)
    return {}
  })
  app.get('/read', async ({ session }) => ({ sku: session.get('items')[0].sku }))
  app.get('/write', async ({ session }) => {
    const visits = session.get('visits') + 1
    put(session, 'visits', visits)
    return { visits }
  })
}
