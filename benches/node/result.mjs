// Writes rows for the report, beside those that an earlier run has measured and this one has not.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

export function writeRows(file, rows) {
  const path = new URL(`../../target/bench/${file}`, import.meta.url)
  const key = ({ name, peer }) => (typeof peer === 'string' ? `${name}/${peer}` : name)
  const measured = new Set(rows.map(key))
  const before = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : []
  const others = before.filter((row) => !measured.has(key(row)))
  mkdirSync(new URL('.', path), { recursive: true })
  writeFileSync(path, `${JSON.stringify([...others, ...rows], null, 2)}\n`)
}
