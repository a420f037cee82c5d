/**
 * Starts one application on a real server of each framework, for laws that hold for all of them.
 *
 *   routes (neutral)  -->  startNode | startExpress | startFastify | startHono  -->  { url, close }
 *
 * A handler gets the session and the few things it answers with, which are the framework's own:
 * its redirect, its JSON, its streams.
 */

import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { type ServerType, serve } from '@hono/node-server'
import type { SessionEngine, SessionInstance, SessionOptions } from '@rudderjs/session-native'
import { session as expressSession } from '@rudderjs/session-native/express'
import { session as fastifySession } from '@rudderjs/session-native/fastify'
import { session as honoSession, type SessionEnv } from '@rudderjs/session-native/hono'
import { withSession } from '@rudderjs/session-native/node'
import express from 'express'
import fastify from 'fastify'
import { type Context, Hono } from 'hono'
import type { StatusCode } from 'hono/utils/http-status'

/** What a handler does with the framework. It makes one of these calls last, and returns that. */
export interface Reply {
  /** For `session.save`. */
  response: object
  cookie(text: string): void
  json(value: unknown): unknown
  empty(status: number): unknown
  redirect(to: string): unknown
  stream(chunks: Iterable<string> | AsyncIterable<string>): unknown
}

export type Route = (session: SessionInstance, reply: Reply, body: unknown) => unknown

/** By `<method> <path>`. */
export type Routes = Record<string, Route>

export interface RunningServer {
  url: string
  server: Server
  engine: SessionEngine
  close(): Promise<void>
}

export type Start = (options: SessionOptions, routes: Routes) => Promise<RunningServer>

export const FRAMEWORKS: [name: string, start: Start][] = [
  ['node:http', startNode],
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Hono', startHono],
]

async function startNode(options: SessionOptions, routes: Routes): Promise<RunningServer> {
  const listener = withSession(options, async (req, res) => {
    const route = routes[`${req.method === 'HEAD' ? 'GET' : req.method} ${req.url}`]
    const body = await bodyOf(req)
    return route ? route(req.session, nodeReply(res), body) : nodeReply(res).empty(404)
  })
  return running(createServer(listener).listen(0, '127.0.0.1'), listener.engine)
}

function nodeReply(res: ServerResponse): Reply {
  return {
    response: res,
    cookie: (text) => res.appendHeader('Set-Cookie', text),
    json: (value) => {
      res.writeHead(200, { 'Content-Type': 'application/json' })
      res.end(JSON.stringify(value))
    },
    empty: (status) => res.writeHead(status).end(),
    redirect: (to) => res.writeHead(303, { Location: to }).end(),
    stream: (chunks) => Readable.from(chunks).pipe(res),
  }
}

async function startExpress(options: SessionOptions, routes: Routes): Promise<RunningServer> {
  const app = express()
  const sessions = expressSession(options)
  app.use(sessions)
  app.use(express.json())
  for (const [name, route] of Object.entries(routes)) {
    const [method, path = ''] = name.split(' ')
    app[method === 'GET' ? 'get' : 'post'](path, (req, res) => {
      const reply: Reply = {
        response: res,
        cookie: (text) => res.append('Set-Cookie', text),
        json: (value) => res.json(value),
        empty: (status) => res.status(status).end(),
        redirect: (to) => res.redirect(303, to),
        stream: (chunks) => Readable.from(chunks).pipe(res),
      }
      return route(req.session, reply, req.body) as undefined
    })
  }
  // Says that errors are for this handler, which must have four parameters: Express counts them.
  app.use((_error: unknown, _req: express.Request, res: express.Response, _next: unknown) => {
    res.status(500).json('failed')
  })
  return running(app.listen(0, '127.0.0.1'), sessions.engine)
}

async function startFastify(options: SessionOptions, routes: Routes): Promise<RunningServer> {
  const app = fastify({ forceCloseConnections: true })
  await app.register(fastifySession, options)
  for (const [name, route] of Object.entries(routes)) {
    const [method, url = ''] = name.split(' ')
    app.route({
      method: method as 'GET' | 'POST',
      url,
      handler: async (request, fastifyReply) => {
        const reply: Reply = {
          response: fastifyReply,
          cookie: (text) => fastifyReply.header('Set-Cookie', text),
          json: (value) => fastifyReply.type('application/json').send(JSON.stringify(value)),
          empty: (status) => fastifyReply.code(status).send(),
          redirect: (to) => fastifyReply.redirect(to, 303),
          stream: (chunks) => fastifyReply.send(Readable.from(chunks)),
        }
        await route(request.session, reply, request.body)
        return fastifyReply
      },
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { ...(await running(app.server, app.sessionEngine)), close: () => app.close() }
}

async function startHono(options: SessionOptions, routes: Routes): Promise<RunningServer> {
  const app = new Hono<SessionEnv>()
  const sessions = honoSession(options)
  app.use(sessions)
  for (const [name, route] of Object.entries(routes)) {
    const [method = '', path = ''] = name.split(' ')
    app.on(method, path, async (c) => {
      const text = await c.req.text()
      return (await route(c.get('session'), honoReply(c), text && JSON.parse(text))) as Response
    })
  }
  app.onError((_error, c) => c.json('failed', 500))
  const server: ServerType = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  return running(server as Server, sessions.engine)
}

function honoReply(c: Context): Reply {
  return {
    response: { raw: c },
    cookie: (text) => c.header('Set-Cookie', text, { append: true }),
    json: (value) => c.json(value),
    empty: (status) => c.body(null, status as StatusCode),
    redirect: (to) => c.redirect(to, 303),
    stream: (chunks) => c.body(Readable.toWeb(Readable.from(chunks)) as ReadableStream),
  }
}

async function running(server: Server, engine: SessionEngine): Promise<RunningServer> {
  if (!server.listening) await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    engine,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      engine.close()
    },
  }
}

async function bodyOf(request: Readable): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text && JSON.parse(text)
}
