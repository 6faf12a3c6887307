// SPDX-License-Identifier: MIT OR Apache-2.0

// Browser and node on a machine without any network but loopback.

import { chromium, firefox, open } from './browser.js'
import { check, run, test, until } from './harness.js'
import { startNode } from './up.js'

const node = await startNode()

test('WebSocket and WebTransport connect, and WebRTC says why not', async () => {
  const tab = await open(await chromium(), node.page)
  await tab.connected('ws', 'webtransport')
  await says(tab, /this machine seems to have none but itself/)
})

test('Firefox is not even tried by WebRTC', async () => {
  const tab = await open(await firefox(), node.page)
  await tab.connected('ws', 'webtransport')
  await says(tab, /Firefox sends no WebRTC to the machine it runs on/)
})

async function says (tab, reason) {
  for (const id of ['webrtc-direct', 'webrtc-direct-v2']) {
    await until(`${id} gives up`, async () => (await tab.lanes())[id] === 'failed' || tab.lane(id))
    check(reason.test((await tab.lane(id)).why), (await tab.lane(id)).why)
  }
}

await run()
