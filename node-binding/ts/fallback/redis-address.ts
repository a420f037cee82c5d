/**
 * Says where a Redis server is and how to get in, in the words of ioredis.
 *
 *   redis://user:password@host:port/database     TCP
 *   rediss://..                                  TCP and TLS
 *   redis+unix:///path/to/socket?db=1            a socket of this machine
 *
 * With sentinels, the host is the name of the master that they watch. `valkey` means the same as
 * `redis` in all of these. Nothing here connects.
 */

import { X509Certificate } from 'node:crypto'
import type { RedisOptions as Client } from 'ioredis'
import type { RedisOptions } from '../../native.js'
import { misuse } from './arguments.js'

/** What ioredis needs to know of the place that `options` names. */
export function addressOf({ url, ca, sentinels = [] }: RedisOptions): Client {
  const parts = URL.canParse(url) ? new URL(url) : null
  const protocol = parts?.protocol.replace(/^valkey/, 'redis')
  if (parts === null || protocol === undefined || !SCHEMES.includes(protocol)) throw badUrl()

  const local = protocol === 'redis+unix:'
  if (local ? sentinels.length > 0 || parts.pathname === '' : parts.hostname === '') throw badUrl()
  const query = parts.searchParams
  const login = local
    ? { db: query.get('db'), username: query.get('user'), password: query.get('pass') }
    : { db: parts.pathname.slice(1), username: parts.username, password: parts.password }
  const way: Client = { db: database(login.db) }
  if (login.username) way.username = decodeURIComponent(login.username)
  if (login.password) way.password = decodeURIComponent(login.password)
  if (local) return { ...way, path: decodeURIComponent(parts.pathname) }

  const host = bare(decodeURIComponent(parts.hostname))
  // `servername` is needed for names only, and an address has none.
  if (protocol === 'rediss:') way.tls = ca === undefined ? {} : { ca: checkCa(ca) }
  if (sentinels.length === 0) return { ...way, host, port: Number(parts.port || 6379) }
  const { tls } = way
  const secured = tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}
  return { ...way, ...secured, sentinels: sentinels.map(sentinelOf), name: host }
}

function database(text: string | null): number {
  if (!text) return 0
  if (!/^\d{1,9}$/.test(text)) throw badUrl()
  return Number(text)
}

function sentinelOf(text: string): { host: string; port: number } {
  const url = `redis://${text}`
  const parts = /^[^/@?#\s]+$/.test(text) && URL.canParse(url) ? new URL(url) : null
  if (parts === null || parts.hostname === '') {
    throw misuse('redis.sentinels: redis sentinel must be host or host:port')
  }
  return { host: bare(parts.hostname), port: Number(parts.port || 26379) }
}

function checkCa(pem: string): string {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
    if (certificates.length > 0) return pem
  } catch {
    // Said below, without what OpenSSL has to say.
  }
  throw misuse('redis.ca: redis ca must hold at least one certificate in PEM')
}

/** An address of IPv6 without its brackets. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

function badUrl(): Error {
  return misuse(
    'redis.url: redis url must be redis[s]://[user:password@]host[:port][/db] ' +
      'or redis+unix:///path',
  )
}

const SCHEMES = ['redis:', 'rediss:', 'redis+unix:']
