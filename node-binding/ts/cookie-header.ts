/**
 * Finds one cookie in the text of a `Cookie` header.
 *
 *   header = pair *( ";" pair )      pair = name "=" value
 *
 * Values are taken as sent: no percent-decoding, no unquoting.
 */

/**
 * The value of the first cookie called `name`, or `undefined` if there is none.
 *
 * First, because browsers send the cookie with the longest path first. A first match that is
 * empty is a match: it answers `''`, and later ones are not looked at.
 */
export function findCookie(header: string, name: string): string | undefined {
  for (let start = 0; start <= header.length; ) {
    let end = header.indexOf(';', start)
    if (end === -1) end = header.length

    const equals = header.indexOf('=', start)
    if (equals !== -1 && equals < end && header.slice(start, equals).trim() === name) {
      return header.slice(equals + 1, end).trim()
    }
    start = end + 1
  }
  return undefined
}
