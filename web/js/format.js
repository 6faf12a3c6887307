// SPDX-License-Identifier: MIT OR Apache-2.0

// Numbers as people read them.

const KB = 1000
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export function bytes (count) {
  if (count < KB) return `${count} B`
  for (const unit of ['kB', 'MB', 'GB']) {
    count /= KB
    if (count < KB || unit === 'GB') return `${count < 10 ? count.toFixed(1) : Math.round(count)} ${unit}`
  }
}

export function milliseconds (ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 10_000) return `${Math.round(ms)} ms`
  return `${Math.round(ms / 1000)} s`
}

// A step of a connection: tenths would be noise.
export function duration (ms) {
  return ms < 1 ? '<1 ms' : `${Math.round(ms)} ms`
}

export function age (ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < MINUTE) return `${seconds} s`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${Math.floor(seconds % HOUR / MINUTE)} min`
  return `${Math.floor(seconds / DAY)} d ${Math.floor(seconds % DAY / HOUR)} h`
}

export function rate (bytesPerSecond) {
  return `${bytes(Math.round(bytesPerSecond))}/s`
}

// A peer id is 52 characters of which the first eight are nearly always the same.
export function shortPeer (peer) {
  return peer.length <= 12 ? peer : `…${peer.slice(-8)}`
}

export function plural (count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`
}

// "js-libp2p/3.3.11 browser/Mozilla/5.0 (…) Firefox/153.0" is long.
export function agentText (agent) {
  if (!agent) return '–'
  const product = agent.split(' ')[0]
  if (!/ browser\//.test(agent)) return product
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find(name => agent.includes(`${name}/`)) ?? 'a browser'
  return `${product} in ${browser.replace('Edg', 'Edge')}`
}
