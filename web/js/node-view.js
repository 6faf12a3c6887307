// SPDX-License-Identifier: MIT OR Apache-2.0

// The node: what it is, who is connected, how full its tables are, what happens; dialling, pinging and closing.

import { withoutHashes } from './addrs.js'
import { byId, el, setText } from './dom.js'
import { age, agentText, bytes, milliseconds, plural, shortPeer } from './format.js'

const MOST_EVENTS = 60
const LIMIT_NAMES = { buffered_bytes: 'bytes waiting', dials: 'dials under way' }

export class NodeView {
  constructor (api, tab) {
    Object.assign(this, { api, tab })
    this.rows = new Map()
    byId('dial').addEventListener('submit', event => {
      event.preventDefault()
      this.dial(byId('dial-address').value.trim())
    })
  }

  // ---- what it is ----

  showNode (node) {
    byId('node-facts').replaceChildren(
      ...fact('Peer id', el('code', {}, node.peer)),
      ...fact('Software', node.agent),
      ...fact('Offload', node.offload || 'none'),
      ...fact('Protocols', chips(node.protocols)),
      ...fact('Addresses', el('details', {}, el('summary', {}, plural(node.addrs.length, 'address', 'addresses')), el('ul.addresses', {}, ...node.addrs.map(addressItem)))))
    this.showLimits(node.limits)
  }

  showLimits (limits) {
    byId('limits').replaceChildren(...limits.map(({ name, used, max }) => {
      const amount = name.endsWith('bytes') ? `${bytes(used)} of ${bytes(max)}` : `${used} of ${max}`
      const label = LIMIT_NAMES[name] ?? name
      return el('li', {}, el('span', {}, label), el('meter', { min: 0, max, value: used, 'aria-label': label }), el('span.number', {}, amount))
    }))
  }

  // ---- who is connected ----

  showPeers (peers) {
    const connections = peers.flatMap(peer => peer.connections.map(connection => ({ peer, connection })))
    setText(byId('peers-count'), connections.length === 0
      ? 'Nobody is connected.'
      : `${plural(connections.length, 'connection')} with ${plural(peers.length, 'peer')}.`)
    const seen = new Set()
    for (const { peer, connection } of connections) {
      seen.add(connection.id)
      if (!this.rows.has(connection.id)) this.rows.set(connection.id, this.newRow(peer, connection))
      updateRow(this.rows.get(connection.id), peer, connection)
    }
    for (const [id, row] of this.rows) {
      if (seen.has(id)) continue
      row.element.remove()
      this.rows.delete(id)
    }
    byId('peers-table').hidden = connections.length === 0
  }

  newRow (peer, { id }) {
    const who = peer.peer === this.tab.peer ? 'this tab' : shortPeer(peer.peer)
    const cells = {}
    const element = el('tr', { 'data-connection': id },
      el('th', { scope: 'row', 'data-label': 'peer', title: peer.peer }, who),
      ...['agent', 'transport', 'security', 'way', 'age', 'rtt', 'bytes'].map(name => {
        cells[name] = el('td', { 'data-label': name })
        return cells[name]
      }),
      el('td.actions', {},
        el('button.quiet', { type: 'button', onclick: () => this.ping(peer.peer, who), 'aria-label': `Ping ${who}` }, 'Ping'),
        el('button.quiet', { type: 'button', onclick: () => this.close(id, who), 'aria-label': `Close the connection with ${who}` }, 'Close')))
    byId('peers').append(element)
    return { element, cells }
  }

  // ---- what one can do ----

  async dial (address) {
    if (address === '') return byId('dial-address').focus()
    await this.act(`Dialling ${withoutHashes(address)}…`, async () => {
      const { transport, setup_ms: ms } = await this.api.dial(address)
      return `Connected by ${transport} in ${milliseconds(ms)}.`
    })
  }

  ping (peer, who) {
    return this.act(`Pinging ${who}…`, async () => `${who} answered in ${milliseconds((await this.api.ping(peer)).rtt_ms)}.`)
  }

  close (id, who) {
    return this.act('', async () => {
      await this.api.close(id)
      return `The connection with ${who} is closed.`
    })
  }

  async act (before, action) {
    const answer = byId('node-answer')
    answer.dataset.failed = false
    setText(answer, before)
    try {
      setText(answer, await action())
    } catch (error) {
      answer.dataset.failed = true
      setText(answer, error.message)
    }
    this.onchange?.()
  }

  // ---- what happens ----

  showEvent (type, detail) {
    const log = byId('events')
    log.prepend(el('li', {}, el('time', {}, new Date().toLocaleTimeString()), el('span.event-type', {}, type), el('span', {}, eventText(type, detail, this.tab))))
    while (log.children.length > MOST_EVENTS) log.lastElementChild.remove()
  }

  showStats ({ bytes_in: received, bytes_out: sent, streams }) {
    setText(byId('stats'), `${plural(streams, 'stream')}, ${bytes(received)} received, ${bytes(sent)} sent.`)
  }
}

function updateRow ({ cells }, peer, connection) {
  setText(cells.agent, agentText(peer.agent))
  cells.agent.title = peer.agent || ''
  setText(cells.transport, connection.transport)
  cells.transport.title = connection.addr
  setText(cells.security, securityText(connection))
  setText(cells.way, connection.direction)
  setText(cells.age, age(connection.age_ms))
  setText(cells.rtt, connection.rtt_ms == null ? '–' : milliseconds(connection.rtt_ms))
  setText(cells.bytes, `↓ ${bytes(connection.bytes_in)} ↑ ${bytes(connection.bytes_out)}`)
}

// "/yamux/1.0.0" is yamux. Transports on QUIC and WebRTC have both inside.
function securityText ({ security, muxer }) {
  return [security, muxer].filter(Boolean).map(id => id.replace(/^\//, '').split('/')[0]).join(', ') || 'its own'
}

function eventText (type, detail, tab) {
  const who = detail.peer == null ? '' : detail.peer === tab.peer ? 'this tab' : shortPeer(detail.peer)
  const what = {
    connected: () => `${who} by ${detail.transport}, ${detail.direction === 'in' ? 'came in' : 'dialled'}`,
    disconnected: () => [`${who} by ${detail.transport}`, detail.reason].filter(Boolean).join(': '),
    identified: () => `${who} is ${agentText(detail.agent)}`,
    hello: () => `${detail.name || shortPeer(detail.from)}: ${detail.text}`
  }[type]
  return what?.() ?? [detail.addr && withoutHashes(detail.addr), detail.reason].filter(Boolean).join(': ')
}

function fact (name, value) {
  return [el('dt', {}, name), el('dd', {}, value)]
}

function chips (names) {
  return el('span.chips', {}, ...names.map(name => el('code', {}, name)))
}

function addressItem (address) {
  return el('li', {}, el('code', { title: address }, withoutHashes(address)))
}
