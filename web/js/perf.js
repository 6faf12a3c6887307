// SPDX-License-Identifier: MIT OR Apache-2.0

// Throughput: eight bytes that say how much is wanted back, then an upload, then the download.
//
// spec: perf/perf

import { receive, send } from './streams.js'

const PERF = '/perf/1.0.0'
const BLOCK = new Uint8Array(64 * 1024)
const SECONDS = 1
const LEAST = 1 << 20
const MOST = 64 << 20
const LONGEST = 5000
const ENOUGH = new Error('that is enough')

// Uploads for a while, then asks for as much as the upload makes one expect. Resolves to bytes per second each way; report(text
// of what moves, bytes) is called as it goes. The upload counts as done when the node has read all of it, which its answer shows:
// a browser takes bytes faster than it sends them.
export async function measure (connection, report, signal) {
  const up = await upload(connection, sent => report('sent', sent), signal)
  const down = await download(connection, clamp(up * SECONDS), received => report('received', received), signal)
  return { up, down }
}

async function upload (connection, report, signal) {
  const stream = await open(connection, 1, signal)
  const start = performance.now()
  let sent = 0
  const answer = receive(stream, () => {})
  answer.catch(() => {}) // awaited below, when the upload is done
  while (secondsSince(start) < SECONDS && sent < MOST) {
    signal.throwIfAborted()
    await send(stream, BLOCK)
    sent += BLOCK.length
    report(sent)
    if (sent % (16 * BLOCK.length) === 0) await breath()
  }
  await stream.close({ signal })
  await answer
  return sent / secondsSince(start)
}

// On a slow way what has come by then is enough to tell the speed.
async function download (connection, size, report, signal) {
  const stream = await open(connection, size, signal)
  const start = performance.now()
  let received = 0
  const answer = receive(stream, bytes => {
    received += bytes.length
    report(received)
  })
  const timer = setTimeout(() => stream.abort(ENOUGH), LONGEST)
  try {
    await Promise.all([stream.close({ signal }), answer])
    if (received !== size) throw new Error(`${received} bytes came instead of ${size}`)
  } catch (error) {
    if (error !== ENOUGH || received === 0) throw error
  } finally {
    clearTimeout(timer)
  }
  return received / secondsSince(start)
}

async function open (connection, wanted, signal) {
  const stream = await connection.newStream(PERF, { signal })
  await send(stream, header(wanted))
  return stream
}

export function header (wanted) {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt(wanted))
  return new Uint8Array(view.buffer)
}

export function clamp (size) {
  return Math.round(Math.min(MOST, Math.max(LEAST, size)))
}

function secondsSince (start) {
  return Math.max(performance.now() - start, 0.01) / 1000
}

// Lets the page draw between blocks.
function breath () {
  return new Promise(resolve => setTimeout(resolve))
}
