// SPDX-License-Identifier: MIT OR Apache-2.0

// The node's own HTTP interface (docs/operating.md): what it is, who is connected, what happens, and the few things that it can be
// asked to do. Dispatches `up` with the node's description (again after each restart), `gone`, and the node's events.

const RETRY = 1000
const EVENTS = ['connected', 'disconnected', 'identified', 'inbound-failed', 'addresses', 'hello', 'stats']

export class NodeApi extends EventTarget {
  node = undefined // what /api/node said last; undefined while the node is gone

  start () {
    this.listen()
  }

  listen () {
    const source = new EventSource('/api/events')
    source.onopen = () => this.describe().catch(() => this.gone(source))
    source.onerror = () => this.gone(source)
    for (const type of EVENTS) {
      source.addEventListener(type, event => this.tell(type, JSON.parse(event.data)))
    }
    this.source = source
  }

  // EventSource would try again by itself, but Firefox gives up after the first refusal.
  gone (source) {
    if (this.source !== source) return
    source.close()
    this.source = undefined
    this.node = undefined
    this.tell('gone')
    setTimeout(() => this.listen(), RETRY)
  }

  async describe () {
    const node = await this.get('/api/node')
    node.clock = node.now_ms - Date.now() // add to this browser's clock to get the node's
    this.node = node
    this.tell('up', node)
  }

  peers () {
    return this.get('/api/peers').then(answer => answer.peers)
  }

  dial (addr) {
    return this.post('/api/dial', { addr })
  }

  ping (peer) {
    return this.post('/api/ping', { peer })
  }

  close (id) {
    return this.post('/api/close', { id })
  }

  get (path) {
    return request(path)
  }

  post (path, body) {
    return request(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-P2P-Token': this.node?.token ?? '' },
      body: JSON.stringify(body)
    })
  }

  tell (type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

async function request (path, options) {
  let response
  try {
    response = await fetch(path, options)
  } catch {
    throw new Error('The node does not answer.')
  }
  const answer = await response.json().catch(() => ({}))
  if (!response.ok) throw new Error(answer.error ?? `The node answered ${response.status}.`)
  return answer
}
