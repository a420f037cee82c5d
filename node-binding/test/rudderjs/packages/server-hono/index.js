/**
 * Serves RudderJS routes through Hono.
 *
 *   Hono context --> req, res --> middleware of the group, of the route --> handler --> c.res
 *
 * A handler answers with a value, which becomes JSON, with a Response of its own, or by what it
 * calls on `res`. Middleware that comes back from `next` finds the answer in `c.res`.
 */

import { app } from '@rudderjs/core'
import { Hono } from 'hono'

export class Server {
  hono = new Hono()

  /** A route. `group` is `web`, `api` or nothing. */
  route(method, path, handler, { group, middleware = [] } = {}) {
    this.hono.on(method, path, async (c) => {
      const req = requestOf(c)
      const res = responseOf(c)
      const chain = [...(group ? app().groups[group] : []), ...middleware]
      let at = 0
      const next = async () => {
        const step = chain[at++]
        if (step) {
          await step(req, res, next)
          return
        }
        const answer = await handler(req, res)
        if (answer instanceof Response) c.res = answer
        else if (answer !== undefined && answer !== null) c.res = c.json(answer)
      }
      await next()
      return c.res
    })
    return this
  }

  request(path, options) {
    return this.hono.request(path, options)
  }

  /**
   * Runs `fn` as the framework runs the handler of a WebSocket upgrade: with the middleware that
   * carries the mark of a request context, and a response that nobody will see.
   */
  async upgrade(headers, fn) {
    const req = { method: 'GET', url: '/ws', path: '/ws', headers, raw: {} }
    const res = { raw: { header() {} } }
    const chain = app().groups.web.filter((it) => it[Symbol.for('rudderjs.requestContext')])
    let at = 0
    let result
    const next = async () => {
      const step = chain[at++]
      if (step) await step(req, res, next)
      else result = await fn(req)
    }
    await next()
    return result
  }
}

function requestOf(c) {
  const headers = c.req.header()
  const { pathname } = new URL(c.req.url)
  const req = { method: c.req.method, url: c.req.url, path: pathname, headers, raw: c }
  return Object.defineProperty(req, 'session', { get: () => c.__rjs_session, enumerable: true })
}

function responseOf(c) {
  const headers = []
  let status = 200
  const answer = (response) => {
    for (const [name, value] of headers) response.headers.append(name, value)
    c.res = response
    return c.res
  }
  return {
    raw: c,
    status(code) {
      status = code
      return this
    },
    header(name, value) {
      headers.push([name, value])
      return this
    },
    json: (data) => answer(c.json(data, status)),
    send: (text) => answer(c.text(text, status)),
    redirect: (url, code = 302) => answer(c.redirect(url, code)),
  }
}
