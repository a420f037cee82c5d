/**
 * Checks a configuration once, while the application boots, and fills in what was left out.
 *
 *   SessionConfig | SessionOptions  -->  ResolvedConfig
 *
 * Every refusal is a SessionConfigError that names the field. Nothing here opens a connection,
 * and no message repeats a secret or a URL, since both hold passwords.
 */

import { inDevelopment } from './environment.js'
import { SessionConfigError } from './errors.js'
import { type FormatConfig, type ResolvedFormat, resolveFormat } from './format-config.js'
import { readKeys, type SecretSource, type SessionKey } from './keys.js'
import { type LimitsConfig, resolveLimits } from './limits.js'
import { flag, invalid, oneOf, positiveInteger, shown } from './refusals.js'
import { expiresAtMs, ttlSecondsOf } from './time.js'
import { type ResolvedUsers, resolveUsers, type UsersConfig } from './users/config.js'

/** Where the payload lives between requests. */
export type DriverName = 'cookie' | 'memory' | 'file' | 'redis'

/** What happens to a request whose session cannot be loaded because the store is out of reach. */
export type OnStoreFailure = 'guest' | 'fail'

/** The attributes of the session cookie. */
export interface CookieConfig {
  name: string
  secure: boolean
  httpOnly: boolean
  sameSite: 'lax' | 'strict' | 'none'
  path: string
  /** Sends the cookie to this host and all below it. Left out: to the host that set it only. */
  domain?: string | undefined
  /** Gives each site that embeds this one a cookie of its own (CHIPS). Needs `secure`. */
  partitioned?: boolean | undefined
  /** Which cookies go last when a browser has too many. Chromium only. */
  priority?: 'low' | 'medium' | 'high' | undefined
  /** Bytes that name and value may have together. Default 4096: browsers drop what is larger. */
  maxBytes?: number | undefined
}

/** Settings of the `redis` driver. `url` wins over `host`, `port` and `password`. */
export interface RedisConfig {
  /** Goes before the session id to name a record. Default `session:`. */
  prefix?: string
  /** `redis[s]://[user:password@]host[:port][/db]`, TLS with the s, or `redis+unix:///path`. */
  url?: string
  /** With TLS: the authorities to trust, in PEM. Default: those of the system. */
  ca?: string | undefined
  /** `host:port` of each sentinel; the host of `url` is then the name of the master. */
  sentinels?: string[]
  /** `host:port` of some nodes of a Redis Cluster; the server of `url` is one more of them. */
  cluster?: string[]
  /** Replicas that must have a write before it counts as done. Default 0. */
  minReplicas?: number
  host?: string
  port?: number
  password?: string
  /** Milliseconds that one call may take, waiting for a connection included. Default 500. */
  deadlineMs?: number
  /** Connections, and threads that use them. Default 4. */
  poolSize?: number
}

/** Settings of the `memory` driver. */
export interface MemoryConfig {
  /** Bytes of payload that are kept; the least used sessions go first. Default 64 MiB. */
  maxBytes?: number
  /** Sessions that are kept, likewise. Default: as many as there are bytes for. */
  maxEntries?: number
}

/** Settings of the `file` driver. */
export interface FileConfig {
  /** The file; it is made if it is not there, its folder is not. One process at a time has it. */
  path: string
  /**
   * When a write is safe from a crash: `immediate` before it is answered, `eventual` a tenth of
   * a second later, which is many times faster. Default `immediate`.
   */
  durability?: 'immediate' | 'eventual'
  /** Milliseconds that one call may wait for the disk. Default 5000. */
  deadlineMs?: number
}

/** What every way to configure a session shares. */
interface CommonConfig extends FormatConfig {
  /**
   * Keys the signatures: a text, or the environment variable or the file that it is in. In a list
   * the first one signs, and all of them verify, each until its end if it has one.
   */
  secret: SecretSource
  /** Refuse signed cookies that carry no expiry. Concerns the `cookie` driver only. */
  rejectLegacyCookies?: boolean
  /** Looked at with the `redis` driver only. */
  redis?: RedisConfig | undefined
  memory?: MemoryConfig
  /** Wanted by the `file` driver. */
  file?: FileConfig | undefined
  /** What a session may have when it is saved. */
  limits?: LimitsConfig | undefined
  /** Default `guest`. */
  onStoreFailure?: OnStoreFailure
  /**
   * Whether a save writes over what other requests to the same session have saved or destroyed
   * meanwhile, as @rudderjs/session does. Default `false`: their writes are kept, and a session
   * that is gone stays gone.
   */
  lastWriteWins?: boolean
  /** Whether a visitor without a cookie gets a session at once, before there is data in it. */
  storeEmpty?: boolean
  /**
   * Whether requests that change nothing prolong the session, too: one that comes when half of
   * the lifetime is over. Default `false`, as @rudderjs/session.
   */
  rolling?: boolean
  /** Minutes from its creation after which a session ends, whatever happens. Default: never. */
  absoluteLifetime?: number | undefined
  /**
   * Whether a response with a session cookie says `Vary: Cookie` and `Cache-Control: private`,
   * so that no cache gives it to somebody else. Default `true`.
   */
  cacheHeaders?: boolean
  /**
   * Whether to warn when a value was changed in place and is not saved, since nothing marked the
   * session dirty. Default: in development (`NODE_ENV` or `APP_ENV`).
   */
  warnOnNestedChange?: boolean
  /** Has the sessions of each user listed, so that they can be ended. Default: not. */
  users?: UsersConfig | undefined
}

/** The whole configuration, as `sessionMiddleware` wants it. */
export interface SessionConfig extends CommonConfig {
  driver: DriverName
  /** Minutes that a session lives after it was last saved. */
  lifetime: number
  cookie: CookieConfig
}

/** The configuration with everything optional that has a sensible default. For the adapters. */
export interface SessionOptions extends CommonConfig {
  /** Default `cookie`. */
  driver?: DriverName
  /** Minutes that a session lives after it was last saved. Default 120. */
  lifetime?: number
  cookie?: Partial<CookieConfig>
}

/** A configuration that was checked. Passing it on cannot fail any more. */
export interface ResolvedConfig extends Omit<SessionConfig, 'format' | 'users'>, ResolvedFormat {
  /** What `secret` was when the configuration was checked. */
  keys: SessionKey[]
  /** Always there with the `redis` driver. */
  redis: ResolvedRedis | undefined
  memory: Required<MemoryConfig>
  /** Always there with the `file` driver. */
  file: Required<FileConfig> | undefined
  limits: Required<LimitsConfig>
  onStoreFailure: OnStoreFailure
  lastWriteWins: boolean
  rejectLegacyCookies: boolean
  storeEmpty: boolean
  rolling: boolean
  cacheHeaders: boolean
  warnOnNestedChange: boolean
  users: ResolvedUsers | undefined
}

/** Settings of the `redis` driver that were checked. */
export type ResolvedRedis = Pick<RedisConfig, 'ca'> &
  Required<Omit<RedisConfig, 'ca' | 'host' | 'port' | 'password'>>

/** The options with their defaults. A key whose value is `undefined` counts as left out. */
export function withDefaults(options: SessionOptions): SessionConfig {
  if (typeof options !== 'object' || options === null) {
    throw invalid('config', 'expected an object')
  }
  return {
    ...options,
    driver: options.driver ?? 'cookie',
    lifetime: options.lifetime ?? 120,
    cookie: {
      ...options.cookie,
      name: options.cookie?.name ?? 'rudderjs_session',
      secure: options.cookie?.secure ?? process.env.NODE_ENV === 'production',
      httpOnly: options.cookie?.httpOnly ?? true,
      sameSite: options.cookie?.sameSite ?? 'lax',
      path: options.cookie?.path ?? '/',
    },
  }
}

/**
 * Checks `config`.
 *
 * @param storeEmpty What `config.storeEmpty` is when it was left out.
 * @throws {SessionConfigError} at the first field that is wrong.
 */
export function resolveConfig(config: SessionConfig, storeEmpty: boolean): ResolvedConfig {
  if (typeof config !== 'object' || config === null) throw invalid('config', 'expected an object')
  oneOf('driver', config.driver, ['cookie', 'memory', 'file', 'redis'])
  checkLifetime('lifetime', config.lifetime)
  if (config.absoluteLifetime !== undefined) {
    checkLifetime('absoluteLifetime', config.absoluteLifetime)
  }
  checkCookie(config.cookie)
  const onStoreFailure = config.onStoreFailure ?? 'guest'
  oneOf('onStoreFailure', onStoreFailure, ['guest', 'fail'])

  return {
    ...config,
    ...resolveFormat(config),
    keys: readKeys(config.secret),
    redis: config.driver === 'redis' ? resolveRedis(config.redis ?? {}) : undefined,
    memory: resolveMemory(config.memory ?? {}),
    file: needsFile(config) ? resolveFile(config.file) : undefined,
    limits: resolveLimits(config.limits ?? {}),
    onStoreFailure,
    lastWriteWins: flag('lastWriteWins', config.lastWriteWins ?? false),
    rejectLegacyCookies: flag('rejectLegacyCookies', config.rejectLegacyCookies ?? false),
    storeEmpty: flag('storeEmpty', config.storeEmpty ?? storeEmpty),
    rolling: flag('rolling', config.rolling ?? false),
    cacheHeaders: flag('cacheHeaders', config.cacheHeaders ?? true),
    warnOnNestedChange: flag('warnOnNestedChange', config.warnOnNestedChange ?? inDevelopment()),
    users: config.users === undefined ? undefined : resolveUsers(config.users, config.driver),
  }
}

export function checkLifetime(field: string, minutes: unknown): void {
  if (typeof minutes !== 'number' || !(minutes > 0) || !Number.isFinite(lastExpiry(minutes))) {
    throw invalid(field, `expected a finite number of minutes > 0, got ${shown(minutes)}`)
  }
}

/** Above about 1e304 minutes there is no number left for the expiry. */
function lastExpiry(minutes: number): number {
  return expiresAtMs(0, ttlSecondsOf(minutes))
}

function checkCookie(cookie: CookieConfig): void {
  if (typeof cookie !== 'object' || cookie === null) throw invalid('cookie', 'expected an object')
  refuseInjection('cookie.name', 'cookie name', cookie.name)
  refuseInjection('cookie.path', 'cookie path', cookie.path)
  refuseInjection('cookie.sameSite', 'sameSite', cookie.sameSite)

  if (typeof cookie.name !== 'string' || !COOKIE_NAME.test(cookie.name)) {
    throw invalid('cookie.name', "expected letters, digits and !#$%&'*+-.^_`|~ only, at least one")
  }
  if (typeof cookie.path !== 'string' || !COOKIE_PATH.test(cookie.path)) {
    throw invalid('cookie.path', 'expected printable ASCII that begins with "/"')
  }
  oneOf('cookie.sameSite', cookie.sameSite, ['lax', 'strict', 'none'])
  flag('cookie.httpOnly', cookie.httpOnly ?? false)
  flag('cookie.secure', cookie.secure ?? false)
  positiveInteger('cookie.maxBytes', cookie.maxBytes ?? DEFAULT_MAX_BYTES)
  if (cookie.priority !== undefined) {
    oneOf('cookie.priority', cookie.priority, ['low', 'medium', 'high'])
  }
  const { domain } = cookie
  if (domain !== undefined && (typeof domain !== 'string' || !COOKIE_DOMAIN.test(domain))) {
    throw invalid('cookie.domain', 'expected a host name, such as example.org')
  }
  checkSecurity(cookie)
}

/** What browsers ask of a cookie before they keep it. */
function checkSecurity(cookie: CookieConfig): void {
  const secure = cookie.secure || cookie.sameSite === 'none'
  if (flag('cookie.partitioned', cookie.partitioned ?? false) && !secure) {
    throw invalid('cookie.secure', 'a partitioned cookie is kept by browsers only if secure')
  }
  const name = cookie.name.toLowerCase()
  if (name.startsWith('__secure-') && !secure) {
    throw invalid('cookie.secure', 'a cookie named __Secure- is kept by browsers only if secure')
  }
  if (!name.startsWith('__host-')) return
  if (!(secure && cookie.path === '/')) {
    const field = secure ? 'cookie.path' : 'cookie.secure'
    throw invalid(field, 'a cookie named __Host- is kept by browsers only if secure, with path "/"')
  }
  if (cookie.domain !== undefined) {
    throw invalid('cookie.domain', 'a cookie named __Host- is kept by browsers only without one')
  }
}

function needsFile({ driver, file }: SessionConfig): boolean {
  return driver === 'file' || file !== undefined
}

/** The texts are those of @rudderjs/session, which other suites match. */
function refuseInjection(field: string, label: string, value: unknown): void {
  if (typeof value === 'string' && /[;\r\n]/.test(value)) {
    throw new SessionConfigError(
      field,
      `[Rudder][session] Invalid ${label} — cookie header injection characters detected ` +
        '(semicolon, CR, or LF).',
    )
  }
}

export function resolveRedis(redis: RedisConfig): ResolvedRedis {
  const prefix = redis.prefix ?? 'session:'
  if (typeof prefix !== 'string') throw invalid('redis.prefix', 'expected a string')
  const { ca, minReplicas = 0 } = redis
  if (ca !== undefined && typeof ca !== 'string') throw invalid('redis.ca', 'expected PEM text')
  if (minReplicas !== 0) positiveInteger('redis.minReplicas', minReplicas)
  return {
    prefix,
    ca,
    sentinels: addresses('redis.sentinels', redis.sentinels ?? []),
    cluster: addresses('redis.cluster', redis.cluster ?? []),
    minReplicas,
    // An empty one is an environment variable that is not set.
    url: (redis.url ?? '') === '' ? urlOf(redis) : checkUrl(redis.url),
    deadlineMs: positiveInteger('redis.deadlineMs', redis.deadlineMs ?? 500),
    poolSize: positiveInteger('redis.poolSize', redis.poolSize ?? 4),
  }
}

/** What they look like in detail is the engine's to check. */
function addresses(field: string, value: unknown): string[] {
  if (Array.isArray(value) && value.every((it) => typeof it === 'string')) return value
  throw invalid(field, 'expected a list of host:port')
}

export function resolveMemory({ maxBytes, maxEntries }: MemoryConfig): ResolvedConfig['memory'] {
  return {
    maxBytes: positiveInteger('memory.maxBytes', maxBytes ?? 64 * 1024 * 1024),
    maxEntries: positiveInteger('memory.maxEntries', maxEntries ?? Number.MAX_SAFE_INTEGER),
  }
}

export function resolveFile(file: FileConfig | undefined): Required<FileConfig> {
  const { path, durability = 'immediate', deadlineMs = 5000 } = file ?? {}
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw invalid('file.path', 'expected the path of a file')
  }
  oneOf('file.durability', durability, ['immediate', 'eventual'])
  return { path, durability, deadlineMs: positiveInteger('file.deadlineMs', deadlineMs) }
}

const PROTOCOLS = ['redis:', 'rediss:', 'redis+unix:', 'valkey:', 'valkeys:', 'valkey+unix:']

function checkUrl(url: unknown): string {
  const protocol = typeof url === 'string' && URL.canParse(url) ? new URL(url).protocol : ''
  if (!PROTOCOLS.includes(protocol)) {
    throw invalid(
      'redis.url',
      'expected redis[s]://[user:password@]host[:port][/db] or redis+unix:///path',
    )
  }
  return url as string
}

function urlOf({ host: given, port = 6379, password }: RedisConfig): string {
  const host = (given ?? '') === '' ? '127.0.0.1' : given
  if (typeof host !== 'string') throw invalid('redis.host', 'expected a host name')
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw invalid('redis.port', `expected a whole number from 1 to 65535, got ${shown(port)}`)
  }
  if (password !== undefined && typeof password !== 'string') {
    throw invalid('redis.password', 'expected a string')
  }
  const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const login = password ? `:${encodeURIComponent(password)}@` : ''
  const url = `redis://${login}${name}:${port}`
  if (!URL.canParse(url)) throw invalid('redis.host', 'expected a host name')
  return url
}

/** A token of RFC 9110, section 5.6.2. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const COOKIE_PATH = /^\/[\x20-\x7e]*$/

/** With a dot in front, too: browsers take no notice of it. */
const COOKIE_DOMAIN = /^\.?[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i

/** What RFC 6265bis has browsers take, of name and value together. */
export const DEFAULT_MAX_BYTES = 4096
