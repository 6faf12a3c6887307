// SPDX-License-Identifier: MIT OR Apache-2.0

// The test protocols and the dialler's tests of ../CONTRACT.md on js-libp2p, shared by the peer
// that runs in Node (peer.js) and the one that runs in a browser (../browser/page.js).

const PERF = '/perf/1.0.0'
const ECHO = '/echo/1.0.0'
const RESET = '/interop/reset/1.0.0'
const OPEN = '/interop/open/1.0.0'

const TEST_TIMEOUT = 60_000
const ECHO_SIZE = 100_000 // halfclose, if it does not say
const SMALL_ECHO = 1_000 // streams and open
const PERF_BLOCK = new Uint8Array(64 * 1024)
const MANY_STREAMS = { maxInboundStreams: 1024, maxOutboundStreams: 1024 } // js allows 32 and 64 otherwise

// ---- what both sides serve, and what only the listener does ----

export async function serveDialler (node) {
  await node.handle(ECHO, serveEcho, MANY_STREAMS)
}

export async function serveListener (node) {
  await serveDialler(node)
  await node.handle(PERF, servePerf, MANY_STREAMS)
  await node.handle(RESET, serveReset)
  await node.handle(OPEN, serveOpen)
}

const serveEcho = handler(async stream => {
  await receive(stream, data => {
    if (!stream.send(data)) {
      stream.pause()
      stream.onDrain().then(() => { if (stream.readStatus === 'paused') stream.resume() }, () => {})
    }
  })
  await stream.close()
})

const servePerf = handler(async stream => {
  const header = []
  await receive(stream, data => {
    if (header.length < 8) header.push(...data.subarray(0, 8 - header.length))
  })
  const wanted = new DataView(Uint8Array.from(header).buffer).getBigUint64(0)
  await sendZeros(stream, Number(wanted))
  await stream.close()
})

const serveReset = handler(async stream => {
  await firstByte(stream)
  stream.abort(new Error('this protocol resets')) // js-libp2p cannot say an error code
})

const serveOpen = handler(async (stream, connection) => {
  await firstByte(stream)
  const answer = await echo(connection, SMALL_ECHO).then(() => 'ok', error => error.message)
  stream.send(new TextEncoder().encode(answer))
  await stream.close()
})

function handler (serve) {
  return (stream, connection) => serve(stream, connection).catch(error => stream.abort(error))
}

// ---- the dialler ----

// dial connects once, runs the tests one after another and reports a result object for each.
// It returns whether all of them passed.
export async function dial (node, target, tests, report) {
  let connection
  let allPassed = await run('connect', report, async signal => {
    connection = await node.dial(target, { signal })
    return {
      peer: connection.remotePeer.toString(),
      security: upgradeName(connection.encryption),
      muxer: upgradeName(connection.multiplexer)
    }
  })
  for (const test of tests) {
    if (connection == null) break
    const [name, ...numbers] = test.split(':')
    const passed = await run(name, report, signal => TESTS[name](node, connection, numbers.map(Number), signal))
    allPassed &&= passed
  }
  return allPassed
}

export function checkTests (tests) {
  const unknown = tests.find(test => !(test.split(':')[0] in TESTS))
  return unknown == null ? undefined : `unknown test ${unknown}`
}

async function run (name, report, perform) {
  const start = performance.now()
  const signal = AbortSignal.timeout(TEST_TIMEOUT)
  try {
    const result = await Promise.race([perform(signal), rejectOn(signal)])
    report({ test: name, ok: true, ms: performance.now() - start, ...result })
    return true
  } catch (error) {
    report({ test: name, ok: false, ms: performance.now() - start, error: describe(error) })
    return false
  }
}

const TESTS = {
  async ping (node, connection, [count = 1], signal) {
    const times = []
    while (times.length < count) {
      times.push(await node.services.ping.ping(connection.remotePeer, { signal }))
    }
    times.sort((a, b) => a - b)
    return { count, rtt_ms: times[count >> 1] }
  },

  async identify (node, connection, _, signal) {
    const message = await node.services.identify.identify(connection, { signal })
    return {
      agent: message.agentVersion,
      protocols: message.protocols,
      observed: message.observedAddr?.toString() ?? '',
      listen: message.listenAddrs.map(String)
    }
  },

  // The upload is over when the first byte of the answer, or its end, has come.
  async perf (_node, connection, [up = 1 << 20, down = 1 << 20], signal) {
    const start = performance.now()
    const stream = await connection.newStream(PERF, { signal })
    const header = new DataView(new ArrayBuffer(8))
    header.setBigUint64(0, BigInt(down))
    let received = 0
    let uploaded
    const answer = receive(stream, data => {
      uploaded ??= performance.now()
      received += data.byteLength
    })
    answer.catch(() => {}) // awaited below, when the upload is done
    await send(stream, new Uint8Array(header.buffer))
    await sendZeros(stream, up)
    await stream.close({ signal })
    await answer
    const end = performance.now()
    uploaded ??= end
    if (received !== down) throw new Error(`${received} bytes came instead of ${down}`)
    return { up_mbit: megabitsPerSecond(up, uploaded - start), down_mbit: megabitsPerSecond(down, end - uploaded) }
  },

  async halfclose (_node, connection, [size = ECHO_SIZE]) {
    await echo(connection, size)
  },

  async reset (_node, connection, _, signal) {
    const stream = await connection.newStream(RESET, { signal })
    const end = receive(stream).then(() => 'the end of the stream', error => error.name)
    await send(stream, new Uint8Array(1))
    const seen = await end
    // QUIC and WebRTC streams of js-libp2p show a reset as an end after which nothing can be sent.
    if (seen !== 'StreamResetError' && !await refusesToSend(stream)) {
      throw new Error(`expected a reset, got ${seen}`)
    }
    stream.abort(new Error('the test is over'))
    return { seen }
  },

  // All streams are open, each with one byte echoed, before any of them sends its payload.
  async streams (_node, connection, [count = 1], signal) {
    const streams = []
    for (let i = 0; i < count; i++) {
      const stream = await openEcho(connection, signal)
      const echoed = firstByte(stream)
      await send(stream, Uint8Array.of(i))
      await echoed
      streams.push(stream)
    }
    await Promise.all(streams.map(stream => echoOn(stream, SMALL_ECHO)))
    return { count }
  },

  async open (_node, connection, _, signal) {
    const stream = await connection.newStream(OPEN, { signal })
    const answer = receiveAll(stream)
    answer.catch(() => {})
    await send(stream, new Uint8Array(1))
    const text = new TextDecoder().decode(await answer)
    await stream.close({ signal })
    if (text !== 'ok') throw new Error(`the listener answered "${text}"`)
  },

  async idle (node, connection, [seconds = 1]) {
    await sleep(seconds * 1000)
    if (connection.status !== 'open') throw new Error('the connection was closed while idle')
    return await TESTS.ping(node, connection, [], AbortSignal.timeout(TEST_TIMEOUT))
  }
}

// ---- streams ----

function openEcho (connection, signal) {
  return connection.newStream(ECHO, { signal, ...MANY_STREAMS })
}

// echo sends a payload on a new stream, half closes it and checks that all of it comes back.
async function echo (connection, size) {
  const stream = await openEcho(connection, AbortSignal.timeout(TEST_TIMEOUT))
  await echoOn(stream, size)
}

async function echoOn (stream, size) {
  const payload = Uint8Array.from({ length: size }, (_, i) => i * 31 % 251)
  const answer = receiveAll(stream)
  answer.catch(() => {})
  for (let at = 0; at < size; at += PERF_BLOCK.length) {
    await send(stream, payload.subarray(at, at + PERF_BLOCK.length))
  }
  await stream.close()
  const received = await answer
  if (received.length !== size || received.some((byte, i) => byte !== payload[i])) {
    throw new Error(`the echo of ${size} bytes has ${received.length} bytes or differs`)
  }
}

// receive hands over each chunk until the remote end has closed its side, and rejects on a reset.
// (The streams' own iterator never ends if the remote closed before it was started.)
function receive (stream, consume = () => {}) {
  return new Promise((resolve, reject) => {
    const settle = event => {
      if (stream.status === 'reset' || stream.status === 'aborted') {
        if (event?.type === 'end') return // the close event that follows carries the error
        reject(event?.error ?? new Error(`the stream was ${stream.status}`))
      } else {
        resolve()
      }
    }
    stream.addEventListener('message', event => consume(event.data)) // what is buffered comes in a microtask
    if (stream.readableEnded || stream.status !== 'open') return queueMicrotask(settle)
    stream.addEventListener('end', settle)
    stream.addEventListener('close', settle)
  })
}

async function receiveAll (stream) {
  const chunks = []
  await receive(stream, data => chunks.push(data.subarray().slice()))
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  chunks.reduce((at, chunk) => (bytes.set(chunk, at), at + chunk.length), 0)
  return bytes
}

function firstByte (stream) {
  return new Promise((resolve, reject) => receive(stream, resolve).then(reject, reject))
}

async function send (stream, data) {
  if (!stream.send(data)) await stream.onDrain()
}

async function sendZeros (stream, count) {
  for (; count > 0; count -= PERF_BLOCK.length) {
    await send(stream, PERF_BLOCK.subarray(0, count))
  }
}

async function refusesToSend (stream) {
  try {
    for (let attempt = 0; attempt < 20; attempt++) {
      await send(stream, new Uint8Array(1))
      await sleep(50)
    }
    return false
  } catch {
    return true
  }
}

// ---- small things ----

function sleep (ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

// Transports with security and streams of their own (QUIC, WebRTC) have nothing to report.
function upgradeName (protocol) {
  return ['/noise', '/tls/1.0.0', '/yamux/1.0.0', '/mplex/6.7.0'].includes(protocol) ? protocol : ''
}

function rejectOn (signal) {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('timed out')))
  })
}

function describe (error) {
  const inner = error?.errors?.map(describe).join('; ') // AggregateError of a dial
  const words = [error?.name, error?.message, inner].filter(Boolean).join(': ')
  return words || (error?.type ? `a WebSocket ${error.type} event` : String(error))
}

function megabitsPerSecond (bytes, ms) {
  return bytes * 8 / 1000 / Math.max(ms, 1e-6)
}
