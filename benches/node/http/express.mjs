// Express, with one way to keep a session.

import { once } from 'node:events'
import { RedisStore } from 'connect-redis'
import cookieSession from 'cookie-session'
import express from 'express'
import expressSession from 'express-session'
import { createClient } from 'redis'
import { session } from '../../../node-binding/dist/express.js'
import { NativeStore } from '../../../node-binding/dist/express-session.js'
import { ITEMS, ourOptions, SECRET } from './data.mjs'

export async function expressApp(kind, redisUrl) {
  const app = express()
  if (kind.startsWith('ours, ')) useOurs(app, kind, redisUrl)
  else if (kind === 'none') useNone(app)
  else {
    app.use(await middleware(kind, redisUrl))
    usePlainObject(app)
  }
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

async function middleware(kind, redisUrl) {
  if (kind === 'cookie-session') return cookieSession({ name: 'sid', keys: [SECRET] })
  const options = { secret: SECRET, name: 'sid', resave: false, saveUninitialized: false }
  if (kind === 'ours under express-session') {
    const store = new NativeStore({ driver: 'redis', redis: { url: redisUrl } })
    return expressSession({ ...options, store })
  }
  const client = await createClient({ url: redisUrl }).connect()
  // As for all others: a session that was only read is not prolonged.
  return expressSession({ ...options, store: new RedisStore({ client, disableTouch: true }) })
}

function useOurs(app, kind, redisUrl) {
  app.use(session(ourOptions(kind, redisUrl)))
  app.get('/login', (req, res) => {
    req.session.put('visits', 0)
    req.session.put('items', ITEMS)
    res.json({})
  })
  app.get('/read', (req, res) => {
    res.json({ sku: req.session.get('items')[0].sku })
  })
  app.get('/write', (req, res) => {
    res.json({ visits: req.session.increment('visits') })
  })
}

function usePlainObject(app) {
  app.get('/login', (req, res) => {
    req.session.visits = 0
    req.session.items = ITEMS
    res.json({})
  })
  app.get('/read', (req, res) => {
    res.json({ sku: req.session.items[0].sku })
  })
  app.get('/write', (req, res) => {
    req.session.visits += 1
    res.json({ visits: req.session.visits })
  })
}

function useNone(app) {
  app.get('/login', (_req, res) => res.json({}))
  app.get('/read', (_req, res) => res.json({ sku: null }))
  app.get('/write', (_req, res) => res.json({ visits: 1 }))
}
