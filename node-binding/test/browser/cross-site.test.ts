/** What a page of another site can do with the visitor's cookie, in a browser that knows sites. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { DemoProcess } from '../../demo/testing/demo-process.js'
import { chromium } from './chromium.js'
import { Tab } from './tab.js'

let browser: Browser
let demo: DemoProcess
let other: Server
let otherUrl: string
before(async () => {
  browser = await chromium()
  demo = await DemoProcess.start()
  other = createServer((_request, answer) => {
    answer.setHeader('Content-Type', 'text/html')
    answer.end(`<form method="post" action="${demo.url}/logout"><button id="prize">A prize</button>
      </form><a id="link" href="${demo.url}">The demo</a>`)
  })
  await once(other.listen(0, '127.0.0.1'), 'listening')
  // Another site than 127.0.0.1, where the demo is.
  otherUrl = `http://localhost:${(other.address() as AddressInfo).port}`
})
after(async () => {
  await browser.close()
  await demo.end()
  other.close()
})

let tab: Tab
beforeEach(async () => {
  tab = await Tab.open(await browser.newContext(), demo.url)
  await tab.login('Ada')
  await tab.page.goto(otherUrl)
})

test('a form of another site carries no cookie, is refused, and logs nobody out', async () => {
  const answer = await tab.press('prize')

  assert.equal((await answer.request().allHeaders()).cookie, undefined)
  assert.equal(answer.status(), 403)
  await tab.visit()
  assert.equal((await tab.shown()).user, 'Ada')
})

test('a link of another site leads into the session', async () => {
  const shown = tab.page.waitForURL(`${demo.url}/`)
  await tab.page.locator('#link').click()
  await shown

  assert.equal((await tab.shown()).user, 'Ada')
})
