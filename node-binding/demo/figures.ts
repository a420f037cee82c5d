/**
 * Measures the sessions of a running demo.
 *
 *   around(session middleware)  -->  recent times    what a request pays, its handler left out
 *   engine.stats()              -->  operations      what the driver and the store did
 *
 * Times are microseconds. Knows no page; `snapshot()` is what `/api/figures` answers.
 */

import type { EngineStats, OperationStats, StoreStats } from '@rudderjs/session-native'
import type { SessionEnv, SessionHandler } from '@rudderjs/session-native/hono'
import type { MiddlewareHandler } from 'hono'

export interface FiguresSnapshot {
  driver: EngineStats['driver']
  uptimeSeconds: number
  middleware: {
    /** Requests with a session since the start. */
    requests: number
    /** Over the last 512 requests; `null` before the first one. */
    medianMicros: number | null
    p99Micros: number | null
    /** The last 60, the oldest one first. */
    recentMicros: number[]
  }
  operations: Record<'load' | 'save' | 'regenerate' | 'destroy', OperationFigures>
  /** The store's own figures; `null` for the `cookie` driver, which has no store. */
  store: Record<StoreOperation, StoreFigures> | null
  /** What parallel requests did to each other; `null` as above. */
  incidents: IncidentFigures | null
}

export interface IncidentFigures {
  /** Saves that met another request's, and were merged with it. */
  merges: number
  /** Saves that came after a logout or the expiry, and were not done. */
  writesToGone: number
  /** Records that carried another id than their own. Never served. */
  foreignRecords: number
}

export interface OperationFigures {
  calls: number
  errors: number
  meanMicros: number | null
  slowestMicros: number | null
}

export interface StoreFigures {
  calls: number
  errors: number
  /** Upper bounds. */
  p50Micros: number | null
  p99Micros: number | null
}

type StoreOperation = (typeof STORE_OPERATIONS)[number]

export class Figures {
  readonly #sessions: SessionHandler
  readonly #times = new RecentTimes()
  readonly #startedMs = performance.now()

  constructor(sessions: SessionHandler) {
    this.#sessions = sessions
  }

  /** The session middleware with a stop watch that stands still while the handler runs. */
  readonly middleware: MiddlewareHandler<SessionEnv> = async (c, next) => {
    const startMs = performance.now()
    let handlerMs = 0
    try {
      return await this.#sessions(c, async () => {
        const handlerStartMs = performance.now()
        await next()
        handlerMs = performance.now() - handlerStartMs
      })
    } finally {
      this.#times.add((performance.now() - startMs - handlerMs) * 1000)
    }
  }

  snapshot(): FiguresSnapshot {
    const { driver, load, save, regenerate, destroy, store } = this.#sessions.engine.stats()
    return {
      driver,
      uptimeSeconds: Math.floor((performance.now() - this.#startedMs) / 1000),
      middleware: this.#times.summary(),
      operations: {
        load: inMicros(load),
        save: inMicros(save),
        regenerate: inMicros(regenerate),
        destroy: inMicros(destroy),
      },
      store: store && storeFigures(store),
      incidents: store && {
        merges: store.merges,
        writesToGone: store.writesToGone,
        foreignRecords: store.foreignRecords,
      },
    }
  }
}

/** The last few times, in a ring: an hour of load weighs no more than the last minute. */
class RecentTimes {
  readonly #ring: number[] = []
  #count = 0

  add(micros: number): void {
    this.#ring[this.#count % WINDOW] = round(micros)
    this.#count += 1
  }

  summary(): FiguresSnapshot['middleware'] {
    const sorted = this.#ring.toSorted((a, b) => a - b)
    const from = Math.max(0, this.#count - SHOWN)
    const length = this.#count - from
    return {
      requests: this.#count,
      medianMicros: quantile(sorted, 0.5),
      p99Micros: quantile(sorted, 0.99),
      recentMicros: Array.from({ length }, (_, i) => this.#ring[(from + i) % WINDOW] ?? 0),
    }
  }
}

/** The smallest value that `share` of all values do not exceed. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.ceil(share * sorted.length) - 1] ?? null
}

function inMicros({ calls, errors, totalMs, maxMs }: OperationStats): OperationFigures {
  const meanMicros = calls === 0 ? null : round((totalMs * 1000) / calls)
  return { calls, errors, meanMicros, slowestMicros: calls === 0 ? null : round(maxMs * 1000) }
}

function storeFigures(stats: StoreStats): Record<StoreOperation, StoreFigures> {
  const entries = STORE_OPERATIONS.map((name) => [name, ofStore(stats[name])] as const)
  return Object.fromEntries(entries) as Record<StoreOperation, StoreFigures>
}

/** A store without calls says 0, which would read as a feat. */
function ofStore({
  calls,
  errors,
  p50Micros,
  p99Micros,
}: StoreStats[StoreOperation]): StoreFigures {
  if (calls === 0) return { calls, errors, p50Micros: null, p99Micros: null }
  return { calls, errors, p50Micros, p99Micros }
}

function round(micros: number): number {
  return Math.round(micros * 10) / 10
}

/** What the requests of this demo are made of. */
const STORE_OPERATIONS = ['load', 'create', 'replace', 'remove', 'destroy'] as const

const WINDOW = 512
const SHOWN = 60
