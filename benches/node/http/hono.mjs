// Hono on Node, with one way to keep a session.

import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { getIronSession } from 'iron-session'
import { session } from '../../../node-binding/dist/hono.js'
import { ITEMS, ourOptions, SECRET } from './data.mjs'

export async function honoApp(kind, redisUrl) {
  const app = new Hono()
  if (kind === 'none') useNone(app)
  else if (kind === 'iron-session') useIron(app)
  else useOurs(app, kind, redisUrl)
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  if (!server.listening) await once(server, 'listening')
  return server.address().port
}

function useOurs(app, kind, redisUrl) {
  app.use(session(ourOptions(kind, redisUrl)))
  app.get('/login', (c) => {
    c.get('session').put('visits', 0)
    c.get('session').put('items', ITEMS)
    return c.json({})
  })
  app.get('/read', (c) => c.json({ sku: c.get('session').get('items')[0].sku }))
  app.get('/write', (c) => c.json({ visits: c.get('session').increment('visits') }))
}

function useIron(app) {
  const options = { password: SECRET, cookieName: 'sid', cookieOptions: { secure: false } }
  const open = (c) => getIronSession(c.req.raw, c.res, options)
  app.get('/login', async (c) => {
    const session = await open(c)
    session.visits = 0
    session.items = ITEMS
    await session.save()
    return c.json({})
  })
  app.get('/read', async (c) => c.json({ sku: (await open(c)).items[0].sku }))
  app.get('/write', async (c) => {
    const session = await open(c)
    session.visits += 1
    await session.save()
    return c.json({ visits: session.visits })
  })
}

function useNone(app) {
  app.get('/login', (c) => c.json({}))
  app.get('/read', (c) => c.json({ sku: null }))
  app.get('/write', (c) => c.json({ visits: 1 }))
}
