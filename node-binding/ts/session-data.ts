/**
 * Gives keys of the session their types, if an application says so.
 *
 *   declare module '@rudderjs/session-native' {
 *     interface SessionData {
 *       cart: string[]
 *     }
 *   }
 *   session.get('cart')        // string[] | undefined
 *   session.put('cart', 1)     // does not compile
 *
 * All other keys stay as they are: anything. Nothing of this is there at run time.
 */

/** What is in the session, by key. Empty until an application adds to it. */
// biome-ignore lint/suspicious/noEmptyInterface: a type could not be added to.
export interface SessionData {}

/** A key that was given a type. */
export type KnownKey = keyof SessionData & string

/** What may be put under a key. */
export type ValueOf<K extends string> = K extends KnownKey ? SessionData[K] : unknown
