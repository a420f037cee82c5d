/**
 * Chooses the text that keys the signatures: SESSION_SECRET, else APP_KEY, else a placeholder.
 *
 * Knows nothing of rotation and of config objects; an empty result is not possible.
 */

/** The secret of applications that never set one. Public, so whoever reads this can forge. */
export const PLACEHOLDER_SECRET = 'change-me-in-production'

const NOTICE =
  'no SESSION_SECRET or APP_KEY set — session cookies are signed with a PUBLIC default and are ' +
  'forgeable by anyone. Run `rudder key:generate` (sets APP_KEY) or set SESSION_SECRET before ' +
  'deploying.'

/**
 * The secret to sign with.
 *
 * `configured` wins, trimmed, unless it is empty or the placeholder. Otherwise `appKey` without
 * a leading `base64:`, trimmed: the base64 text itself is the key, as it is not decoded.
 * Otherwise the placeholder, and `notice` is called.
 *
 * @param appKey Defaults to the environment's APP_KEY.
 * @param notice Gets the text for the operator. Defaults to `console.warn` under `[session]`.
 */
export function resolveSessionSecret(
  configured: string | null | undefined,
  appKey: string | null | undefined = process.env.APP_KEY,
  notice: (text: string) => void = (text) => console.warn(`[session] ${text}`),
): string {
  const own = configured?.trim()
  if (own && own !== PLACEHOLDER_SECRET) return own

  const fallback = appKey?.replace(/^base64:/, '').trim()
  if (fallback) return fallback

  notice(NOTICE)
  return PLACEHOLDER_SECRET
}
