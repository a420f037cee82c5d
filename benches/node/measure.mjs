// Measures two ways to do the same, in turns.

/**
 * Nanoseconds of one call of each, measured in slices that take turns.
 *
 * Other programs make slices longer, never shorter: of all slices the one counts that a fifth of
 * them do not exceed, for both alike.
 *
 * @param ours, theirs Called with a number that goes up; what they return is not looked at.
 */
export function inTurns(ours, theirs) {
  const sides = [ours, theirs].map((call) => ({ call, ...sliceOf(call), slices: [] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of sides) side.slices.push(nanoseconds(side.call, side.calls) / side.calls)
  }
  const [first, second] = sides.map(({ slices }) => quantile(slices, 0.2))
  const ratios = spread(sides[0].slices, sides[1].slices)
  return { ours: first, theirs: second, unit: 'ns', spread: ratios }
}

/** The same for functions that give promises. Each call waits for the one before. */
export async function inTurnsAsync(ours, theirs) {
  const sides = [ours, theirs].map((call) => ({ call, slices: [] }))
  for (const { call } of sides) await slice(call, WARM_UP_CALLS)
  for (let round = 0; round < ROUNDS; round++) {
    for (const { call, slices } of sides) slices.push(await slice(call, ASYNC_CALLS))
  }
  const [first, second] = sides.map(({ slices }) => quantile(slices, 0.2))
  const ratios = spread(sides[0].slices, sides[1].slices)
  return { ours: first / 1000, theirs: second / 1000, unit: 'us', spread: ratios }
}

/** From the lower to the upper quartile of the ratios of neighbours. */
export function spread(ours, theirs) {
  const ratios = ours.map((value, n) => theirs[n] / value)
  return quantile(ratios, 0.75) - quantile(ratios, 0.25)
}

export function quantile(values, part) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}

const ROUNDS = 400
const WARM_UP_CALLS = 20_000
const ASYNC_CALLS = 50

/** Short, so that most slices are not interrupted. */
const SLICE_NS = 200_000

function sliceOf(call) {
  nanoseconds(call, WARM_UP_CALLS)
  const once = nanoseconds(call, 1000) / 1000
  return { calls: Math.max(10, Math.round(SLICE_NS / once)) }
}

function nanoseconds(call, calls) {
  const start = process.hrtime.bigint()
  for (let n = 0; n < calls; n++) call(n)
  return Number(process.hrtime.bigint() - start)
}

async function slice(call, calls) {
  const start = process.hrtime.bigint()
  for (let n = 0; n < calls; n++) await call(n)
  return Number(process.hrtime.bigint() - start) / calls
}
