/**
 * A tab of a real browser with the demo in it.
 *
 *   Tab.open  -->  login, add, keepNote ...  -->  what the page shows then
 *
 * Waits for what the page or the server shows, never for a time.
 */

import assert from 'node:assert/strict'
import type { BrowserContext, Cookie, Page, Response } from 'playwright-core'
import { COOKIE_NAME } from '../../demo/settings.js'

export class Tab {
  readonly #url: string

  private constructor(
    readonly page: Page,
    url: string,
  ) {
    this.#url = url
  }

  /** A new tab of `context`: it shares the cookies of the other tabs there. */
  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const tab = new Tab(await context.newPage(), url)
    await tab.visit()
    return tab
  }

  /** Goes to the demo, or to another one. */
  async visit(url = this.#url): Promise<void> {
    const answer = await this.page.goto(url)
    assert.equal(answer?.status(), 200)
  }

  /** Presses a button whose form the server answers with a redirect, and waits for the page. */
  async press(button: string): Promise<Response> {
    const sent = this.page.waitForResponse((answer) => answer.request().method() === 'POST')
    const shown = this.page.waitForNavigation()
    await this.page.locator(`#${button}`).click()
    const answer = await sent
    await shown
    return answer
  }

  async login(name: string): Promise<Response> {
    await this.page.locator('#name').fill(name)
    return this.press('login')
  }

  /**
   * Presses the button that is slow, and comes back when the server has the request's session in
   * hand. What it answers is the end of the request.
   */
  async keepNoteSlowly(note: string): Promise<{ answered: Promise<Response> }> {
    const before = await this.#loads()
    await this.page.locator('#note-text').fill(note)
    const answered = this.press('keep')
    // The caller awaits it later, and by then it may have failed already.
    answered.catch(() => {})
    let now: number
    do now = await this.#loads()
    while (now === before)
    return { answered }
  }

  /** What the page shows of the session. */
  async shown(): Promise<{ user: string | null; items: number; note: string; visits: number }> {
    const user = await this.#textOf('.who strong')
    const items = Number((await this.#textOf('#items')) ?? 0)
    const visits = Number(await this.#textOf('#visits'))
    return { user, items, note: await this.page.locator('#note-text').inputValue(), visits }
  }

  /** The user's devices, one text for each, its white space made single spaces. */
  async devices(): Promise<string[]> {
    const texts = await this.page.locator('.devices li').allInnerTexts()
    return texts.map((text) => text.replace(/\s+/g, ' '))
  }

  /** The flash message; the page's script takes it away and puts it back, to have it read out. */
  async flash(): Promise<string | null> {
    await this.page.evaluate(() => new Promise(requestAnimationFrame))
    const text = await this.#textOf('.notice p')
    return text?.replace(' Flash: shown once.', '') ?? null
  }

  /** The session cookie as this browser has stored it. */
  async cookie(): Promise<Cookie> {
    const cookies = await this.page.context().cookies()
    const [cookie, ...others] = cookies.filter(({ name }) => name === COOKIE_NAME)
    assert.ok(cookie, 'the browser has a session cookie')
    assert.deepEqual(others, [])
    return cookie
  }

  async #textOf(selector: string): Promise<string | null> {
    const [text] = await this.page.locator(selector).allTextContents()
    return text ?? null
  }

  /** How many sessions the demo has loaded. Asking loads none. */
  async #loads(): Promise<number> {
    const answer = await fetch(new URL('/api/figures', this.#url))
    const { operations } = (await answer.json()) as { operations: { load: { calls: number } } }
    return operations.load.calls
  }
}
