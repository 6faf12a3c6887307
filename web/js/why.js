// SPDX-License-Identifier: MIT OR Apache-2.0

// Why a dial failed, and what a person can do about it. Browsers say very little, so most of this is judged from where the
// page is and how far the dial got.

import { isLoopbackHost, reach } from './addrs.js'

// What a lane says when it gives up.
export const TOO_LATE = 'no answer in time'

const TOO_OLD = 'Use a newer browser: Chromium 116 or Firefox 125 at least.'
const HASHES_CHANGE = 'Reload the page: it asks the node for its addresses of today.'
const FIREWALL = port => `Look for a firewall that drops UDP${port ? ` on port ${port}` : ''}; on the node’s machine: allow it there.`

// What can be known before anything is sent. Returns nothing if a dial makes sense.
export function cannotDial (transport, addresses, browser) {
  if (transport === 'webtransport' && !browser.secure) {
    return {
      why: 'This page did not come from a secure place, and browsers have WebTransport only there.',
      try: 'Open the page on the node’s own machine as http://127.0.0.1 or http://localhost, or over an SSH tunnel to it.'
    }
  }
  if (transport === 'webtransport' && !browser.webTransport) return { why: 'This browser has no WebTransport.', try: TOO_OLD }
  if (transport.startsWith('webrtc') && !browser.webRTC) {
    return { why: 'This browser has no WebRTC, or it is turned off.', try: 'Look for a setting or an extension that blocks WebRTC.' }
  }
  if (addresses.length === 0) {
    return { why: 'The node does not listen on this transport.', try: 'Start it without --listen, or with a --listen for this transport.' }
  }
  if (transport.startsWith('webrtc') && browser.firefox && isLoopbackHost(browser.pageHost) && addresses.every(isLoopback)) {
    return {
      why: 'Firefox sends no WebRTC to the machine it runs on by its loopback address, and the node has no other address.',
      try: 'Connect this machine to a network and start the node again, or use a Chromium.'
    }
  }
}

// step: where it stopped; message: what the browser said.
export function explain (transport, step, message, address, browser) {
  const port = address?.match(/\/(?:tcp|udp)\/(\d+)/)?.[1]
  if (/SDP is modified|munging/i.test(message)) {
    return { why: 'This browser forbids version 1’s way to say who it is (it edits the browser’s own offer).', try: 'Nothing to do: version 2 beside it does without.' }
  }
  if (step === 'noise' && message === TOO_LATE) {
    return { why: 'Somebody answered, but the handshake did not end in time.', try: 'Try again. If it stays so, is the machine or the network very busy?' }
  }
  if (step === 'noise') return { why: 'Somebody answered, but did not prove to be this node.', try: 'Is another program on the node’s port? Restart the node and reload.' }
  if (step === 'identify') return { why: 'The connection stands, but the node did not introduce itself.', try: 'Look at the node’s terminal; p2p up --log debug says more.' }
  if (transport === 'ws') {
    return isSecurePage(browser)
      ? { why: 'A page that came by https may open no plain WebSocket to another machine.', try: 'Open the page by http, or give the node a certificate for wss.' }
      : { why: `Nothing answered on TCP port ${port}.`, try: `Is the node still running? A firewall must let TCP port ${port} through.` }
  }
  if (transport === 'webtransport') {
    return {
      why: 'The browser could not set up QUIC: no answer by UDP, or a certificate that is not the one in the address.',
      try: `${FIREWALL(port)} ${HASHES_CHANGE}`
    }
  }
  if (step === 'ice') {
    return isLoopback(address ?? '')
      ? { why: 'No answer came back by UDP. A browser sends WebRTC only by a network, and this machine seems to have none but itself.', try: 'Connect this machine to a network, and try again.' }
      : { why: 'No answer came back by UDP.', try: `${FIREWALL(port)}${browser.firefox ? ' Firefox also needs a default route: be on a network.' : ''}` }
  }
  return { why: 'The encrypted session could not be set up.', try: HASHES_CHANGE }
}

function isLoopback (address) {
  return reach(address) === 'loopback'
}

function isSecurePage (browser) {
  return browser.protocol === 'https:' && !isLoopbackHost(browser.pageHost)
}

export function thisBrowser () {
  return {
    secure: globalThis.isSecureContext,
    webTransport: 'WebTransport' in globalThis,
    webRTC: 'RTCPeerConnection' in globalThis,
    firefox: /\bFirefox\//.test(navigator.userAgent),
    pageHost: location.hostname,
    protocol: location.protocol
  }
}
