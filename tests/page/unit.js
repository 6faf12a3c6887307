// SPDX-License-Identifier: MIT OR Apache-2.0

// The page's modules that need no browser.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { candidates, peerOf, reach, withoutHashes } from '../../web/js/addrs.js'
import { CELLS, cellStates } from '../../web/js/cells.js'
import { median, place } from '../../web/js/chart.js'
import * as format from '../../web/js/format.js'
import { decode, Decoder, encode, MOST_MESSAGE, utf8 } from '../../web/js/hello-codec.js'
import { addressesFor } from '../../web/js/lanes.js'
import { clamp, header } from '../../web/js/perf.js'
import { STEP_OF_EVENT, TRANSPORTS } from '../../web/js/steps.js'
import { answer, isDirect, passwordOf } from '../../web/js/webrtc2-sdp.js'
import { cannotDial, explain, TOO_LATE } from '../../web/js/why.js'
import { check, options, run, same, test, throws } from './harness.js'

const PEER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const LOOPBACK = `/ip4/127.0.0.1/udp/4001/webrtc-direct/certhash/uEiA/p2p/${PEER}`
const NEAR = `/ip4/192.168.1.7/udp/4001/webrtc-direct/certhash/uEiA/p2p/${PEER}`
const FAR = `/ip4/198.51.100.7/udp/4001/webrtc-direct/certhash/uEiA/p2p/${PEER}`
const BROWSER = { secure: true, webTransport: true, webRTC: true, firefox: false, pageHost: '127.0.0.1', protocol: 'http:' }

// ---- addresses ----

test('an address is loopback, private or public', async () => {
  same([LOOPBACK, NEAR, FAR, '/ip6/::1/tcp/1', '/ip6/fd00::2/tcp/1', '/ip4/172.20.0.1/tcp/1', '/ip4/172.40.0.1/tcp/1'].map(reach),
    ['loopback', 'private', 'public', 'loopback', 'private', 'private', 'public'])
})

const NEAR_TOO = NEAR.replace('192.168.1.7', '10.0.0.7')

test('a page on this machine dials loopback first, and one address of each kind', async () => {
  same(candidates([LOOPBACK, NEAR, NEAR_TOO, FAR], { pageHost: '127.0.0.1' }), [LOOPBACK, NEAR, FAR])
  same(candidates([LOOPBACK, NEAR, FAR], { pageHost: 'localhost', skipLoopback: true }), [NEAR, FAR])
})

test('a page from elsewhere dials the host it came from, and never its own loopback', async () => {
  same(candidates([LOOPBACK, FAR, NEAR_TOO, NEAR], { pageHost: '192.168.1.7' }), [NEAR, FAR])
})

test('a peer id and an address without hashes', async () => {
  same(peerOf(NEAR), PEER)
  same(peerOf('/ip4/1.2.3.4/tcp/1'), undefined)
  same(withoutHashes(NEAR), '/ip4/192.168.1.7/udp/4001/webrtc-direct')
})

test('each lane has its addresses', async () => {
  const node = { browser: { ws: ['a'], wss: ['b'], webtransport: ['c'], 'webrtc-direct': ['d'] } }
  const wanted = { ws: ['a'], webtransport: ['c'], 'webrtc-direct': ['d'], 'webrtc-direct-v2': ['d'] }
  for (const { id } of TRANSPORTS) same(addressesFor(id, node, BROWSER), wanted[id])
  same(addressesFor('ws', node, { protocol: 'https:' }), ['b'])
})

test('every step that a transport reports is one of its steps', async () => {
  const known = new Set(TRANSPORTS.flatMap(({ steps }) => steps.map(step => step.id)))
  for (const step of Object.values(STEP_OF_EVENT)) check(known.has(step), `${step} is shown nowhere`)
})

// ---- numbers ----

test('numbers as people read them', async () => {
  same([0, 999, 1000, 12_345, 9_900_000, 3e9].map(format.bytes), ['0 B', '999 B', '1.0 kB', '12 kB', '9.9 MB', '3.0 GB'])
  same([0.44, 9.96, 87.4, 12_000].map(format.milliseconds), ['0.4 ms', '10.0 ms', '87 ms', '12 s'])
  same([0.2, 23.6].map(format.duration), ['<1 ms', '24 ms'])
  same([900, 61_000, 3_700_000, 90_000_000].map(format.age), ['0 s', '1 min', '1 h 1 min', '1 d 1 h'])
  same(format.shortPeer(PEER), '…' + PEER.slice(-8))
  same([format.plural(1, 'peer'), format.plural(2, 'address', 'addresses')], ['1 peer', '2 addresses'])
  same(format.agentText('js-libp2p/3.3.11 browser/Mozilla/5.0 (X11) Firefox/153.0'), 'js-libp2p/3.3.11 in Firefox')
  same([format.agentText('go-libp2p/0.51 x'), format.agentText('')], ['go-libp2p/0.51', '–'])
})

test('the chart keeps the newest value at the right edge, and all of it inside', async () => {
  const points = place(Array.from({ length: 100 }, (_, i) => i))
  same(points.length, 60)
  same(points.at(-1)[0], 156)
  for (const [x, y] of points) check(x >= 0 && x <= 160 && y >= 0 && y <= 32, `${x},${y} is outside`)
  same(place([]), [])
  same(median([5, 1, 3]), 3)
})

// ---- protocols ----

test('perf asks for its download in eight bytes, within bounds', async () => {
  same([...header(0x0102030405)], [0, 0, 0, 1, 2, 3, 4, 5])
  same([clamp(1), clamp(Infinity), clamp(5 << 20)], [1 << 20, 64 << 20, 5 << 20])
})

test('a hello survives every way to cut it', async () => {
  const wire = encode({ name: 'Zoë', text: 'hello ✋'.repeat(30) })
  for (let size = 1; size <= wire.length; size++) {
    const seen = []
    const decoder = new Decoder(message => seen.push(message))
    for (let at = 0; at < wire.length; at += size) decoder.push(wire.subarray(at, at + size))
    same(seen.map(({ name, text }) => [name, text]), [['Zoë', 'hello ✋'.repeat(30)]])
  }
})

test('a hello is the bytes that docs/wire.md says', async () => {
  same([...encode({ name: 'a', text: 'hi' })], [7, 0x12, 1, 97, 0x1a, 2, 104, 105])
  same(decode(Uint8Array.of(0x0a, 2, 0, 36, 0x1a, 1, 33)).from, Uint8Array.of(0, 36))
})

test('a hello that is too long, cut off or of a wrong type is refused', async () => {
  const decoder = new Decoder(() => {})
  throws(() => decoder.push(Uint8Array.of(0x81 + (MOST_MESSAGE & 0x7f), 0x10)), /too long/)
  throws(() => new Decoder(() => {}).push(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), /too long/)
  throws(() => decode(Uint8Array.of(0x1a, 5, 1)), /cut off/)
  throws(() => decode(Uint8Array.of(0x1a)), /cut off/)
  throws(() => decode(Uint8Array.of(0x18, 5)), /wrong type/)
})

test('text is cut between characters', async () => {
  same(new TextDecoder().decode(utf8('✋✋✋', 7)), '✋✋')
  check(encode({ name: 'n'.repeat(99), text: '✋'.repeat(2000) }).length <= MOST_MESSAGE + 2, 'it is longer than the node takes')
})

test('version 2 of WebRTC-direct puts the browser’s password into the node’s name', async () => {
  const password = passwordOf('v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghij+/\r\n')
  const lines = answer(LOOPBACK, 'sha-256 AA:BB', password).split('\r\n')
  for (const wanted of ['a=ice-ufrag:libp2p+webrtc+v2/0123456789abcdefghij+/', 'a=ice-pwd:libp2p+webrtc+v2/0123456789abcdefghij+/',
    'a=fingerprint:sha-256 AA:BB', 'm=application 4001 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 127.0.0.1', 'a=setup:passive', 'a=ice-lite']) {
    check(lines.includes(wanted), `${wanted} is missing in ${lines}`)
  }
  throws(() => passwordOf('v=0\r\n'), /no ICE password/)
  same([isDirect(LOOPBACK), isDirect('/ip6/::1/udp/1/webrtc-direct/certhash/u'), isDirect('/ip4/127.0.0.1/udp/1/quic-v1')], [true, true, false])
})

// ---- reasons ----

test('what cannot work is said before it is tried', async () => {
  const reason = (transport, addresses, browser) => cannotDial(transport, addresses, { ...BROWSER, ...browser })?.why ?? 'can'
  same(reason('webtransport', [NEAR], {}), 'can')
  check(/secure/.test(reason('webtransport', [NEAR], { secure: false })), 'an insecure page')
  check(/no WebTransport/.test(reason('webtransport', [NEAR], { webTransport: false })), 'an old browser')
  check(/no WebRTC/.test(reason('webrtc-direct', [NEAR], { webRTC: false })), 'WebRTC turned off')
  check(/does not listen/.test(reason('ws', [], {})), 'no address')
  check(/Firefox/.test(reason('webrtc-direct-v2', [LOOPBACK], { firefox: true })), 'Firefox on loopback')
  same(reason('webrtc-direct', [LOOPBACK, NEAR], { firefox: true }), 'can')
})

test('every failure has a reason and something to try', async () => {
  for (const { id, steps } of TRANSPORTS) {
    for (const step of steps) {
      const { why, try: advice } = explain(id, step.id, 'failed', FAR, BROWSER)
      check(why.length > 20 && advice.length > 20, `${id}, ${step.id}: ${why} ${advice}`)
    }
  }
  check(/version 2/.test(explain('webrtc-direct', 'ice', 'SDP is modified in a non-acceptable way', FAR, BROWSER).try), 'munging')
  check(/did not end in time/.test(explain('ws', 'noise', TOO_LATE, FAR, BROWSER).why), 'a slow handshake')
  check(/4001/.test(explain('ws', 'open', '', '/ip4/198.51.100.7/tcp/4001/ws', BROWSER).why), 'the port')
})

// ---- the table ----

const connection = (transport, addr, direction = 'in') => ({ transport, addr, direction, limited: false })
const shown = (lanes, peers) => Object.entries(cellStates(lanes, peers, 'tab')).filter(([, { state }]) => state === 'shown').map(([id]) => id)

test('no tick without a living connection', async () => {
  same(shown([], []), [])
  same(shown([], [{ peer: 'tab', agent: 'js-libp2p/3 browser/x', connections: [connection('ws', '/ip4/127.0.0.1/tcp/1/ws')] }]), [])
})

test('a node that is gone can do nothing', async () => {
  const states = new Set(Object.values(cellStates(['WebSocket'], undefined, 'tab')).map(({ state }) => state))
  same([...states].sort(), ['gone', 'not-yet'])
})

test('a tick for what lives', async () => {
  same(shown(['WebSocket'], []), ['browser→public'])
  same(shown([], [{ peer: 'other', agent: 'js-libp2p/3 browser/x', connections: [connection('ws', '/ip4/10.0.0.1/tcp/1/ws')] }]), ['browser→public'])
  same(shown([], [{ peer: 'go', agent: 'go', connections: [connection('quic-v1', '/ip4/10.0.0.1/udp/1/quic-v1')] }]), ['private→public'])
  same(shown([], [{ peer: 'go', agent: 'go', connections: [connection('tcp', '/ip4/198.51.100.7/tcp/1')] }]), ['public→public'])
})

test('a relayed connection is no tick for a direct one', async () => {
  same(shown([], [{ peer: 'go', agent: 'go', connections: [{ ...connection('tcp', '/ip4/198.51.100.7/tcp/1'), limited: true }] }]), [])
})

test('each field says how it works in three sentences, and what it needs', async () => {
  same(Object.keys(CELLS).length, 9)
  for (const [id, { how, needs }] of Object.entries(CELLS)) check(how.length === 3 && needs.length > 20, id)
})

// ---- files ----

test('neither style nor script stands in the markup, and nothing comes from elsewhere', async () => {
  const html = readFileSync(join(options.web, 'index.html'), 'utf8')
  for (const forbidden of [/\sstyle=/, /<style/, /\son\w+=/, /<script(?![^>]*\ssrc=)/, /(src|href)="(https?:)?\/\//]) {
    check(!forbidden.test(html), `index.html has ${forbidden}`)
  }
})

await run()
