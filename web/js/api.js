// SPDX-License-Identifier: MIT OR Apache-2.0

// The node's own HTTP interface (docs/http-api.md): what it is, who is connected, what happens, and the few things that it can be
// asked to do. Dispatches `up` with the node's description (again after each interruption), `gone`, and the node's events.

const RETRY = 1000
const UNSEEN = 10_000
const EVENTS = ['connected', 'disconnected', 'identified', 'inbound-failed', 'addresses', 'hello', 'stats']

export class NodeApi extends EventTarget {
  node = undefined // what /api/node said last; undefined while the node is gone

  start () {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.hush()
      this.listen()
    })
    this.listen()
  }

  // A tab that nobody sees only looks now and then: a browser opens six connections to one server, and if each tab kept one for
  // events, the seventh would not load.
  listen () {
    clearTimeout(this.timer)
    if (document.hidden) {
      this.look()
      this.timer = setTimeout(() => this.listen(), UNSEEN)
    } else if (this.source == null) {
      const source = this.source = new EventSource('/api/events')
      source.onopen = () => this.look(true)
      source.onerror = () => this.interrupted(source)
      for (const type of EVENTS) source.addEventListener(type, event => this.tell(type, JSON.parse(event.data)))
    }
  }

  hush () {
    this.source?.close()
    this.source = undefined
  }

  // EventSource would try again by itself, but Firefox gives up after the first refusal.
  interrupted (source) {
    if (this.source !== source) return
    this.hush()
    this.look()
    this.timer = setTimeout(() => this.listen(), RETRY)
  }

  // Finds out whether the node is there. Where it refuses events (too many listen), it is asked again and again, and only news is told.
  async look (fresh = false) {
    const before = this.node
    try {
      this.node = await this.describe()
      if (fresh || this.node.started_ms !== before?.started_ms) this.tell('up', this.node)
    } catch {
      this.node = undefined
      if (before != null || !this.told) this.tell('gone')
    }
    this.told = true
  }

  describe () {
    return this.get('/api/node')
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
