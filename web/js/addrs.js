// SPDX-License-Identifier: MIT OR Apache-2.0

// Which of the node's addresses a transport dials, and in which order.

const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/
const PRIVATE = /^\/(ip4\/(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)|ip6\/(f[cd]|fe80))/i

export function reach (address) {
  if (LOOPBACK.test(address)) return 'loopback'
  return PRIVATE.test(address) ? 'private' : 'public'
}

export function hostOf (address) {
  return address.split('/')[2] ?? ''
}

export function peerOf (address) {
  const parts = address.split('/')
  const at = parts.lastIndexOf('p2p')
  return at < 0 ? undefined : parts[at + 1]
}

// What follows the host, for people: "udp/4001/quic-v1".
export function withoutHashes (address) {
  return address.replace(/\/certhash\/[^/]+/g, '').replace(/\/p2p\/[^/]+$/, '')
}

// The addresses to dial, best first: the one that the page came from, then one of each kind in the node's own order (loopback, local
// network, public), because what fails for one fails for all of its kind. A page from another machine does not try loopback, which
// would be that machine itself. Firefox sends nothing to loopback for WebRTC.
export function candidates (addresses, { pageHost, skipLoopback = false }) {
  const pageIsLocal = isLoopbackHost(pageHost)
  const usable = addresses.filter(address => reach(address) !== 'loopback' || (pageIsLocal && !skipLoopback))
  const sameHost = usable.filter(address => hostOf(address) === pageHost)
  const kinds = new Set()
  return [...sameHost, ...usable].filter(address => {
    const fresh = !kinds.has(reach(address))
    kinds.add(reach(address))
    return fresh
  })
}

export function isLoopbackHost (host) {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\./.test(host)
}
