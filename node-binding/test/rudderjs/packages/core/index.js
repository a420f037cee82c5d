/**
 * Holds the application: its bindings, its configuration, the middleware of its route groups,
 * and what providers have to say while it boots.
 */

let current = null
let groups = { web: [], api: [] }
let notices = []

export class ServiceProvider {
  constructor(app) {
    this.app = app
  }
}

/** An application, which is `app()` from now on. */
export class Application {
  #bindings = new Map()

  constructor(config = {}) {
    this.config = config
    current = this
    groups = { web: [], api: [] }
    notices = []
  }

  instance(key, value) {
    this.#bindings.set(key, value)
    return this
  }

  make(key) {
    if (!this.#bindings.has(key)) throw new Error(`Nothing is bound to "${key}".`)
    return this.#bindings.get(key)
  }

  /** Registers and boots one provider, as the framework does with each. */
  async boot(Provider) {
    const provider = new Provider(this)
    provider.register()
    await provider.boot()
  }

  get groups() {
    return groups
  }

  get notices() {
    return notices
  }
}

export function app() {
  if (current === null) throw new Error('There is no application.')
  return current
}

export function config(key) {
  return app().config[key]
}

export function appendToGroup(group, handler) {
  groups[group].push(handler)
}

export function bootNotice(scope, message) {
  notices.push({ scope, message })
}

/** For tests of what happens without one. */
export function forgetApplication() {
  current = null
}
