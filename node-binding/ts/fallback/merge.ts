/**
 * Brings the writes of two requests to one session together.
 *
 *   base     what our request loaded          {"a":1,"b":1,"c":1}
 *   ours     what our request wants saved     {"a":2,"b":1,"d":4}       put a, forget c, put d
 *   theirs   what is stored by now            {"a":1,"b":3,"c":1}       somebody put b
 *   merged                                    {"a":2,"b":3,"d":4}
 *
 * Whole top-level keys of the data and of the flash values; values are never merged into each
 * other and stay as they are written. The same as the engine's merge, which the addon uses.
 */

import { members, same } from './json-text.js'
import { keeping, type Payload, payloadOf } from './payload.js'

/** Applies the changes from `base` to `ours` to `theirs`, whose id the result has. */
export function merge(base: Payload, ours: Payload, theirs: Payload): Payload {
  const data = mergeObjects(base.data, ours.data, theirs.data, 'removal wins')
  // What we took out was for us; what stands there under the same name is for the next one.
  const flashNext = mergeObjects(
    base.flashNext,
    ours.flashNext,
    theirs.flashNext,
    'removal loses to change',
  )
  // Of two users that of the request which changed it counts, and nobody takes one out.
  const user = ours.user === base.user ? theirs.user : (ours.user ?? theirs.user)
  const merged = payloadOf(theirs.id, data, flashNext, theirs.createdAt, user)
  return keeping(keeping(merged, ours), base)
}

/** What becomes of a key that we removed and somebody else changed. */
type Removal = 'removal wins' | 'removal loses to change'

function mergeObjects(baseText: string, oursText: string, theirsText: string, removal: Removal) {
  if (baseText === theirsText) return oursText
  if (baseText === oursText) return theirsText
  const [base, ours, theirs] = [byKey(baseText), byKey(oursText), byKey(theirsText)]
  const changedByUs = (key: string) => differ(base.get(key), ours.get(key))

  const merged: string[] = []
  const push = (key: string, value: string) => merged.push(`${JSON.stringify(key)}:${value}`)
  for (const [key, value] of theirs) {
    const own = ours.get(key)
    const keptForThem =
      own === undefined && removal === 'removal loses to change' && differ(base.get(key), value)
    if (keptForThem || !changedByUs(key)) push(key, value)
    else if (own !== undefined) push(key, own)
  }
  for (const [key, value] of ours) {
    if (!theirs.has(key) && changedByUs(key)) push(key, value)
  }
  return `{${merged.join()}}`
}

function differ(before: string | undefined, after: string | undefined): boolean {
  if (before === undefined || after === undefined) return before !== after
  return !same(before, after)
}

/** One value for each key, the last one, at the place of the first: as JavaScript sees them. */
function byKey(object: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const [key, value] of members(object)) values.set(JSON.parse(key), value)
  return values
}
