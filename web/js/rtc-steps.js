// SPDX-License-Identifier: MIT OR Apache-2.0

// Makes the steps of a WebRTC connection visible. js-libp2p's transport makes its RTCPeerConnection deep inside, so the global
// class is replaced by one that looks for `onStep` in its configuration and reports there.

export function watchPeerConnections () {
  if (!('RTCPeerConnection' in globalThis)) return
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor (configuration = {}) {
      super(configuration)
      this.onStep = configuration.onStep ?? (() => {})
      this.onStep('rtc:ice')
      this.addEventListener('iceconnectionstatechange', () => {
        if (['connected', 'completed'].includes(this.iceConnectionState)) this.onStep('rtc:dtls')
        if (this.iceConnectionState === 'failed') this.onStep('rtc:failed')
      })
      this.addEventListener('connectionstatechange', () => {
        if (this.connectionState === 'connected') this.onStep('rtc:channel')
        if (this.connectionState === 'failed') this.onStep('rtc:failed')
      })
    }

    createDataChannel (label, options) {
      const channel = super.createDataChannel(label, options)
      if (options?.negotiated) channel.addEventListener('open', () => this.onStep('rtc:noise'))
      return channel
    }
  }
}

// No STUN server is asked for anything: the node's address is known.
export function watchedConfiguration (onProgress = () => {}) {
  return { iceServers: [], onStep: type => onProgress({ type }) }
}

// js-libp2p's transport asks for its configuration at the start of a dial, and does not say of which.
export function watched (webRTCDirect) {
  let onProgress
  const make = webRTCDirect({ rtcConfiguration: () => watchedConfiguration(onProgress) })
  return components => {
    const transport = make(components)
    const dial = transport.dial.bind(transport)
    transport.dial = (address, options) => {
      onProgress = options.onProgress
      return dial(address, options)
    }
    return transport
  }
}
