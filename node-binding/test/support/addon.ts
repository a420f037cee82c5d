/** What there is to test: without the addon there is no store in a file. */

import { nativeStatus } from '@rudderjs/session-native'

export type StoreName = 'memory' | 'file' | 'redis'

const { native } = nativeStatus()

/** The stores that there are. */
export const STORES: StoreName[] = native ? ['memory', 'file', 'redis'] : ['memory', 'redis']

/** When a write to a file may be safe. */
export const DURABILITIES = native ? (['immediate', 'eventual'] as const) : []
