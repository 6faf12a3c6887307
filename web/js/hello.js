// SPDX-License-Identifier: MIT OR Apache-2.0

// Hello: short messages to everybody who is at the same node, over one libp2p stream that stays open on any living lane. The node
// passes them on. Dispatches `message` and `state`.

import { Decoder, encode } from './hello-codec.js'
import { base58btc } from './libp2p.js'
import { receive, send } from './streams.js'

const HELLO = '/c-libp2p/hello/1.0.0'
const OPEN_TIMEOUT = 5000
const RETRY = 2000

export class Hello extends EventTarget {
  constructor (lanes) {
    super()
    this.lanes = lanes
    lanes.addEventListener('change', () => this.open())
  }

  get ready () {
    return this.stream != null
  }

  async open () {
    const lane = this.lanes.connected[0]
    if (lane == null || this.stream != null || this.opening) return
    this.opening = true
    try {
      const stream = await lane.connection.newStream(HELLO, { signal: AbortSignal.timeout(OPEN_TIMEOUT) })
      this.use(stream, lane.transport.name)
    } catch {
      setTimeout(() => this.open(), RETRY)
    } finally {
      this.opening = false
    }
  }

  use (stream, over) {
    this.stream = stream
    this.over = over
    const decoder = new Decoder(message => this.tell('message', { ...message, from: peerText(message.from), over }))
    const ended = () => {
      if (this.stream !== stream) return
      this.stream = undefined
      this.tell('state')
      setTimeout(() => this.open(), RETRY)
    }
    receive(stream, bytes => {
      try {
        decoder.push(bytes)
      } catch (error) {
        stream.abort(error)
      }
    }).then(ended, ended)
    this.tell('state')
  }

  async say (name, text) {
    if (this.stream == null) throw new Error('There is no connection to the node just now.')
    await send(this.stream, encode({ name, text }))
  }

  tell (type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

// A peer id is the base58 of a multihash.
function peerText (bytes) {
  return bytes.length === 0 ? '' : base58btc.baseEncode(bytes)
}
