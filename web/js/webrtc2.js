// SPDX-License-Identifier: MIT OR Apache-2.0

// WebRTC-direct, version 2, as a transport of js-libp2p.
//
// In WebRTC two sides usually exchange descriptions over a server. WebRTC-direct has none: the dialler writes the other side's
// description itself, from its address. The node needs the browser's ICE password to answer its first packet, and version 1
// gives it by replacing that password in the browser's own offer, which browsers are about to forbid. Version 2 leaves the offer
// alone, and puts the browser's password into the node's user name, which comes with the first packet:
//
//   node's ufrag = node's pwd = "libp2p+webrtc+v2/" + browser's pwd
//
// The rest is version 1: DTLS with the certificate hash of the address, Noise on data channel 0 with the node as its initiator,
// and a data channel for each stream.
//
// spec: webrtc/webrtc-direct

import {
  createStream, DataChannelMuxerFactory, generateNoisePrologue, getFingerprintFromSdp, ma2Fingerprint, noise, peerIdFromString,
  serviceCapabilities, toMultiaddrConnection, transportSymbol
} from './libp2p.js'
import { peerOf } from './addrs.js'
import { answer, isDirect, passwordOf } from './webrtc2-sdp.js'

export function webRTCDirect2 ({ rtcConfiguration } = {}) {
  return components => new WebRTCDirect2(components, rtcConfiguration)
}

class WebRTCDirect2 {
  [transportSymbol] = true;
  [Symbol.toStringTag] = '@c-libp2p/webrtc-direct-v2';
  [serviceCapabilities] = ['@libp2p/transport']

  constructor (components, rtcConfiguration = () => ({})) {
    this.components = components
    this.rtcConfiguration = rtcConfiguration
    this.log = components.logger.forComponent('c-libp2p:webrtc-direct-v2')
  }

  dialFilter (addresses) {
    return addresses.filter(address => isDirect(address.toString()))
  }

  listenFilter () {
    return []
  }

  createListener () {
    throw new Error('a browser cannot listen')
  }

  async dial (address, { signal, upgrader, onProgress }) {
    signal.throwIfAborted()
    const certificate = await RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' })
    const peerConnection = new RTCPeerConnection({ ...this.rtcConfiguration(onProgress), certificates: [certificate] })
    // Made before anything can arrive, because it keeps the channels that the node opens early.
    const muxerFactory = new DataChannelMuxerFactory({ peerConnection, log: this.log })
    try {
      const channel = peerConnection.createDataChannel('', { negotiated: true, id: 0 })
      await this.describe(peerConnection, address)
      await opened(channel, signal)
      const remotePeer = await this.authenticate(peerConnection, channel, address, signal)
      return await upgrader.upgradeOutbound(this.connection(peerConnection, address), {
        skipProtection: true, skipEncryption: true, remotePeer, muxerFactory, signal, onProgress
      })
    } catch (error) {
      muxerFactory.close()
      peerConnection.close()
      throw error
    }
  }

  async describe (peerConnection, address) {
    await peerConnection.setLocalDescription(await peerConnection.createOffer())
    const password = passwordOf(peerConnection.localDescription.sdp)
    await peerConnection.setRemoteDescription({ type: 'answer', sdp: answer(address.toString(), ma2Fingerprint(address), password) })
  }

  async authenticate (peerConnection, channel, address, signal) {
    const fingerprint = getFingerprintFromSdp(peerConnection.localDescription.sdp)
    const prologueBytes = generateNoisePrologue(fingerprint, address, 'client')
    const stream = createStream({ channel, direction: 'outbound', isHandshake: true, log: this.log })
    const encrypter = noise({ prologueBytes })(this.components)
    const peer = peerOf(address.toString())
    const expected = peer == null ? undefined : peerIdFromString(peer)
    const { remotePeer } = await encrypter.secureInbound(stream, { remotePeer: expected, signal, skipStreamMuxerNegotiation: true })
    return remotePeer
  }

  connection (peerConnection, remoteAddr) {
    const connection = toMultiaddrConnection({ peerConnection, remoteAddr, direction: 'outbound', log: this.log.newScope('connection') })
    peerConnection.addEventListener('connectionstatechange', () => {
      if (['failed', 'disconnected', 'closed'].includes(peerConnection.connectionState)) {
        connection.close().catch(error => connection.abort(error))
      }
    })
    return connection
  }
}

function opened (channel, signal) {
  if (channel.readyState === 'open') return
  return new Promise((resolve, reject) => {
    channel.addEventListener('open', resolve, { once: true })
    channel.addEventListener('close', () => reject(new Error('the handshake channel was closed')), { once: true })
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
