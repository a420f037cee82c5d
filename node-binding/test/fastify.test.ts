/** On Fastify: what its hooks, its errors and its hijacked replies have to do with a session. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { session } from '@rudderjs/session-native/fastify'
import { createCodec } from '@rudderjs/session-native/native'
import fastify from 'fastify'
import { closedPort } from './support/misbehaving-server.js'
import { SECRET } from './support/pipeline.js'

const options = { driver: 'memory', secret: SECRET } as const

test('what an onSend hook puts is saved, and a hijacked reply has the cookie', async (t) => {
  const app = fastify()
  t.after(() => app.close())
  await app.register(session, options)
  app.addHook('onSend', async (request) => request.session.put('hook', 1))
  app.get('/', async () => 'page')
  app.get('/all', async (request) => request.session.all())
  app.get('/hijacked', (request, reply) => {
    request.session.put('hijacked', 1)
    reply.hijack()
    reply.raw.end('raw')
  })

  const page = await app.inject('/')
  const cookies = Object.fromEntries(page.cookies.map(({ name, value }) => [name, value]))
  assert.deepEqual((await app.inject({ path: '/all', cookies })).json(), { hook: 1 })
  const hijacked = await app.inject('/hijacked')

  assert.deepEqual([hijacked.body, hijacked.cookies.length], ['raw', 1])
})

test('a route of a plugin beside it has the session', async (t) => {
  const app = fastify()
  t.after(() => app.close())
  await app.register(session, options)
  await app.register(async (inner) => {
    inner.get('/', async (request) => request.session.all())
  })

  assert.equal((await app.inject('/')).statusCode, 200)
})

test('closing the application closes the engine', async () => {
  const app = fastify()
  await app.register(session, options)
  const { sessionEngine } = app

  await app.close()

  assert.equal(sessionEngine.closed, true)
})

test('a second one is refused', async () => {
  const app = fastify()
  await app.register(session, options)

  app.register(session, options)

  await assert.rejects(async () => app.ready(), { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

test('with onStoreFailure fail an outage is answered with 503', async (t) => {
  const app = fastify()
  t.after(() => app.close())
  const redis = { port: await closedPort() }
  await app.register(session, { driver: 'redis', secret: SECRET, redis, onStoreFailure: 'fail' })
  app.get('/', async () => 'page')
  const rudderjs_session = createCodec([SECRET]).sign('3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f')

  const response = await app.inject({ path: '/', cookies: { rudderjs_session } })

  assert.equal(response.statusCode, 503)
  assert.deepEqual(response.cookies, [])
})
