// SPDX-License-Identifier: MIT OR Apache-2.0

// The page of the browser peer: js-libp2p with the transports that a browser has. driver.js
// calls window.dial and prints what is reported.

import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { mplex } from '@libp2p/mplex'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { webTransport } from '@libp2p/webtransport'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { dial, serveDialler } from './interop.js'
import { webRTCDirect2 } from './js/webrtc2.js'

// js-libp2p's mplex ends a connection by default that opens more than five streams a second.
const MANY_STREAMS = { maxInboundStreams: 1024, maxOutboundStreams: 1024 }
const MUXERS = { yamux, mplex: () => mplex({ ...MANY_STREAMS, disconnectThreshold: 1024 }) }
// More than one, because libp2p identifies and pings by itself, too.
const FEW_STREAMS = { maxInboundStreams: 8, maxOutboundStreams: 8 }
const KEY_TYPES = { ed25519: 'Ed25519', secp256k1: 'secp256k1', rsa: 'RSA' }

// Version 2 needs no change of the browser's own description; js-libp2p itself has only version 1.
const WEBRTC_DIRECT = { 1: webRTCDirect, 2: webRTCDirect2 }

// reportResult is given to the page by the driver.
window.dial = async (target, tests, { muxer, keyType, dialerVersion }) => {
  const node = await createLibp2p({
    privateKey: await generateKeyPair(KEY_TYPES[keyType]),
    transports: [webSockets(), webTransport(), WEBRTC_DIRECT[dialerVersion]({ rtcConfiguration: () => ({ iceServers: [] }) })],
    connectionEncrypters: [noise()],
    streamMuxers: muxer.map(name => MUXERS[name]()),
    connectionGater: { denyDialMultiaddr: () => false }, // else plain ws and loopback are refused
    services: {
      identify: identify(FEW_STREAMS),
      identifyPush: identifyPush(),
      ping: ping(FEW_STREAMS)
    }
  })
  await serveDialler(node)
  const reports = []
  const report = result => reports.push(window.reportResult(JSON.stringify(result)))
  const passed = await dial(node, multiaddr(target), tests, report)
  await Promise.all(reports) // else Firefox loses the last ones
  return passed
}
