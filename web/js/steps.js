// SPDX-License-Identifier: MIT OR Apache-2.0

// The four ways from this tab to the node, and the steps of each, in the words of the page.

const NOISE = {
  id: 'noise',
  name: 'Noise',
  text: 'Both sides prove with their keys who they are. A stranger in the middle cannot.'
}

const IDENTIFY = {
  id: 'identify',
  name: 'Identify',
  text: 'The two tell each other which software they are and which protocols they speak.'
}

const WEBRTC = [
  { id: 'ice', name: 'ICE', text: 'The browser asks by UDP whether anybody is there, and an answer comes back by the same way.' },
  { id: 'dtls', name: 'DTLS', text: 'An encrypted session over UDP; the node’s certificate is recognised by its hash in the address.' },
  { id: 'channel', name: 'Data channel', text: 'SCTP brings order and streams, inside the encrypted session.' },
  NOISE,
  IDENTIFY
]

export const TRANSPORTS = [
  {
    id: 'ws',
    tag: '@libp2p/websockets',
    name: 'WebSocket',
    text: 'One TCP connection that begins as HTTP. Every browser has it.',
    steps: [
      { id: 'open', name: 'TCP + HTTP', text: 'A TCP connection; an HTTP request turns it into a WebSocket.' },
      NOISE,
      IDENTIFY
    ]
  },
  {
    id: 'webtransport',
    tag: '@libp2p/webtransport',
    name: 'WebTransport',
    text: 'QUIC over UDP. No certificate authority: its hash is in the address.',
    steps: [
      { id: 'open', name: 'QUIC + HTTP/3', text: 'QUIC with TLS 1.3; the certificate’s hash must be the one in the address. Then a session over HTTP/3.' },
      NOISE,
      IDENTIFY
    ]
  },
  {
    id: 'webrtc-direct',
    tag: '@libp2p/webrtc-direct',
    name: 'WebRTC-direct',
    text: 'The technique of video calls, straight to a node. Version 1.',
    steps: WEBRTC
  },
  {
    id: 'webrtc-direct-v2',
    tag: '@c-libp2p/webrtc-direct-v2',
    name: 'WebRTC-direct, version 2',
    text: 'The same, also where browsers forbid a trick of version 1.',
    steps: WEBRTC
  }
]

// Each transport reports its progress by names of its own: an event ends one step and begins the next.
export const STEP_OF_EVENT = {
  'websockets:open-connection': 'open',
  'webtransport:wait-for-session': 'open',
  'upgrader:encrypt-outbound-connection': 'noise',
  'webtransport:open-authentication-stream': 'noise',
  'rtc:ice': 'ice',
  'rtc:dtls': 'dtls',
  'rtc:channel': 'channel',
  'rtc:noise': 'noise'
}
