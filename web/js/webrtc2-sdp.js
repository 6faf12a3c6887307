// SPDX-License-Identifier: MIT OR Apache-2.0

// The session descriptions of WebRTC-direct, version 2 (webrtc2.js says why they are what they are).

const PREFIX = 'libp2p+webrtc+v2/'
const MAX_MESSAGE_SIZE = 16384
const ADDRESS = /^\/ip([46])\/([^/]+)\/udp\/(\d+)\/webrtc-direct\/certhash\/[^/]+(\/p2p\/[^/]+)?$/

export function isDirect (address) {
  return ADDRESS.test(address)
}

export function passwordOf (sdp) {
  const password = /^a=ice-pwd:([A-Za-z0-9+/]{22,256})\r?$/m.exec(sdp)?.[1]
  if (password == null) throw new Error('the browser’s offer has no ICE password')
  return password
}

export function answer (address, fingerprint, password) {
  const [, version, host, port] = ADDRESS.exec(address)
  const credential = PREFIX + password
  return [
    'v=0',
    `o=- 0 0 IN IP${version} ${host}`,
    's=-',
    't=0 0',
    'a=ice-lite',
    `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`,
    `c=IN IP${version} ${host}`,
    'a=mid:0',
    'a=ice-options:ice2',
    `a=ice-ufrag:${credential}`,
    `a=ice-pwd:${credential}`,
    `a=fingerprint:${fingerprint}`,
    'a=setup:passive',
    'a=sctp-port:5000',
    `a=max-message-size:${MAX_MESSAGE_SIZE}`,
    `a=candidate:1 1 UDP 1 ${host} ${port} typ host`,
    'a=end-of-candidates',
    ''
  ].join('\r\n')
}
