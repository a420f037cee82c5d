/**
 * What the addon offers, in plain JavaScript, for where no binary fits.
 *
 *   FallbackCodec           the same bytes and verdicts as the addon's, by node:crypto
 *   FallbackHardenedCodec   likewise, in the hardened format
 *   findMembersOf           the members of payloads in their text, as the addon finds them
 *   FallbackCalls           `StoreCalls` to a store in memory, or in Redis by the application's
 *                           ioredis
 *
 * There is no store in a file, no cluster and no waiting for replicas. All of it runs on JavaScript's thread, and is slower.
 */

import { SessionNativeError } from '../errors.js'
import type { Binary } from '../native.js'
import { findMembersOf } from './canonical.js'
import { FallbackCodec } from './codec.js'
import { FallbackHardenedCodec } from './hardened-codec.js'
import { HashedIds } from './hashed-ids.js'
import { MemoryStore } from './memory-store.js'
import type { RecordStore } from './record-store.js'
import { RedisStore } from './redis-store.js'
import { FallbackCalls } from './store-calls.js'

/** @param reason Why the addon is not in use, as a sentence. For errors about what is missing. */
export function fallback(reason: string): Binary {
  return {
    createCodec: (secrets) => new FallbackCodec(secrets),
    createHardenedCodec: (options) => new FallbackHardenedCodec(options),
    createMemberFinder: () => findMembersOf,
    createMemoryCalls: (options, drain) => callsTo(new MemoryStore(options), options, drain),
    createFileCalls: () => {
      throw needsAddon(
        'The file driver',
        `${reason} Or set another driver: memory, cookie or redis.`,
      )
    },
    createRedisCalls: (options, drain) => {
      if (options.cluster?.length) throw needsAddon('redis.cluster', reason)
      if (options.minReplicas) throw needsAddon('redis.minReplicas', reason)
      return callsTo(new RedisStore(options), options, drain)
    },
  }
}

function callsTo(
  store: RecordStore,
  { hashIds }: { hashIds?: boolean },
  drain: (...settled: unknown[]) => void,
): FallbackCalls {
  return new FallbackCalls(hashIds ? new HashedIds(store) : store, drain)
}

function needsAddon(what: string, why: string): SessionNativeError {
  const text = `[Rudder][session] ${what} needs the native addon, which is not in use. ${why}`
  return new SessionNativeError(text)
}
