// SPDX-License-Identifier: MIT OR Apache-2.0

// Puts the parts of the page together.

import { NodeApi } from './api.js'
import { cellStates } from './cells.js'
import { CellsView } from './cells-view.js'
import { byId, setText } from './dom.js'
import { plural, shortPeer } from './format.js'
import { showHello } from './hello-view.js'
import { Hello } from './hello.js'
import { Lanes } from './lanes.js'
import { LaneView } from './lanes-view.js'
import { NodeView } from './node-view.js'
import { startTab } from './tab.js'
import { startTheme } from './theme.js'
import { thisBrowser } from './why.js'

const SOON = 150 // events come in bursts

async function main () {
  startTheme(byId('theme'))
  const cells = new CellsView()
  const api = new NodeApi()
  const tab = await startTab()
  const lanes = new Lanes(tab, thisBrowser())
  const nodeView = new NodeView(api, tab)
  showHello(new Hello(lanes), api, tab)
  byId('lanes').append(...lanes.all.map(lane => new LaneView(lane).element))
  showPeer('tab-peer', tab.peer)

  let peers = []
  const showCells = () => cells.show(cellStates(lanes.connected.map(lane => lane.transport.name), api.node && peers, tab.peer))
  const refresh = soon(async () => {
    if (api.node == null) {
      nodeView.showPeers([])
    } else {
      let node
      [peers, node] = await Promise.all([api.peers(), api.describe()])
      nodeView.showPeers(peers)
      nodeView.showLimits(node.limits)
    }
    showCells()
  })
  nodeView.onchange = refresh
  lanes.addEventListener('change', () => {
    showHeadline(api, lanes)
    showCells()
  })
  api.addEventListener('up', ({ detail: node }) => {
    showPeer('node-peer', node.peer)
    setText(byId('version'), node.agent)
    nodeView.showNode(node)
    lanes.nodeIs(node)
    showHeadline(api, lanes)
    refresh()
  })
  api.addEventListener('gone', () => {
    lanes.nodeIsGone()
    peers = []
    setText(byId('stats'), '')
    showHeadline(api, lanes)
    refresh()
  })
  for (const type of ['connected', 'disconnected', 'identified', 'inbound-failed', 'addresses', 'hello']) {
    api.addEventListener(type, ({ detail }) => {
      nodeView.showEvent(type, detail)
      refresh()
    })
  }
  api.addEventListener('addresses', () => api.describe().then(node => lanes.addressesAre(node), () => {}))
  api.addEventListener('stats', ({ detail }) => {
    nodeView.showStats(detail)
    refresh()
  })
  addEventListener('pagehide', () => lanes.leave())
  showCells()
  api.start()
}

function showPeer (id, peer) {
  setText(byId(id), shortPeer(peer))
  byId(id).title = peer
}

function showHeadline (api, lanes) {
  document.body.dataset.node = api.node == null ? 'gone' : 'up'
  setText(byId('headline'), headline(api.node, lanes))
  document.title = api.node == null ? 'The node is gone' : `${plural(lanes.connected.length, 'connection')} – your node`
}

function headline (node, lanes) {
  if (node == null) return 'The node is gone. This page connects again when it is back.'
  const count = lanes.connected.length
  if (count > 0) return `${plural(count, 'live connection')} between this tab and your node.`
  return lanes.all.some(lane => lane.state === 'dialling') ? 'Connecting to your node…' : 'No connection to your node yet.'
}

// Runs the action a little later, once, however often it is asked for. What it cannot fetch shows as the node being gone.
function soon (action) {
  let timer
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined
      action().catch(() => {})
    }, SOON)
  }
}

main().catch(error => {
  setText(byId('headline'), 'This browser cannot be a libp2p peer.')
  setText(byId('lead'), `It says: ${error.message} Use a newer one: Chromium 116 or Firefox 125 at least.`)
})
