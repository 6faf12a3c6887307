// SPDX-License-Identifier: MIT OR Apache-2.0

// The libp2p host of this tab.

import { createLibp2p, identify, multiaddr, noise, webRTCDirect, webSockets, webTransport, yamux } from './libp2p.js'
import { watched, watchedConfiguration, watchPeerConnections } from './rtc-steps.js'
import { webRTCDirect2 } from './webrtc2.js'

export async function startTab () {
  watchPeerConnections()
  const host = await createLibp2p({
    transports: [webSockets(), webTransport(), watched(webRTCDirect), webRTCDirect2({ rtcConfiguration: watchedConfiguration })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }, // the lanes ping for themselves
    services: { identify: identify({ runOnConnectionOpen: false }), sideBySide }
  })
  return {
    peer: host.peerId.toString(),
    dial: (tag, address, options) => host.services.sideBySide.dial(tag, multiaddr(address), options),
    identify: (connection, options) => host.services.identify.identify(connection, options)
  }
}

// js-libp2p's dialler keeps one connection to a peer and tries addresses one after the other. The page wants all of them at
// once, so it asks each transport itself.
function sideBySide (components) {
  return {
    dial (tag, address, options) {
      const transport = components.transportManager.getTransports().find(one => one[Symbol.toStringTag] === tag)
      if (transport.dialFilter([address]).length === 0) throw new Error(`${tag} cannot dial ${address}`)
      return transport.dial(address, { ...options, upgrader: components.upgrader })
    }
  }
}
