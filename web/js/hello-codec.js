// SPDX-License-Identifier: MIT OR Apache-2.0

// Messages of /c-libp2p/hello/1.0.0 (docs/wire.md): an unsigned varint with the length, then a protobuf
//
//   Hello { bytes from = 1; string name = 2; string text = 3 }

export const MOST_MESSAGE = 2048
export const MOST_NAME = 64
export const MOST_TEXT = 1024

const FIELDS = { 1: 'from', 2: 'name', 3: 'text' }
const BYTES = 2 // the wire type of all of them

export function encode ({ name = '', text }) {
  const body = [...field(2, utf8(name, MOST_NAME)), ...field(3, utf8(text, MOST_TEXT))]
  return Uint8Array.from([...varint(body.length), ...body])
}

// Text as UTF-8 of at most so many bytes, cut between characters.
export function utf8 (text, most) {
  const encoder = new TextEncoder()
  let bytes = encoder.encode(text)
  const characters = [...text]
  while (bytes.length > most) {
    characters.pop()
    bytes = encoder.encode(characters.join(''))
  }
  return bytes
}

// Takes bytes as they come and hands over whole messages.
export class Decoder {
  constructor (onMessage) {
    this.onMessage = onMessage
    this.pending = new Uint8Array(0)
  }

  push (bytes) {
    this.pending = join(this.pending, bytes)
    for (;;) {
      const length = readVarint(this.pending, 0)
      if (length == null) return
      if (length.value > MOST_MESSAGE) throw new Error('a message is too long')
      const end = length.next + length.value
      if (this.pending.length < end) return
      this.onMessage(decode(this.pending.subarray(length.next, end)))
      this.pending = this.pending.slice(end)
    }
  }
}

export function decode (body) {
  const message = { from: new Uint8Array(0), name: '', text: '' }
  for (let at = 0; at < body.length;) {
    const key = required(readVarint(body, at))
    if ((key.value & 7) !== BYTES) throw new Error('a field of a message has a wrong type')
    const length = required(readVarint(body, key.next))
    const end = length.next + length.value
    if (end > body.length) throw new Error('a message is cut off')
    const value = body.slice(length.next, end)
    const name = FIELDS[key.value >> 3]
    if (name != null) message[name] = name === 'from' ? value : new TextDecoder().decode(value)
    at = end
  }
  return message
}

function field (number, bytes) {
  return bytes.length === 0 ? [] : [number << 3 | BYTES, ...varint(bytes.length), ...bytes]
}

function varint (value) {
  const bytes = []
  for (; value >= 0x80; value >>>= 7) bytes.push(value & 0x7f | 0x80)
  return [...bytes, value]
}

// Nothing if it is not complete yet. Lengths and keys here need no more than three bytes.
function readVarint (bytes, at) {
  for (let i = 0, value = 0; i < 3; i++) {
    if (at + i >= bytes.length) return undefined
    value |= (bytes[at + i] & 0x7f) << 7 * i
    if (bytes[at + i] < 0x80) return { value, next: at + i + 1 }
  }
  throw new Error('a number in a message is too long')
}

function required (number) {
  if (number == null) throw new Error('a message is cut off')
  return number
}

function join (a, b) {
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}
