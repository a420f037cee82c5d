// The ways to keep a session that are compared, for each framework. The first is none at all.
//
//   peerOf   which of ours do the same work: the session in Redis, or in the cookie
//
// What they guarantee differs. In Redis: ours compares before it writes, so parallel requests keep
// each other's changes; express-session and @fastify/session write over whatever is there. In the
// cookie: cookie-session signs by HMAC-SHA1; iron-session and @fastify/secure-session encrypt, ours
// signs.

const none = { name: 'none' }
const redis = { name: 'ours, redis', ours: true }
const cookie = { name: 'ours, cookie', ours: true }

export const KINDS = {
  hono: [none, { name: 'iron-session', peerOf: ['ours, cookie'] }, cookie, redis],
  express: [
    none,
    { name: 'express-session', peerOf: ['ours, redis', 'ours under express-session'] },
    redis,
    { name: 'ours under express-session', ours: true },
    { name: 'cookie-session', peerOf: ['ours, cookie'] },
    cookie,
  ],
  fastify: [
    none,
    { name: '@fastify/session', peerOf: ['ours, redis'] },
    redis,
    { name: '@fastify/secure-session', peerOf: ['ours, cookie'] },
    cookie,
  ],
}
