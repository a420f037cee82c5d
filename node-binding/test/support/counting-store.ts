/** A store of an index of users that says how it is used, and can be broken. */

import { SessionStoreError } from '@rudderjs/session-native'
import { openMemoryStore } from '@rudderjs/session-native/native'

/** A store that counts, and fails on demand. */
export class CountingStore {
  readonly #store = openMemoryStore().store
  loads = 0
  updates = 0
  failing: 'load' | 'update' | null = null

  async load(id: string, nowMs: number) {
    this.loads += 1
    if (this.failing === 'load') throw OUT_OF_REACH
    return this.#store.load(id, nowMs)
  }

  create(text: string, ttlSeconds: number, nowMs: number) {
    return this.#store.create(text, ttlSeconds, nowMs)
  }

  async update(base: string, text: string, ttlSeconds: number, nowMs: number) {
    this.updates += 1
    if (this.failing === 'update') throw OUT_OF_REACH
    return this.#store.update(base, text, ttlSeconds, nowMs)
  }
}

const OUT_OF_REACH = new SessionStoreError('ERR_SESSION_STORE_UNREACHABLE', 'down', {
  retryable: true,
})
