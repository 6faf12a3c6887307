// SPDX-License-Identifier: MIT OR Apache-2.0

// All lanes together: they dial when the node is there, and again when a connection is lost, ever more rarely. A lane that failed
// stays as it is, with its reason, until a person asks or the node comes back.

import { Lane } from './lane.js'
import { TRANSPORTS } from './steps.js'

const FIRST_DELAY = 1000
const LONGEST_DELAY = 30_000
const STABLE = 10_000 // a connection that lived this long was a good one

export class Lanes extends EventTarget {
  constructor (tab, browser) {
    super()
    this.browser = browser
    this.all = TRANSPORTS.map(transport => new Lane(transport, tab, browser))
    for (const lane of this.all) this.watch(lane)
  }

  get connected () {
    return this.all.filter(lane => lane.state === 'connected')
  }

  watch (lane) {
    let delay = FIRST_DELAY
    let since = 0
    lane.addEventListener('connected', () => {
      since = performance.now()
      this.changed()
    })
    lane.addEventListener('lost', () => {
      if (performance.now() - since > STABLE) delay = FIRST_DELAY
      const node = this.node
      setTimeout(() => { if (node != null && this.node === node && lane.state === 'lost') lane.again() }, delay)
      delay = Math.min(delay * 2, LONGEST_DELAY)
      this.changed()
    })
    for (const type of ['failed', 'dialling']) lane.addEventListener(type, () => this.changed())
  }

  // The node is there, perhaps again. After a restart the old connections are dead, even where the browser has not noticed. Without a
  // restart a lane that has never worked is not tried again: a tab can make only some hundred WebRTC connections in its life.
  nodeIs (node) {
    const restarted = this.started !== node.started_ms
    this.started = node.started_ms
    this.node = node
    for (const lane of this.all) {
      const dead = lane.state === 'lost' || (lane.state === 'failed' && lane.hasWorked)
      if (restarted || dead) lane.connect(addressesFor(lane.transport.id, node, this.browser))
    }
  }

  // The node has other addresses now: a lane that failed gets another try if it has anything new to try.
  addressesAre (node) {
    for (const lane of this.all) {
      const addresses = addressesFor(lane.transport.id, node, this.browser)
      const known = lane.addresses?.join() === addresses.join()
      lane.addresses = addresses
      if (lane.state === 'failed' && !known) lane.again()
    }
  }

  nodeIsGone () {
    this.node = undefined
  }

  // Says goodbye, so that the node need not wait for silence.
  leave () {
    for (const lane of this.all) lane.connection?.abort(new Error('the page was closed'))
  }

  changed () {
    this.dispatchEvent(new Event('change'))
  }
}

export function addressesFor (transport, { browser: addresses }, { protocol }) {
  if (transport === 'webrtc-direct-v2') return addresses['webrtc-direct'] ?? []
  if (transport === 'ws' && protocol === 'https:') return addresses.wss ?? []
  return addresses[transport] ?? []
}
