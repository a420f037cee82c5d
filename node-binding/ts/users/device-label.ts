/**
 * Names a browser and its system in a few words, for the list of a user's devices.
 *
 *   "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
 *     -->  "Firefox on Linux"
 *
 * Client software says of itself what it likes: a label helps a user, and proves nothing.
 */

/** A short label for a `User-Agent` header; empty for what is no common browser. */
export function deviceLabel(userAgent: string | undefined): string {
  const text = (userAgent ?? '').slice(0, MOST_LOOKED_AT)
  const browser = nameIn(BROWSERS, text)
  const system = nameIn(SYSTEMS, text)
  return browser !== '' && system !== '' ? `${browser} on ${system}` : browser
}

function nameIn(names: readonly (readonly [RegExp, string])[], text: string): string {
  return names.find(([pattern]) => pattern.test(text))?.[1] ?? ''
}

/** Most pose as another one, so whoever is posed as comes last. */
const BROWSERS = [
  [/\b(?:Edg|EdgA|EdgiOS)\//, 'Edge'],
  [/\b(?:OPR|OPiOS)\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bYaBrowser\//, 'Yandex Browser'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/[\d.]+ .*\bSafari\//, 'Safari'],
] as const

const SYSTEMS = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMacintosh\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
] as const

/** Real ones are shorter. */
const MOST_LOOKED_AT = 512
