// SPDX-License-Identifier: MIT OR Apache-2.0

// Browser and node on a machine without any network but loopback.

import { chromium, firefox, LANES, open } from './browser.js'
import { check, run, same, test } from './harness.js'
import { startNode } from './up.js'

const node = await startNode()

test('Chromium connects by every transport', async () => {
  const tab = await open(await chromium(), node.page)
  await tab.connected(...LANES)
})

test('Firefox says that WebRTC does not work on loopback, and connects by the others', async () => {
  const tab = await open(await firefox(), node.page)
  await tab.connected('ws', 'webtransport')
  for (const id of ['webrtc-direct', 'webrtc-direct-v2']) {
    same((await tab.lanes())[id], 'failed')
    check(/Firefox sends no WebRTC to the machine it runs on/.test((await tab.lane(id)).why), (await tab.lane(id)).why)
  }
})

await run()
