// SPDX-License-Identifier: MIT OR Apache-2.0

// The page in Chromium on this machine: everything that it does.

import { mkdirSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { chromium, LANES, open } from './browser.js'
import { check, options, run, same, sleep, test, until } from './harness.js'
import { startNode } from './up.js'

const PICTURES = join(options.web, '../../page')

const GOODBYE = 20_000 // without one a connection is over after 30 s

let node = await startNode()
const browser = await chromium()
let tab

// ---- you and this node ----

test('all transports connect, with their steps and times', async () => {
  tab = await open(browser, node.page)
  await tab.connected(...LANES)
  for (const id of LANES) await tab.stepsAreShown(id)
  same(await tab.text('#headline'), '4 live connections between this tab and your node.')
})

test('each step was shown as it happened', async () => {
  const shown = await tab.page.evaluate(() => window.shown)
  for (const [id, first] of [['ws', 'TCP + HTTP'], ['webtransport', 'QUIC + HTTP/3'], ['webrtc-direct', 'ICE'], ['webrtc-direct-v2', 'ICE']]) {
    const moments = [`${id} lane dialling`, `${id} ${first} now`, `${id} Identify todo`, `${id} ${first} done`, `${id} Identify done`]
    const places = moments.map(moment => shown.indexOf(moment))
    check(places.every((place, i) => place > (places[i - 1] ?? -1)), `not shown in this order: ${moments}; but: ${shown}`)
  }
})

test('the node sees one peer with a connection for each', async () => {
  const { peers } = await node.api('/api/peers')
  same(peers.map(peer => peer.connections.map(one => one.transport).sort()), [['webrtc-direct', 'webrtc-direct', 'webtransport', 'ws']])
})

test('the round trip is measured and drawn', async () => {
  for (const id of LANES) {
    await until(`${id} has a chart`, async () => {
      const { roundTrip, points } = await tab.lane(id)
      return (/^[\d.]+ ms round trip$/.test(roundTrip) && points.split(' ').length >= 3) || { roundTrip, points }
    })
  }
})

for (const id of LANES) {
  test(`the speed of ${id} is measured by one click`, async () => {
    await tab.measure(id)
    same((await tab.lanes())[id], 'connected')
  })
}

// ---- the table and the node ----

test('the table has a tick where a connection lives, and nowhere else', async () => {
  same(await tab.cells(), ['From a browser to a server: '])
})

test('a peer is dialled by address, pinged and closed, and list and table follow', async () => {
  const other = await startNode({ args: ['--ephemeral'] })
  const address = other.addrs.find(one => one.includes('/ip4/127.0.0.1/tcp/') && !one.includes('/ws'))
  await tab.page.type('#dial-address', address)
  await tab.page.click('#dial button')
  const row = `#peers tr:has(th[title="${other.peer}"])`
  await tab.page.waitForSelector(row)
  await until('it is answered', async () => /^Connected by tcp in/.test(await tab.text('#node-answer')) || tab.text('#node-answer'))
  await until('a second tick', async () => (await tab.cells()).length === 2 || tab.cells())
  await tab.page.click(`${row} button[aria-label^="Ping"]`)
  await until('the ping is answered', async () => /answered in [\d.]+ ms/.test(await tab.text('#node-answer')) || tab.text('#node-answer'))
  await tab.page.click(`${row} button[aria-label^="Close"]`)
  await until('the row is gone', async () => await tab.page.$(row) == null)
  await until('one tick', async () => (await tab.cells()).length === 1 || tab.cells())
  await other.kill('SIGTERM')
})

test('an address that is none, and a peer that is not there, are answered in words', async () => {
  for (const [address, words] of [['nonsense', /.{10}/], [`/ip4/127.0.0.1/tcp/1/p2p/${node.peer.slice(0, -1)}x`, /.{10}/]]) {
    await tab.page.$eval('#dial-address', (input, value) => { input.value = value }, address)
    await tab.page.click('#dial button')
    await until('an answer', async () => (await tab.page.$eval('#node-answer', p => p.dataset.failed) === 'true' && words.test(await tab.text('#node-answer'))) ||
      tab.text('#node-answer'))
  }
  tab.complaints = tab.complaints.filter(text => !/status of (400|502)/.test(text)) // Chromium logs answers like these by itself
})

test('what happens is listed', async () => {
  check(/identified.*js-libp2p/.test(await tab.text('#events')), await tab.text('#events'))
})

// ---- say hello ----

const lastHello = one => one.page.$$eval('#hello-log li', lines => lines.at(-1)?.textContent ?? '')

test('a message goes from one tab to another, and to the terminal', async () => {
  const other = await open(browser, node.page)
  for (const one of [tab, other]) await until('hello is ready', () => one.page.$eval('#hello-send', button => !button.disabled))
  await tab.page.bringToFront()
  await tab.page.type('#hello-name', 'Ada')
  await tab.page.type('#hello-text', 'Is <b>anybody</b> there? ✋')
  await tab.page.click('#hello-send')
  await until('the other tab hears it', async () => await lastHello(other) === 'AdaIs <b>anybody</b> there? ✋' || lastHello(other))
  await until('the terminal prints it', () => node.events.some(event => event.type === 'hello' && event.name === 'Ada' && event.text.endsWith('there? ✋')))
  await other.page.close()
})

test('a line typed at the terminal arrives in the tab', async () => {
  node.type('hello from the terminal')
  await until('the tab hears it', async () => /hello from the terminal$/.test(await lastHello(tab)) || lastHello(tab))
})

// ---- without a mouse ----

test('everything is reached and done with the keyboard', async () => {
  const { page } = tab
  await page.evaluate(() => { document.activeElement.blur(); scrollTo(0, 0) })
  const seen = []
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    seen.push(await page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.textContent))
    const cell = await page.evaluate(() => document.activeElement.classList.contains('cell') && document.activeElement.textContent.includes('hole punching'))
    if (cell && !seen.includes('(chosen)')) {
      await page.keyboard.press('Enter')
      seen.push('(chosen)')
    }
    if (seen.at(-1) === 'hello-text') break
  }
  for (const wanted of ['skip', 'theme', '(chosen)', 'dial-address', 'hello-text']) check(seen.includes(wanted), `${wanted} is not among ${seen}`)
  check(/hole punching/.test(await tab.text('#cell')), 'the field that was chosen is not explained')
  await page.keyboard.type('by keyboard')
  await page.keyboard.press('Enter')
  await until('it is said', async () => /by keyboard$/.test(await lastHello(tab)))
})

test('everything that can be used has a name', async () => {
  const nameless = await tab.page.$$eval('button, input, meter, svg:not([aria-hidden]), [role="log"]', elements => elements
    .filter(one => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length || one.getAttribute('aria-labelledby')))
    .map(one => one.outerHTML))
  same(nameless, [])
})

// ---- how it looks ----

test('dark and light, as the system says or as one chooses, on wide and narrow screens', async () => {
  mkdirSync(PICTURES, { recursive: true })
  const { page } = tab
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme)
  for (const scheme of ['dark', 'light']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }])
    await until('the page follows', async () => await theme() === scheme)
    await page.evaluate(() => scrollTo(0, 0))
    await sleep(200)
    await page.screenshot({ path: join(PICTURES, `${scheme}.png`), fullPage: true })
  }
  if (options.picture != null) {
    await page.setViewport({ width: 1120, height: 1000 })
    const bottom = await page.$eval('.between', drawing => drawing.getBoundingClientRect().bottom)
    await page.screenshot({ path: options.picture, clip: { x: 0, y: 0, width: 1120, height: Math.ceil(bottom) + 30 } })
  }
  await page.setViewport({ width: 390, height: 844 })
  same(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'a phone has to scroll sideways')
  await page.screenshot({ path: join(PICTURES, 'phone.png'), fullPage: true })
  await page.setViewport({ width: 1280, height: 1000 })
  await page.click('#theme')
  same(await theme(), 'dark')
  await page.click('#theme')
  same(await theme(), 'light')
})

test('the console is clean, the policy was kept and nothing came from outside', () => tab.nothingIsWrong(node.page))

// ---- who may ask ----

function status (path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(node.page)
    const asked = request({ hostname, port, path, method, headers }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

test('another Host, another Origin and a wrong token are refused', async () => {
  const { token } = await node.api('/api/node')
  const post = headers => ({ method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: '{"text":"x"}' })
  same(await status('/api/node'), 200)
  same(await status('/api/node', { headers: { Host: 'evil.example' } }), 403)
  same(await status('/', { headers: { Host: 'evil.example' } }), 403)
  same(await status('/api/node', { headers: { Origin: 'http://evil.example' } }), 403)
  same(await status('/api/hello', post({})), 403)
  same(await status('/api/hello', post({ 'X-P2P-Token': 'wrong' })), 403)
  same(await status('/api/hello', post({ 'X-P2P-Token': token })), 200)
})

// ---- many tabs ----

test('a browser opens only six connections to one server, and yet a seventh tab is alive', async () => {
  const tabs = []
  try {
    for (let i = 0; i < 6; i++) tabs.push(await open(browser, node.page))
    await tabs.at(-1).connected('ws')
  } finally {
    await Promise.all(tabs.map(one => one.page.close()))
    await tab.page.bringToFront()
  }
})

// ---- when the node goes and comes ----

test('a node that is killed shows as gone', async () => {
  await node.kill('SIGKILL')
  await until('the page says so', async () => /^The node is gone/.test(await tab.text('#headline')) || tab.text('#headline'))
  await until('no tick is left', async () => (await tab.cells()).length === 0 || tab.cells())
  same(await tab.page.$$eval('.cell[data-state="could"]', cells => cells.length), 0, 'something is called possible without a node')
})

test('a node that is back has the same addresses, and the page connects by itself', async () => {
  const addresses = await Promise.all(LANES.map(async id => (await tab.lane(id)).address))
  const old = node
  node = await startNode({ port: old.port, page: `127.0.0.1:${old.pagePort}` })
  same(node.addrs, old.addrs)
  await until('four connections again', async () => await tab.text('#headline') === '4 live connections between this tab and your node.' || tab.lanes())
  same(await Promise.all(LANES.map(async id => (await tab.lane(id)).address)), addresses)
  await until('the node sees them', async () => (await node.api('/api/peers')).peers[0]?.connections.length === 4)
})

test('a page that is left says goodbye', async () => {
  await tab.page.goto('about:blank')
  await until('no connection is left', async () => (await node.api('/api/peers')).peers.length === 0 || node.api('/api/peers'), GOODBYE)
})

// ---- a browser that forbids version 1 ----

test('where browsers forbid editing the offer, version 2 still connects and version 1 says why', async () => {
  const strict = await chromium('--force-fieldtrials=WebRTC-NoSdpMangleUfrag/Enabled/')
  const other = await open(strict, node.page)
  await other.connected('ws', 'webtransport', 'webrtc-direct-v2')
  same((await other.lanes())['webrtc-direct'], 'failed')
  check(/forbids version 1/.test((await other.lane('webrtc-direct')).why), (await other.lane('webrtc-direct')).why)
})

await run()
