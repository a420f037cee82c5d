/**
 * Turns figures into text and dots. The server draws the first page with it and the browser
 * the rest, so this file is sent to both and uses nothing that only one of them has.
 */

/** `1234` is `1,234`. */
export function count(value: number): string {
  return value.toLocaleString('en')
}

/** Microseconds for reading: a digit after the point only where it says something. */
export function micros(value: number | null): string {
  if (value === null) return '\u2013'
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })
}

/** The chart, in units of its own. Its height spans the decades from 10 us to 1 s. */
export const CHART = { width: 600, height: 150, decades: 5, slots: 60 }

/**
 * One dot for each request, as an SVG path of strokes without length; the newest is rightmost.
 *
 * The scale is logarithmic: a first request that starts the engine takes a hundred times as
 * long as the next one, and would flatten all others.
 */
export function dots(recentMicros: readonly number[]): string {
  const { width, height, decades, slots } = CHART
  const step = width / slots
  const shown = recentMicros.slice(-slots)
  const first = slots - shown.length
  const dot = (value: number, i: number) => {
    const above = Math.min(Math.max(Math.log10(Math.max(value, 1)) - 1, 0), decades)
    const x = (first + i + 0.5) * step
    const y = height - (above / decades) * height
    return `M${x} ${Math.round(y * 10) / 10}h0`
  }
  return shown.map(dot).join('')
}
