/**
 * The pages, wide and narrow, light and dark: nothing sticks out, nothing is refused or fails.
 *
 *   build/pictures/<page>-<width>-<scheme>.png      for people to look at
 */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { DemoProcess } from '../../demo/testing/demo-process.js'
import { chromium } from './chromium.js'
import { Tab } from './tab.js'

const PICTURES = fileURLToPath(new URL('../../pictures/', import.meta.url))

/** What a phone says of itself. */
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like ' +
  'Gecko) Version/18.5 Mobile/15E148 Safari/604.1'

const WIDTHS = [1280, 360]
const SCHEMES = ['light', 'dark'] as const

let browser: Browser
before(async () => {
  browser = await chromium()
})
after(() => browser.close())

test('the page of a guest fits', () => pictures('guest', 'file', async () => {}))

test('the page of a user with a full cart and long texts fits', () =>
  pictures('user', 'file', async (tab) => {
    for (const product of ['compass', 'lantern', 'rope', 'almanac']) {
      await tab.press(`more-${product}`)
    }
    await (await tab.keepNoteSlowly('No sails before dawn, '.repeat(3))).answered
    await tab.login('Wolfeschlegelsteinhausenbergerdorff-Ada!')
  }))

test('the page that shows a whole record in a cookie fits', () =>
  pictures('cookie', 'cookie', async (tab) => {
    await tab.press('more-rope')
    await tab.login('Ada')
  }))

test('the page of a user with several devices fits', () =>
  pictures('devices', 'file', async (tab) => {
    for (const userAgent of [PHONE, 'curl/8']) {
      const context = await browser.newContext({ userAgent })
      await (await Tab.open(context, new URL('/', tab.page.url()).href)).login('Ada')
      await context.close()
    }
    await tab.login('Ada')
  }))

test('the page of a refusal fits', () =>
  pictures('refusal', 'file', async (tab) => {
    await tab.page.goto(new URL('/nowhere', tab.page.url()).href)
  }))

/** Runs `act` in a tab, and takes pictures of what it leads to. */
async function pictures(
  name: string,
  driver: string,
  act: (tab: Tab) => Promise<void>,
): Promise<void> {
  const demo = await DemoProcess.start({ SESSION_DRIVER: driver })
  const context = await browser.newContext()
  try {
    const faults: string[] = []
    context.on('weberror', (error) => faults.push(String(error.error())))
    context.on('console', (line) => {
      if (line.type() === 'error' && !EXPECTED.test(line.text())) faults.push(line.text())
    })
    const tab = await Tab.open(context, demo.url)
    await act(tab)
    await tab.flash()

    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        await tab.page.setViewportSize({ width, height: 800 })
        await tab.page.emulateMedia({ colorScheme })
        const path = `${PICTURES}${name}-${width}-${colorScheme}.png`
        await tab.page.screenshot({ path, fullPage: true, animations: 'disabled' })
        assert.deepEqual(await sticksOut(tab.page), [], `${width} pixels wide`)
      }
    }
    assert.deepEqual(faults, [])
  } finally {
    await context.close()
    await demo.end()
  }
}

/** What lies right of the window, so that a person would have to scroll sideways. */
function sticksOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth
    if (document.documentElement.scrollWidth <= width) return []
    return Array.from(document.querySelectorAll('body *'))
      .filter((element) => element.getBoundingClientRect().right > width)
      .map((element) => element.outerHTML.slice(0, 80))
  })
}

/** The browser's own word on a page that is not there. */
const EXPECTED = /status of 404/
