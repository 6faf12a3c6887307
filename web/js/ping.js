// SPDX-License-Identifier: MIT OR Apache-2.0

// Ping on one stream that stays open: 32 random bytes, and the same ones back.
//
// spec: ping/ping

import { receive, send } from './streams.js'

const PING = '/ipfs/ping/1.0.0'
const SIZE = 32

export class Pinger {
  static async open (connection, signal) {
    return new Pinger(await connection.newStream(PING, { signal }))
  }

  constructor (stream) {
    this.stream = stream
    this.waiting = undefined
    receive(stream, bytes => this.arrived(bytes)).then(() => this.fail(new Error('the node closed the ping stream')), error => this.fail(error))
  }

  // Resolves to the round trip in milliseconds.
  async ping (timeout) {
    const sent = crypto.getRandomValues(new Uint8Array(SIZE))
    const start = performance.now()
    const answer = new Promise((resolve, reject) => { this.waiting = { sent, got: [], resolve, reject } })
    const timer = setTimeout(() => this.fail(new Error('no answer to a ping')), timeout)
    try {
      await Promise.all([send(this.stream, sent), answer])
      return performance.now() - start
    } finally {
      clearTimeout(timer)
    }
  }

  arrived (bytes) {
    if (this.waiting == null) return
    const { sent, got, resolve, reject } = this.waiting
    got.push(...bytes)
    if (got.length < SIZE) return
    this.waiting = undefined
    got.every((byte, i) => byte === sent[i]) ? resolve() : reject(new Error('the answer to a ping differs'))
  }

  fail (error) {
    this.waiting?.reject(error)
    this.waiting = undefined
  }

  close () {
    this.stream.close().catch(() => {})
  }
}
