// SPDX-License-Identifier: MIT OR Apache-2.0

// The browsers of the distribution, without a window, and a server for their page: 127.0.0.1 makes
// it a secure context.

import { createServer } from 'node:http'

const PATIENCE_MS = 120000 // with a busy machine
const CHROMIUM_ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'
]

// Each opens a browser and returns its page and a function that closes it.
export const BROWSERS = {
  async chromium (...more) {
    const { chromium } = await import('playwright-core')
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', timeout: PATIENCE_MS, args: [...CHROMIUM_ARGUMENTS, ...more] })
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    return { page, close: () => browser.close() }
  },

  async firefox () {
    const { default: puppeteer } = await import('puppeteer-core')
    const browser = await puppeteer.launch({
      browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true, acceptInsecureCerts: true,
      timeout: PATIENCE_MS, protocolTimeout: 10 * PATIENCE_MS // a call is a whole list of tests
    })
    const page = await browser.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    return { page, close: () => browser.close() }
  }
}

// Serves { '/path': { type, body } } on a free port.
export function servePage (files) {
  const server = createServer((request, response) => {
    const file = files[new URL(request.url, 'http://page').pathname]
    response.writeHead(file == null ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' })
    response.end(file?.body ?? '')
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}
