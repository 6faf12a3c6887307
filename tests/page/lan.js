// SPDX-License-Identifier: MIT OR Apache-2.0

// Browser and node on two machines with a cable between them.
//
//   10.77.0.2 browser ─────── 10.77.0.1 node

import { chromium, firefox, LANES, open } from './browser.js'
import { check, options, run, same, test } from './harness.js'
import { startNode } from './up.js'

const node = await startNode()

test('a page from another machine is not secure: WebTransport says so, the others connect', async () => {
  const tab = await open(await chromium(), node.page)
  await tab.connected('ws', 'webrtc-direct', 'webrtc-direct-v2')
  same((await tab.lanes()).webtransport, 'failed')
  check(/did not come from a secure place/.test((await tab.lane('webtransport')).why), (await tab.lane('webtransport')).why)
})

test('Chromium connects by every transport when told that the page is secure', async () => {
  const tab = await open(await chromium(`--unsafely-treat-insecure-origin-as-secure=${new URL(node.page).origin}`), node.page)
  await tab.connected(...LANES)
  for (const id of LANES) await tab.stepsAreShown(id)
})

let tab

test('Firefox connects by every transport when told that the page is secure', async () => {
  tab = await open(await firefox({ 'dom.securecontext.allowlist': options.host }), node.page)
  await tab.connected(...LANES)
  for (const id of LANES) await tab.stepsAreShown(id)
})

test('Firefox measures the speed of WebRTC by one click', () => tab.measure('webrtc-direct-v2'))

await run()
