/** Collects garbage at once, for the tests that look at what stays. */

import { readdirSync } from 'node:fs'
import { setImmediate as tick } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
export const gc = runInNewContext('gc') as () => void

export const MIB = 1 << 20

/** What is garbage is gone after that, and its finalizers have run. */
export async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    gc()
    await tick() // Finalizers run between turns.
  }
}

/** Bytes of this process that are in memory, garbage not counted. */
export async function rssWithoutGarbage(): Promise<number> {
  await collectGarbage()
  return process.memoryUsage.rss()
}

/** Threads of this process; 0 where the system does not tell. */
export function threads(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0
}

/** Waits for what comes about by itself, without an event that says so. The test's guard ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await collectGarbage()
}
