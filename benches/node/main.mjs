// Compares this package with what it replaces, side by side in one run.
//
//   node main.mjs [word ...]      only the groups of rows whose name has a word in it
//
// Prints a table, and writes target/bench/node.json: an array of
// { name, peer, ours, theirs, unit, ratio, spread }, where a ratio above 1 means that ours is better, and
// the spread is that of the ratios of neighbours in time.
//
// A group of rows is a file in rows/ that exports an async generator of rows. A row has `target`
// as well: the ratio that it should reach.

import { cpus } from 'node:os'
import { writeRows } from './result.mjs'
import { codecRows } from './rows/codec.mjs'
import { cookieRequestRows } from './rows/cookie-request.mjs'
import { delayedRedisRows, redisRows } from './rows/redis.mjs'
import { usersRows } from './rows/users.mjs'

const GROUPS = {
  codec: codecRows,
  'cookie-request': cookieRequestRows,
  redis: redisRows,
  'delayed-redis': delayedRedisRows,
  users: usersRows,
}

const words = process.argv.slice(2)
const names = Object.keys(GROUPS).filter(
  (name) => words.length === 0 || words.some((word) => name.includes(word)),
)
const [cpu] = cpus()
console.log(`Node ${process.version}, ${cpus().length} x ${cpu?.model.trim()}\n`)

const rows = []
let missed = 0
for (const name of names) {
  for await (const { target, ...measured } of GROUPS[name]()) {
    const row = withRatio(measured)
    rows.push(row)
    if (row.ratio < target) missed += 1
    console.log(line(row, target))
  }
  // After each group: what was measured stays if the next one is interrupted.
  writeRows('node.json', rows)
}
console.log(`\n${rows.length} rows, ${missed} below their target`)

/** Of a rate more is better, of a time less. */
function withRatio({ name, peer, ours, theirs, unit, spread }) {
  const ratio = unit.endsWith('/s') ? ours / theirs : theirs / ours
  const [a, b, c, d] = [ours, theirs, ratio, spread].map(rounded)
  return { name, peer, ours: a, theirs: b, unit, ratio: c, spread: d }
}

function rounded(value) {
  return Number(value.toPrecision(4))
}

function line({ name, peer, ours, theirs, unit, ratio }, target) {
  const verdict = ratio >= target ? 'met' : 'MISSED'
  const cells = [
    name.padEnd(64),
    peer.padEnd(20),
    `${ours}`.padStart(8),
    `${theirs}`.padStart(8),
    unit.padEnd(5),
    `${ratio.toFixed(2)}x`.padStart(8),
    `wanted ${target}`.padEnd(11),
    verdict,
  ]
  return cells.join(' ')
}
