/**
 * The raw API, for those who write a session layer of their own: what this one stands on.
 *
 *   createCodec     sign, verify, encode, decode, load, loadId: synchronous, no I/O
 *   open..Store     load, create, update, regenerate, save, touch, destroy: promises
 *
 * Takes and gives JSON text, ids and times; knows no request, no flash and no dirtiness. Errors
 * are the classes that the main entry exports.
 */

import {
  type FileConfig,
  type MemoryConfig,
  type RedisConfig,
  resolveFile,
  resolveMemory,
  resolveRedis,
} from './config.js'
import type { OpenStore } from './store.js'
import * as stores from './store.js'

export type { StoreStats } from '../native.js'
export { type Codec, openCodec as createCodec } from './codec.js'
export type { FileConfig, MemoryConfig, RedisConfig } from './config.js'
export type { NativeStore as Store } from './native-store.js'
export type { OpenStore } from './store.js'

/** A store in this process, of whoever opens it. */
export function openMemoryStore(memory: MemoryConfig = {}): OpenStore {
  return stores.openMemoryStore(resolveMemory(memory))
}

/**
 * A store in a file, shared with whoever opens one with the same settings.
 *
 * @throws {SessionStoreError} with the code `ERR_SESSION_STORE_FILE` if it does not open.
 */
export function openFileStore(file: FileConfig): OpenStore {
  return stores.openFileStore(resolveFile(file))
}

/** A store in Redis, shared with whoever opens one with the same settings. Connects when used. */
export function openRedisStore(redis: RedisConfig = {}): OpenStore {
  return stores.openRedisStore(resolveRedis(redis))
}
