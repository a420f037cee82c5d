// Gives every client of Redis the same calls.
//
//   open(port) -> { create(session, text), load(session) -> text, save(session, text), close() }
//
// `session` is { id, text }: what is stored, as far as its one caller knows.

import { GlideClient, TimeUnit } from '@valkey/valkey-glide'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { openRedisStore } from '../../node-binding/dist/raw.js'

const TTL_SECONDS = 7200

/** Saves over whatever is there, as all the others do. */
export function ourLastWriteWins(port) {
  return ours(port, (store, _session, text) => store.save(text, TTL_SECONDS, Date.now()))
}

/** Saves onto what was loaded: the default. */
export function ourDefault(port) {
  return ours(port, async (store, session, text) => {
    const saved = await store.update(session.text, text, TTL_SECONDS, Date.now())
    if (saved !== true) throw new Error('nobody else writes into this session')
  })
}

async function ours(port, save) {
  const { store, release } = openRedisStore({
    url: `redis://127.0.0.1:${port}`,
    deadlineMs: 10_000,
  })
  return {
    create: (_session, text) => store.save(text, TTL_SECONDS, Date.now()),
    load: ({ id }) => store.load(id, Date.now()),
    save: (session, text) => save(store, session, text),
    close: release,
  }
}

export function ioredis(port) {
  return ioredisWith({ port })
}

export function ioredisAutoPipelining(port) {
  return ioredisWith({ port, enableAutoPipelining: true })
}

async function ioredisWith(options) {
  const client = new Redis({ host: '127.0.0.1', ...options })
  const save = ({ id }, text) => client.set(nameOf(id), text, 'EX', TTL_SECONDS)
  return {
    create: save,
    load: ({ id }) => client.get(nameOf(id)),
    save,
    close: () => client.disconnect(),
  }
}

export async function nodeRedis(port) {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  await client.connect()
  const save = ({ id }, text) => client.set(nameOf(id), text, { EX: TTL_SECONDS })
  return {
    create: save,
    load: ({ id }) => client.get(nameOf(id)),
    save,
    close: () => client.destroy(),
  }
}

export async function valkeyGlide(port) {
  const addresses = [{ host: '127.0.0.1', port }]
  const client = await GlideClient.createClient({ addresses, requestTimeout: 10_000 })
  const expiry = { type: TimeUnit.Seconds, count: TTL_SECONDS }
  const save = ({ id }, text) => client.set(nameOf(id), text, { expiry })
  return {
    create: save,
    load: ({ id }) => client.get(nameOf(id)),
    save,
    close: () => client.close(),
  }
}

function nameOf(id) {
  return `session:${id}`
}
