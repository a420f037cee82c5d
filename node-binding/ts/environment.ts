/** Says what kind of process this is. Read when asked, since tests and CLIs change it. */

/** Whether visitors depend on it. RudderJS says so by APP_ENV, most others by NODE_ENV. */
export function inProduction(): boolean {
  const { NODE_ENV, APP_ENV } = process.env
  return NODE_ENV === 'production' || APP_ENV === 'production'
}

/** Whether it says of itself that a developer is looking. */
export function inDevelopment(): boolean {
  const { NODE_ENV, APP_ENV } = process.env
  return NODE_ENV === 'development' || APP_ENV === 'development' || APP_ENV === 'local'
}
