// SPDX-License-Identifier: MIT OR Apache-2.0

// The page in Firefox on this machine. WebRTC needs an address besides loopback (lonely.js and lan.js).

import { firefox, open } from './browser.js'
import { run, test, until } from './harness.js'
import { startNode } from './up.js'

const node = await startNode()
const browser = await firefox()
let tab

test('WebSocket and WebTransport connect, with their steps and times', async () => {
  tab = await open(browser, node.page)
  await tab.connected('ws', 'webtransport')
  for (const id of ['ws', 'webtransport']) await tab.stepsAreShown(id)
})

test('the speed is measured by one click', () => tab.measure('webtransport'))

test('a message reaches the terminal', async () => {
  await until('hello is ready', () => tab.page.$eval('#hello-send', button => !button.disabled))
  await tab.page.type('#hello-text', 'from Firefox')
  await tab.page.keyboard.press('Enter')
  await until('the terminal prints it', () => node.events.some(event => event.type === 'hello' && event.text === 'from Firefox'))
})

test('the console is clean, the policy was kept and nothing came from outside', () => tab.nothingIsWrong(node.page))

test('a node that goes and comes back is found again', async () => {
  await node.kill('SIGKILL')
  await until('the page says so', async () => /^The node is gone/.test(await tab.text('#headline')) || tab.text('#headline'))
  await startNode({ port: node.port, page: `127.0.0.1:${node.pagePort}` })
  await until('both connected again', async () => {
    const lanes = await tab.lanes()
    return (lanes.ws === 'connected' && lanes.webtransport === 'connected') || lanes
  })
})

await run()
