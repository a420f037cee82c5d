/** Over a real socket with @hono/node-server: what a client sees is what was saved. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ServerType, serve } from '@hono/node-server'
import { type SessionEnv, session } from '@rudderjs/session-native/hono'
import { Hono } from 'hono'
import { onEveryDriver } from './support/drivers.js'
import { SECRET } from './support/pipeline.js'

onEveryDriver((driver) => {
  async function start(): Promise<{ server: ServerType; url: string }> {
    const app = new Hono<SessionEnv>()
    const { redis, file } = driver.config()
    app.use(session({ driver: driver.name, secret: SECRET, file, ...(redis ? { redis } : {}) }))
    app.post('/login', async (c) => {
      await c.get('session').regenerate()
      c.get('session').put('user', 'alice')
      c.get('session').flash('notice', 'Welcome')
      return c.redirect('/me', 303)
    })
    app.get('/me', (c) => c.json([c.get('session').get('user'), c.get('session').allFlash()]))
    app.get('/fetched', async (c) => {
      c.get('session').put('fetched', true)
      return fetch(new URL('/plain', c.req.url))
    })
    app.get('/plain', (c) => c.text('plain'))
    app.post('/logout', async (c) => {
      c.get('session').flush()
      await c.get('session').regenerate()
      return c.body(null, 204)
    })
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
    await once(server, 'listening')
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }

  test('log in, read a flash once over the redirect, log out', async (t) => {
    const { server, url } = await start()
    t.after(() => new Promise((resolve) => server.close(resolve)))
    let cookie = ''
    const send = async (path: string, method = 'GET') => {
      const headers = { cookie, connection: 'close' }
      const response = await fetch(url + path, { method, headers, redirect: 'manual' })
      const sent = response.headers.getSetCookie()
      assert.ok(sent.length <= 1, sent.join())
      cookie = sent[0]?.split(';')[0] ?? cookie
      return response
    }

    const login = await send('/login', 'POST')
    assert.deepEqual([login.status, login.headers.get('location')], [303, '/me'])
    const stolen = cookie
    assert.deepEqual(await (await send('/me')).json(), ['alice', { notice: 'Welcome' }])
    assert.deepEqual(await (await send('/me')).json(), ['alice', {}])
    assert.equal(await (await send('/fetched')).text(), 'plain')
    assert.deepEqual(await (await send('/me')).json(), ['alice', {}])
    assert.equal((await send('/logout', 'POST')).status, 204)
    assert.deepEqual(await (await send('/me')).json(), [null, {}])

    // A cookie that holds the session itself stays good until it expires: a limit of that driver.
    cookie = stolen
    const [user] = (await (await send('/me')).json()) as unknown[]
    assert.equal(user, driver.name === 'cookie' ? 'alice' : null)
  })

  test('a redirect never overtakes the save', async (t) => {
    const { server, url } = await start()
    t.after(() => new Promise((resolve) => server.close(resolve)))

    const logins = Array.from({ length: 100 }, async () => {
      const login = await fetch(`${url}/login`, { method: 'POST', redirect: 'manual' })
      const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
      const headers = { cookie, connection: 'close' }
      return (await fetch(new URL('/me', url), { headers })).json()
    })

    for (const answer of await Promise.all(logins)) {
      assert.deepEqual(answer, ['alice', { notice: 'Welcome' }])
    }
  })
})
