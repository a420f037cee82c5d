/**
 * Visits the demo as a browser does: keeps cookies, sends forms, follows redirects one by one.
 *
 *   Browser.get/post  -->  Page { status, headers, html }
 *
 * Parses no HTML; a Page finds what the demo's markup is known to hold.
 */

export class Browser {
  readonly #url: string
  readonly #cookies = new Map<string, string>()

  constructor(url: string) {
    this.#url = url
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Page> {
    return this.#send(path, { headers })
  }

  /** Sends a form of the demo's own page, and does not follow the answer. */
  post(
    path: string,
    fields: Record<string, string> = {},
    headers: Record<string, string> = {},
  ): Promise<Page> {
    const own = { origin: this.#url, 'sec-fetch-site': 'same-origin' }
    const body = new URLSearchParams(fields)
    return this.#send(path, { method: 'POST', body, headers: { ...own, ...headers } })
  }

  /** Sends a form, and goes where the answer says. */
  async submit(path: string, fields: Record<string, string> = {}): Promise<Page> {
    const { status, headers } = await this.post(path, fields)
    const location = headers.get('location')
    if (status !== 303 || location === null) throw new Error(`${path} answered ${status}`)
    return this.get(new URL(location, this.#url).pathname)
  }

  /** What this browser would send as `Cookie`. */
  get cookies(): string {
    return Array.from(this.#cookies, ([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Another browser with the same cookies, on the same demo or on another one. */
  copy(url = this.#url): Browser {
    const copy = new Browser(url)
    for (const [name, value] of this.#cookies) copy.#cookies.set(name, value)
    return copy
  }

  async #send(path: string, init: RequestInit): Promise<Page> {
    const headers = new Headers(init.headers)
    if (this.#cookies.size > 0) headers.set('cookie', this.cookies)
    const answer = await fetch(new URL(path, this.#url), { ...init, headers, redirect: 'manual' })
    for (const text of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(text) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
    return new Page(answer.status, answer.headers, await answer.text())
  }
}

export class Page {
  constructor(
    readonly status: number,
    readonly headers: Headers,
    readonly html: string,
  ) {}

  get visits(): number {
    return Number(this.#find(/<b id="visits">(\d+)<\/b>/))
  }

  /** The name in the account section, as escaped in the markup; `null` for a guest. */
  get user(): string | null {
    return this.#find(/<p class="who"><strong>([^<]*)<\/strong>/)
  }

  /** How many things are in the cart. */
  get items(): number {
    return Number(this.#find(/<b id="items">(\d+)<\/b>/) ?? 0)
  }

  /** As escaped in the markup. */
  get note(): string {
    return this.#find(/name="note" value="([^"]*)"/) ?? ''
  }

  get flash(): string | null {
    return this.#find(/<div class="notice" role="status"><p>([^<]*) </)
  }

  /** The first characters of the session id. */
  get id(): string | null {
    return this.#find(/&quot;id&quot;: <\/span><span class="text">&quot;(\w+)/)
  }

  /** Those of the user's other devices, newest seen first. */
  get handles(): string[] {
    return Array.from(this.html.matchAll(/name="handle" value="([^"]*)"/g), ([, it]) => it ?? '')
  }

  /** Whether the page says that the store is out of reach. */
  get outage(): boolean {
    return this.html.includes('role="alert"')
  }

  #find(pattern: RegExp): string | null {
    return pattern.exec(this.html)?.[1] ?? null
  }
}
