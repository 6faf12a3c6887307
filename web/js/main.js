// SPDX-License-Identifier: MIT OR Apache-2.0

// Puts the parts of the page together.

import { NodeApi } from './api.js'
import { byId, setText } from './dom.js'
import { plural, shortPeer } from './format.js'
import { Lanes } from './lanes.js'
import { LaneView } from './lanes-view.js'
import { startTab } from './tab.js'
import { startTheme } from './theme.js'
import { thisBrowser } from './why.js'

async function main () {
  startTheme(byId('theme'))
  const api = new NodeApi()
  const tab = await startTab()
  const lanes = new Lanes(tab, thisBrowser())
  byId('lanes').append(...lanes.all.map(lane => new LaneView(lane).element))
  setText(byId('tab-peer'), shortPeer(tab.peer))
  byId('tab-peer').title = tab.peer

  const headline = () => {
    document.body.dataset.node = api.node == null ? 'gone' : 'up'
    setText(byId('headline'), headlineText(api, lanes))
  }
  lanes.addEventListener('change', headline)
  api.addEventListener('up', ({ detail: node }) => {
    setText(byId('node-peer'), shortPeer(node.peer))
    byId('node-peer').title = node.peer
    lanes.nodeIs(node)
    headline()
  })
  api.addEventListener('gone', () => {
    lanes.nodeIsGone()
    headline()
  })
  api.start()
}

function headlineText (api, lanes) {
  if (api.node == null) return 'The node is gone. This page connects again when it is back.'
  const count = lanes.connected.length
  const dialling = lanes.all.some(lane => lane.state === 'dialling')
  if (count === 0) return dialling ? 'Connecting to your node…' : 'No connection to your node yet.'
  return `${plural(count, 'live connection')} between this tab and your node.`
}

main()
