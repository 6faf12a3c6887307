// SPDX-License-Identifier: MIT OR Apache-2.0

// Data channels as a page sees them, without libp2p, against channels.c: a connection by version 2
// of webrtc-direct (no text of the browser's own is changed), then what a channel does with messages.

import { check, equal, pattern } from './support.js'

const LARGEST = 256 << 10
const SIZES = [0, 1, 2, 3, 4, 1000, 1151, 1152, 1153, 1200, 4096, 16384, 65535, 65536, LARGEST - 1, LARGEST]

// The peer connection that the address of a test leads to, described without signalling.
async function connect ({ target }, RTC = RTCPeerConnection) {
  const [, family, host, , port, , , certhash] = target.split('/')
  const rtc = new RTC()
  const first = rtc.createDataChannel('', { negotiated: true, id: 0 })
  await rtc.setLocalDescription(await rtc.createOffer())
  const password = /^a=ice-pwd:(.*?)\r?$/m.exec(rtc.localDescription.sdp)[1]
  const ip = family.replace('ip', 'IP')
  await rtc.setRemoteDescription({
    type: 'answer',
    sdp: [
      'v=0', `o=- 0 0 IN ${ip} ${host}`, 's=-', `c=IN ${ip} ${host}`, 't=0 0', 'a=ice-lite',
      `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`, 'a=mid:0', 'a=setup:passive',
      `a=ice-ufrag:libp2p+webrtc+v2/${password}`, `a=ice-pwd:libp2p+webrtc+v2/${password}`,
      `a=fingerprint:sha-256 ${fingerprint(certhash)}`, 'a=sctp-port:5000', `a=max-message-size:${LARGEST}`,
      `a=candidate:1 1 UDP 1 ${host} ${port} typ host`, 'a=end-of-candidates', ''
    ].join('\r\n')
  })
  await happened(first, 'open')
  return rtc
}

// Multibase base64url of a multihash: "u", then 12 20 and the digest.
function fingerprint (certhash) {
  const bytes = atob(certhash.slice(1).replaceAll('-', '+').replaceAll('_', '/')).slice(2)
  return Array.from(bytes, letter => letter.charCodeAt(0).toString(16).padStart(2, '0')).join(':').toUpperCase()
}

function happened (object, type) {
  if (type === 'open' && object.readyState === 'open') return object
  return new Promise((resolve, reject) => {
    object.addEventListener(type, resolve, { once: true })
    if (type !== 'close') object.addEventListener('close', () => reject(new Error(`closed before ${type}`)), { once: true })
  })
}

async function open (rtc, label = 'echo', options = {}) {
  const channel = rtc.createDataChannel(label, options)
  channel.binaryType = 'arraybuffer'
  await happened(channel, 'open')
  return channel
}

async function ask (channel, message) {
  const answer = happened(channel, 'message')
  channel.send(message)
  const { data } = await answer
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data
}

// One connection for a case, closed at its end.
function on (run) {
  return async env => {
    const rtc = await connect(env)
    try {
      await run(rtc, env)
    } finally {
      rtc.close()
    }
  }
}

async function allSizes (rtc, options) {
  const channel = await open(rtc, 'echo', options)
  for (const size of SIZES) equal(await ask(channel, pattern(size)), pattern(size))
  equal(await ask(channel, 'text, ünïcode'), 'text, ünïcode')
  equal(await ask(channel, ''), '')
}

// Sends all messages as the channel has room for them, and gives what came back.
async function sendAll (channel, messages) {
  const back = []
  const done = new Promise(resolve => {
    channel.onmessage = ({ data }) => {
      back.push(new Uint8Array(data))
      if (back.length === messages.length) resolve()
    }
  })
  channel.bufferedAmountLowThreshold = LARGEST
  for (const message of messages) {
    if (channel.bufferedAmount > 4 * LARGEST) await happened(channel, 'bufferedamountlow')
    channel.send(message)
  }
  await done
  return back
}

async function openAndClose (rtc, i) {
  const channel = await open(rtc, `number ${i}`)
  equal(await ask(channel, `message ${i}`), `message ${i}`)
  const closed = happened(channel, 'close')
  channel.close()
  await closed
}

export const cases = {
  'messages of every size come back, in order': on(rtc => allSizes(rtc, {})),
  'messages of every size come back, unordered': on(rtc => allSizes(rtc, { ordered: false })),
  'messages of every size come back on a channel that may lose them': on(rtc => allSizes(rtc, { maxPacketLifeTime: 60000 })),

  'two thousand small messages keep their order': on(async rtc => {
    const messages = Array.from({ length: 2000 }, (_, i) => pattern(i % 97))
    const back = await sendAll(await open(rtc), messages)
    back.forEach((message, i) => equal(message, messages[i]))
  }),

  'two thousand unordered messages all come': on(async rtc => {
    const messages = Array.from({ length: 2000 }, (_, i) => new Uint8Array([i >> 8, i & 255, ...pattern(i % 53)]))
    const back = await sendAll(await open(rtc, 'echo', { ordered: false }), messages)
    for (const message of back) equal(message, messages[message[0] << 8 | message[1]])
    equal(new Set(back.map(message => message[0] << 8 | message[1])).size, messages.length)
  }),

  'large messages fill the windows both ways': on(async rtc => {
    const messages = Array.from({ length: 64 }, (_, i) => pattern(LARGEST - i))
    const back = await sendAll(await open(rtc), messages)
    back.forEach((message, i) => equal(message, messages[i]))
  }),

  'a hundred channels at once do not mix': on(async rtc => {
    await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      const channel = await open(rtc, `number ${i}`)
      equal(await ask(channel, pattern(10000 + i)), pattern(10000 + i))
    }))
  }),

  'a thousand channels are opened and closed in one connection': on(async rtc => {
    for (let i = 0; i < 1000; i += 50) await Promise.all(Array.from({ length: 50 }, (_, k) => openAndClose(rtc, i + k)))
    equal(await ask(await open(rtc, 'count'), ''), '1')
  }),

  'the server opens channels, and their names arrive': on(async rtc => {
    const control = await open(rtc, 'open')
    for (const label of ['a', 'ünïcode', 'x'.repeat(200)]) {
      const opened = happened(rtc, 'datachannel')
      control.send(label)
      const { channel } = await opened
      equal(channel.label, label)
      equal((await happened(channel, 'message')).data, 'hello')
      equal(channel.id % 2, 1)
      equal(await ask(channel, 'and back'), 'and back')
    }
  }),

  'the server closes a channel, and the others live': on(async rtc => {
    const [doomed, other] = [await open(rtc, 'close'), await open(rtc)]
    const closed = happened(doomed, 'close')
    doomed.send('now')
    await closed
    equal(await ask(other, 'still here'), 'still here')
  }),

  'a message above the limit is refused by the browser': on(async rtc => {
    const channel = await open(rtc)
    let error
    try {
      channel.send(pattern(LARGEST + 1))
    } catch (thrown) {
      error = thrown
    }
    check(error instanceof TypeError, `${error}`)
    equal(await ask(channel, 'still open'), 'still open')
  }),

  async 'the server hears at once that a connection is closed' (env) {
    const rtc = await connect(env)
    await open(rtc)
    rtc.close()
    await env.said(/^raw connection closed: the peer closed the connection$/)
  },

  // What a page sees of it: the connection never comes about, and the browser gives it up.
  async 'another certificate is refused' ({ target }) {
    const wrong = target.replace(/\/certhash\/.*/, '/certhash/uEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
    let state
    class Watched extends RTCPeerConnection {
      constructor () {
        super()
        state = new Promise(resolve => {
          this.addEventListener('connectionstatechange', () => {
            if (['connected', 'failed', 'closed'].includes(this.connectionState)) resolve(this.connectionState)
          })
        })
      }
    }
    connect({ target: wrong }, Watched).catch(() => {})
    equal(await state, 'failed')
  }
}

export const short = [
  'messages of every size come back, in order',
  'the server opens channels, and their names arrive'
]

export async function stay (env) {
  window.kept = await connect(env)
  await open(window.kept)
}

export const left = /^raw connection closed: /
