// Serves with one framework and one way to keep a session, until its parent ends it.
//
//   node http/server.mjs FRAMEWORK KIND REDIS_PORT
//
//   GET /login   puts some 500 bytes into the session
//   GET /read    answers one key of it
//   GET /write   counts in it, and answers the count
//
// Answers `cpu` by the microseconds of processor time that all its threads have used.

import { expressApp } from './express.mjs'
import { fastifyApp } from './fastify.mjs'
import { honoApp } from './hono.mjs'

const [framework, kind, redisPort] = process.argv.slice(2)
const listen = { express: expressApp, fastify: fastifyApp, hono: honoApp }[framework]
const port = await listen(kind, `redis://127.0.0.1:${redisPort}`)

process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send(user + system)
})
process.send(port)
