/**
 * Lists and ends the sessions of a user, with the Node package: what visits.py does.
 *
 *   REDIS_URL=redis://127.0.0.1:6379 SESSION_SECRET=.. node devices.mjs
 *
 *   POST /sign-in           alice is signed in
 *   GET /devices            where she is signed in
 *   POST /log-out-others    everywhere else she is not any more
 *
 * It prints the port that it listens on, and ends when its standard input does.
 */

import { createServer } from 'node:http'
import { withSession } from '../../node-binding/dist/node.js'

const config = {
  driver: 'redis',
  secret: process.env.SESSION_SECRET,
  cookie: { name: 'sid', secure: true },
  redis: { url: process.env.REDIS_URL },
  users: {},
}

const listener = withSession(config, async (req, res) => {
  const answer = await answerTo(`${req.method} ${req.url}`, req)
  res.setHeader('Content-Type', 'application/json')
  res.setHeader('Connection', 'close')
  res.end(JSON.stringify(answer))
})
const server = createServer(listener)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.resume().on('end', () => {
  listener.engine.close()
  server.close()
})

async function answerTo(request, { session, headers }) {
  switch (request) {
    case 'POST /sign-in':
      // After the password was right.
      await session.signIn('alice', { label: headers['user-agent'] })
      return session.devices()
    case 'GET /devices':
      return session.devices()
    // Guard it as all forms that change something, against requests of other sites.
    case 'POST /log-out-others':
      return { ended: await session.revokeOthers() }
    default:
      return session.all()
  }
}
