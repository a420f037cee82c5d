// What the servers keep in a session: some 500 bytes.

export const SECRET = 'a secret of the benches, 32 chars'

export const ITEMS = Array.from({ length: 6 }, (_, n) => ({
  sku: `A-${1001 + n}`,
  name: 'coffee "beans"',
  count: 2,
  price: 3.5,
}))

export function ourOptions(kind, redisUrl) {
  const driver = kind === 'ours, redis' ? 'redis' : 'cookie'
  return { driver, secret: SECRET, redis: { url: redisUrl }, cookie: { secure: false } }
}
