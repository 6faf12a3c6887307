// SPDX-License-Identifier: MIT OR Apache-2.0

// A browser window with many tabs, as Node plays it: tabs.js ADDR TABS. Each tab is a js-libp2p host with
// a new identity; it connects over WebSocket, pings, sends and compares, leaves a stream half said, stays a
// while and goes, with a goodbye or without, and another takes its place. SIGTERM closes the window: each tab
// ends what it does and goes. SIGKILL is for run.py to give: nobody says anything.
//
// Each thing done is a line of JSON as in ../interop/CONTRACT.md, with what the tests of ../interop/js/interop.js say.

import { setTimeout as sleep } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { dial } from './interop.js'

const ECHO = '/echo/1.0.0'
const PATIENCE_MS = 60_000 // with a busy machine
const LIFE_MIN_MS = 2_000
const LIFE_MAX_MS = 20_000
const PAUSE_MAX_MS = 2_000
const CLOSING_MS = 5 * PATIENCE_MS // a window that does not close fails
const ECHO_MAX = 64 * 1024
const MANY_STREAMS = { maxInboundStreams: 64, maxOutboundStreams: 64 }

const [target, tabs] = process.argv.slice(2)
const closing = new AbortController()
process.on('SIGTERM', () => {
  closing.abort()
  setTimeout(() => process.exit(1), CLOSING_MS)
})

function any (below) {
  return Math.floor(Math.random() * below)
}

function report (result) {
  console.log(JSON.stringify(result))
}

// The window's end is the end of every wait.
function wait (ms) {
  return sleep(ms, undefined, { signal: closing.signal }).catch(() => {})
}

async function createTab () {
  return await createLibp2p({
    privateKey: await generateKeyPair('Ed25519'),
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      dialTimeout: PATIENCE_MS,
      addressDialTimeout: PATIENCE_MS,
      outboundStreamProtocolNegotiationTimeout: PATIENCE_MS,
      connectionCloseTimeout: PATIENCE_MS
    },
    connectionMonitor: { enabled: false }, // it ends connections of a machine that is busy for ten seconds
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify({ timeout: PATIENCE_MS }), ping: ping(MANY_STREAMS) }
  })
}

// A stream that is begun and never ended; the connection's end is its own.
async function saySomething (connection) {
  const stream = await connection.newStream(ECHO, { ...MANY_STREAMS, signal: AbortSignal.timeout(PATIENCE_MS) })
  stream.send(new Uint8Array(1 + any(ECHO_MAX)))
}

async function live () {
  const node = await createTab()
  const tests = [`ping:${1 + any(3)}`, `halfclose:${1 + any(ECHO_MAX)}`, `streams:${1 + any(4)}`]
  if (await dial(node, multiaddr(target), tests, report)) {
    const connection = node.getConnections()[0]
    await saySomething(connection)
    await wait(LIFE_MIN_MS + any(LIFE_MAX_MS - LIFE_MIN_MS))
    const test = ['goodbye', 'abort'][any(2)]
    report({ test, ok: connection.status === 'open' })
    if (test === 'abort') connection.abort(new Error('the tab is gone'))
  }
  await node.stop()
}

async function tab () {
  while (!closing.signal.aborted) {
    await wait(any(PAUSE_MAX_MS))
    await live()
  }
}

await Promise.all(Array.from({ length: Number(tabs) }, tab))
process.exit(0)
