// SPDX-License-Identifier: MIT OR Apache-2.0

// A bridge between TCP and WebSocket on npm's ws, as described in README.md:
//
//     bridge.js serve PORT      a WebSocket server; each connection is carried to 127.0.0.1:PORT
//     bridge.js connect PORT    a TCP server; each connection is carried to ws://127.0.0.1:PORT
//     bridge.js probe PORT      a client by itself: what the server at ws://127.0.0.1:PORT does
//
// The first two print their own port, and when stdin ends, what they have seen. Messages are cut
// into fragments of all sizes, with pings between them.

import net from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

const SIZES = [0, 1, 2, 125, 126, 127, 1000, 65535, 65536]
const HELLO = Buffer.from('\x13/multistream/1.0.0\n')
const seen = { connections: 0, messages: 0, largest: 0, text: 0, fragments: 0, pings: 0, pongs: 0, closes: [] }

const any = count => Math.floor(Math.random() * count)

function sendInFragments (socket, data) {
  let at = 0
  do {
    const size = Math.min(SIZES[any(SIZES.length)], data.length - at)
    const fin = at + size === data.length
    socket.send(data.subarray(at, at + size), { fin, binary: true })
    seen.fragments++
    at += size
    if (any(4) === 0) {
      const payload = Buffer.alloc(4 + any(122))
      payload.writeUInt32BE(++seen.pings)
      socket.ping(payload)
    }
    if (fin) return
  } while (true)
}

// One side may be ahead of the other: nothing is read from TCP while the WebSocket is not open.
function carry (socket, tcp) {
  seen.connections++
  tcp.on('data', data => sendInFragments(socket, data))
  tcp.on('end', () => socket.close(1000, 'the end'))
  tcp.on('error', () => {})
  tcp.on('close', () => socket.close(1000))
  // A pong stands for all pings up to the one whose payload it has (RFC 6455, section 5.5.3).
  socket.on('pong', data => { seen.pongs = data.readUInt32BE() })
  socket.on('message', (data, binary) => {
    seen.messages++
    seen.text += binary ? 0 : 1
    seen.largest = Math.max(seen.largest, data.length)
    tcp.write(data)
  })
  socket.on('error', error => console.error(error.message))
  socket.on('close', code => {
    seen.closes.push(code)
    tcp.end()
  })
}

function serve (port) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  server.on('connection', socket => carry(socket, net.connect(port, '127.0.0.1')))
  server.on('listening', () => console.log(server.address().port))
}

function connect (port) {
  const server = net.createServer(tcp => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`)
    tcp.pause()
    carry(socket, tcp)
    socket.on('open', () => tcp.resume())
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

// ---- probe ----

function once (socket, name) {
  return new Promise((resolve, reject) => {
    socket.once(name, (...values) => resolve(values))
    socket.once('error', reject)
    if (name !== 'close') socket.once('close', code => reject(new Error(`closed with ${code} before a ${name}`)))
  })
}

async function opened (port) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`) // offers permessage-deflate
  await once(socket, 'open')
  return socket
}

async function probe (port) {
  const result = { extensions: null, hello: false, pongs: [], closes: {} }
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  const answer = once(socket, 'message') // it may come before we have said anything
  await once(socket, 'open')
  result.extensions = socket.extensions
  for (const size of [0, 1, 125]) {
    const pong = once(socket, 'pong')
    socket.ping(Buffer.alloc(size, size))
    const [data] = await pong
    result.pongs.push(data.equals(Buffer.alloc(size, size)))
  }
  // One message of twenty fragments of a byte each, a ping between every two.
  for (let i = 0; i < HELLO.length; i++) {
    socket.send(HELLO.subarray(i, i + 1), { fin: i + 1 === HELLO.length, binary: true })
    socket.ping()
  }
  const [data] = await answer
  result.hello = data.subarray(0, HELLO.length).equals(HELLO)
  for (const code of [1000, 1001, 1008, 3000, 4999]) {
    const each = code === 1000 ? socket : await opened(port)
    const closed = once(each, 'close')
    each.close(code, 'because')
    result.closes[code] = (await closed)[0]
  }
  console.log(JSON.stringify(result))
}

const [command, port] = process.argv.slice(2)
if (command === 'probe') {
  await probe(port)
} else {
  ({ serve, connect })[command](Number(port))
  process.stdin.on('end', async () => {
    // What is closing may finish first.
    for (let i = 0; i < 100 && seen.closes.length < seen.connections; i++) {
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    console.log(JSON.stringify(seen))
    process.exit(0)
  })
  process.stdin.resume()
}
