/**
 * Counts visits in a session, with the Node package: what visits.c does.
 *
 *   REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. HTTP_COOKIE="sid=.." node visits.mjs
 */

import { RedisDriver, SessionInstance } from '../../node-binding/dist/index.js'

const config = {
  driver: 'redis',
  lifetime: 120,
  secret: process.env.SESSION_SECRET,
  cookie: { name: 'sid', path: '/', sameSite: 'lax', secure: true, httpOnly: true },
  redis: { url: process.env.REDIS_URL },
}
const cookies = (process.env.HTTP_COOKIE ?? '').split(';').map((pair) => pair.trim())
const value = cookies.find((pair) => pair.startsWith('sid='))?.slice('sid='.length)

const driver = new RedisDriver(config)
const session = new SessionInstance(await driver.load(value), driver, config)
session.put('node', session.get('node', 0) + 1)
const setCookie = await session.saveToCookie()
driver.close()

if (setCookie) process.stdout.write(`Set-Cookie: ${setCookie}\nCache-Control: no-store\n`)
process.stdout.write(`Content-Type: application/json\n\n${JSON.stringify(session.all())}\n`)
