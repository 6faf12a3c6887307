// SPDX-License-Identifier: MIT OR Apache-2.0

// The distribution's browsers, and what a test sees of the page in them.

import { createRequire } from 'node:module'
import { afterwards, check, options, same, until } from './harness.js'

const puppeteer = createRequire(`${options.modules}/`)('puppeteer-core').default

const PATIENCE = 120_000 // with a busy machine

export const LANES = ['ws', 'webtransport', 'webrtc-direct', 'webrtc-direct-v2']

export async function chromium (...args) {
  return launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args]
  })
}

export async function firefox (extraPrefsFirefox = {}) {
  return launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr', extraPrefsFirefox })
}

async function launch (settings) {
  const browser = await puppeteer.launch({ headless: true, timeout: PATIENCE, protocolTimeout: PATIENCE, ...settings })
  afterwards(() => browser.close())
  return browser
}

// Opens the page in a tab, and keeps everything that a browser complains about.
export async function open (browser, url, { width = 1280, height = 1000 } = {}) {
  const page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE)
  const tab = new Tab(page)
  page.on('console', message => { if (message.type() === 'error') tab.complaints.push(message.text()) })
  page.on('pageerror', error => tab.complaints.push(error.message))
  page.on('request', request => tab.requests.push(request.url()))
  await page.setViewport({ width, height })
  await page.evaluateOnNewDocument(() => {
    window.violations = []
    document.addEventListener('securitypolicyviolation', event => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`))
    // Every state that a lane or a step was shown in.
    window.shown = []
    new MutationObserver(changes => {
      for (const { target } of changes) {
        const lane = target.closest('.lane')
        if (lane != null) window.shown.push(`${lane.dataset.transport} ${target === lane ? 'lane' : target.querySelector('.step-name')?.textContent} ${target.dataset.state}`)
      }
    }).observe(document, { subtree: true, attributeFilter: ['data-state'] })
  })
  await page.goto(url)
  return tab
}

class Tab {
  complaints = []
  requests = []

  constructor (page) {
    this.page = page
  }

  text (selector) {
    return this.page.$eval(selector, element => element.textContent)
  }

  lanes () {
    return this.page.$$eval('.lane', lanes => Object.fromEntries(lanes.map(lane => [lane.dataset.transport, lane.dataset.state])))
  }

  lane (id) {
    return this.page.$eval(`.lane[data-transport="${id}"]`, lane => ({
      state: lane.querySelector('.lane-state').textContent,
      steps: [...lane.querySelectorAll('.step')].map(step => [step.dataset.state, step.querySelector('.step-time').textContent]),
      why: lane.querySelector('.lane-why').textContent,
      roundTrip: lane.querySelector('.lane-rtt').textContent,
      points: lane.querySelector('.spark-line').getAttribute('points'),
      speed: lane.querySelector('.lane-speed').textContent,
      address: lane.querySelector('.address').textContent
    }))
  }

  // Waits for lanes that are connected, and shows what they said if they are not. On a busy machine a lane gives up; it is then
  // tried again, as it says, three times at most.
  async connected (...ids) {
    const left = Object.fromEntries(ids.map(id => [id, 3]))
    try {
      await until(`${ids} connected`, async () => {
        const lanes = await this.lanes()
        for (const id of ids) if (lanes[id] === 'failed' && left[id]-- > 0) await this.tryAgain(id)
        return ids.every(id => lanes[id] === 'connected') || lanes
      }, PATIENCE)
    } catch (error) {
      const words = [await this.text('#headline'), await this.text('#lead'), ...this.complaints]
      for (const id of ids) words.push(`${id}: ${await this.lane(id).then(JSON.stringify, error => error.message)}`)
      throw new Error(`${error.message}\n${words.join('\n')}`)
    }
  }

  async tryAgain (id) {
    console.error(`  ${id} is tried again: ${(await this.lane(id)).why}`)
    await this.page.$eval(`.lane[data-transport="${id}"] .lane-foot > button`, button => button.click())
  }

  async stepsAreShown (id) {
    const { state, steps } = await this.lane(id)
    check(/^Connected in \d+ ms$/.test(state), `${id} says "${state}"`)
    for (const [stepState, time] of steps) check(stepState === 'done' && /^<?\d+ ms$/.test(time), `${id} shows a step as ${stepState}, "${time}"`)
  }

  // Clicks, and waits for a throughput each way.
  async measure (id) {
    await this.page.click(`.lane[data-transport="${id}"] .lane-live button`)
    await until(`the speed of ${id}`, async () => {
      const { speed } = await this.lane(id)
      return /^↑ [\d.]+ [kMG]B\/s {2}↓ [\d.]+ [kMG]B\/s$/.test(speed) || speed
    })
  }

  cells () {
    return this.page.$$eval('.cell', cells => cells.filter(cell => cell.dataset.state === 'shown').map(cell => cell.firstElementChild.textContent))
  }

  async nothingIsWrong (url) {
    const { hostname } = new URL(url)
    same(this.complaints, [], 'the console has errors')
    same(await this.page.evaluate(() => window.violations), [], 'the security policy was violated')
    same(this.requests.filter(url => /^(https?|wss?):/.test(url) && new URL(url).hostname !== hostname), [], 'something came from outside')
  }
}
