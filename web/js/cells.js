// SPDX-License-Identifier: MIT OR Apache-2.0

// The connectivity table: who can reach whom, how, and what of it is true just now. Nothing here is shown as done unless a
// connection that lives at this moment does it.

import { reach } from './addrs.js'

export const ROWS = [
  { id: 'public', name: 'a server', text: 'public address' },
  { id: 'private', name: 'a computer at home', text: 'behind a router (NAT)' },
  { id: 'browser', name: 'a browser', text: 'a tab like this one' }
]
export const COLUMNS = ROWS

const BROWSER_TRANSPORTS = new Set(['ws', 'wss', 'webtransport', 'webrtc-direct'])

const DIRECT = {
  name: 'TCP or QUIC',
  path: 'direct',
  how: [
    'The dialler knows an address, and opens a connection to it: QUIC over UDP if it can, else TCP.',
    'Both sides prove with their keys who they are, by Noise or TLS, before a byte of any application moves.',
    'Many streams share the one connection; each names the protocol that it speaks.'
  ],
  needs: 'A port that can be reached: a public address, the same network, or a port that the router forwards.'
}

const RELAY = 'Both need a relay that both can reach: a node with a public address that lends them a little of its bandwidth.'

const SIGNALLED = {
  name: 'WebRTC over a relay',
  path: 'punched',
  how: [
    'The listener keeps a connection to a relay and is found by the relay’s address.',
    'Over the relay the two exchange descriptions of themselves, as in a video call, and try all of their addresses at the same time.',
    'When two of them meet, WebRTC carries everything, and the relay carries nothing more.'
  ],
  needs: RELAY
}

// By row (who dials) and column (who listens).
export const CELLS = {
  'public→public': { ...DIRECT },
  'private→public': { ...DIRECT },
  'public→private': {
    name: 'relay, then reversal',
    path: 'reversed',
    how: [
      'The one at home keeps a connection to a relay, and is found by the relay’s address.',
      'The server reaches it through the relay and says where it can be reached itself.',
      'The one at home then dials the server directly, and the relay is not needed any more.'
    ],
    needs: 'A relay that both can reach, and a public address for the server.'
  },
  'public→browser': {
    name: 'relay, then reversal',
    path: 'reversed',
    how: [
      'The tab keeps a connection to a relay, and is found by the relay’s address.',
      'The server reaches it through the relay and says where it can be reached itself.',
      'The tab then dials the server by WebSocket, WebTransport or WebRTC, and the relay is not needed any more.'
    ],
    needs: 'A relay that both can reach, and a server that listens on a transport of browsers.'
  },
  'private→private': {
    name: 'hole punching',
    path: 'punched',
    how: [
      'Both are found through a relay, over which they first meet.',
      'They measure how long a message takes, and agree on a moment at which both dial each other (DCUtR).',
      'Both routers then see an outgoing connection, and let the answer in.'
    ],
    needs: `${RELAY} Routers that give one connection the same port whoever it goes to, as most do.`
  },
  'private→browser': { ...SIGNALLED, name: 'hole punching by WebRTC' },
  'browser→public': {
    name: 'WebSocket, WebTransport, WebRTC-direct',
    path: 'direct',
    how: [
      'A browser cannot open a plain TCP or QUIC connection, so it dials in one of the three ways that it has.',
      'WebTransport and WebRTC-direct need no certificate authority: the hash of the certificate is a part of the node’s address.',
      'Noise on top shows that it is this very node, whoever may have issued the certificate.'
    ],
    needs: 'For WebTransport a page from a secure place (https, or this machine). For WebSocket from an https page: a certificate that browsers trust.'
  },
  'browser→private': { ...SIGNALLED },
  'browser→browser': { ...SIGNALLED }
}

// What each cell is just now: { state: 'shown' | 'could' | 'gone' | 'not-yet', text }. lanes: the names of this tab's living lanes;
// peers: what /api/peers says, or nothing if the node is gone; ownPeer: this tab among them.
export function cellStates (lanes, peers, ownPeer) {
  const states = {}
  for (const id of Object.keys(CELLS)) states[id] = NOT_YET
  if (peers == null) return { ...states, 'browser→public': GONE, 'public→public': GONE, 'private→public': GONE }
  states['browser→public'] = browserState(lanes, otherBrowsers(peers, ownPeer))
  for (const row of ['public', 'private']) states[`${row}→public`] = directState(row, direct(peers, row))
  return states
}

const GONE = { state: 'gone', text: 'The node is gone just now.' }
const NOT_YET = { state: 'not-yet', text: 'This version cannot do this yet.' }

function browserState (lanes, others) {
  if (lanes.length === 0) {
    return others > 0
      ? { state: 'shown', text: 'Not by this tab: another browser is connected to the node right now.' }
      : { state: 'could', text: 'No connection lives just now. The node is ready for one.' }
  }
  return { state: 'shown', text: `Shown by this tab right now: ${lanes.join(', ')}.` }
}

function directState (row, connections) {
  if (connections.length > 0) {
    const kinds = [...new Set(connections.map(one => one.transport === 'tcp' ? 'TCP' : 'QUIC'))]
    return { state: 'shown', text: `Shown by the node right now: ${connections.length} by ${kinds.join(' and ')}.` }
  }
  return {
    state: 'could',
    text: row === 'private'
      ? 'The node is ready for it. In a terminal: build/p2p ping, and one of the node’s addresses.'
      : 'The node is ready for it, but no server is connected to it just now.'
  }
}

// Connections by TCP or QUIC between the node and a peer of that row. Whoever was dialled could be reached.
function direct (peers, row) {
  return connectionsOf(peers).filter(one => ['tcp', 'quic-v1'].includes(one.transport) && !one.limited &&
    (reach(one.addr) === 'public') === (row === 'public'))
}

// js-libp2p says in its agent string that it runs in a browser.
function otherBrowsers (peers, ownPeer) {
  const browsers = peers.filter(({ peer, agent }) => peer !== ownPeer && / browser\//.test(agent ?? ''))
  return connectionsOf(browsers).filter(one => one.direction === 'in' && BROWSER_TRANSPORTS.has(one.transport)).length
}

function connectionsOf (peers) {
  return peers.flatMap(peer => peer.connections)
}
