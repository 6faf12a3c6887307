// SPDX-License-Identifier: MIT OR Apache-2.0

// What the page takes from npm. build.sh bundles this file into js/libp2p.js; everything else in js/ is served as it is written.

export { identify } from '@libp2p/identify'
export { serviceCapabilities, transportSymbol } from '@libp2p/interface'
export { noise } from '@libp2p/noise'
export { peerIdFromString } from '@libp2p/peer-id'
export { webRTCDirect } from '@libp2p/webrtc'
export { webSockets } from '@libp2p/websockets'
export { webTransport } from '@libp2p/webtransport'
export { yamux } from '@libp2p/yamux'
export { multiaddr } from '@multiformats/multiaddr'
export { createLibp2p } from 'libp2p'
export { base58btc } from 'multiformats/bases/base58'

// Parts of @libp2p/webrtc that its index does not name: the framing of streams, and the prologue of its Noise handshake. With
// them version 2 of WebRTC-direct (js/webrtc2.js) is only another way to agree on ICE credentials.
export { DataChannelMuxerFactory } from '../node_modules/@libp2p/webrtc/dist/src/muxer.js'
export { generateNoisePrologue } from '../node_modules/@libp2p/webrtc/dist/src/private-to-public/utils/generate-noise-prologue.js'
export { getFingerprintFromSdp, ma2Fingerprint } from '../node_modules/@libp2p/webrtc/dist/src/private-to-public/utils/sdp.js'
export { toMultiaddrConnection } from '../node_modules/@libp2p/webrtc/dist/src/rtcpeerconnection-to-conn.js'
export { createStream } from '../node_modules/@libp2p/webrtc/dist/src/stream.js'
