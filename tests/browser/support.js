// SPDX-License-Identifier: MIT OR Apache-2.0

// What the cases in the page share.

// Thrown by a case that this browser cannot do; the message says why.
export class Skip extends Error {}

export function check (condition, problem) {
  if (!condition) throw new Error(problem)
}

export function equal (got, want) {
  const same = got instanceof Uint8Array && want instanceof Uint8Array
    ? got.length === want.length && got.every((byte, i) => byte === want[i])
    : got === want
  if (!same) throw new Error(`${show(got)} instead of ${show(want)}`)
}

function show (value) {
  return value instanceof Uint8Array ? `${value.length} bytes that begin with ${[...value.slice(0, 8)]}` : String(value)
}

export function pattern (length) {
  return Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 8))
}

export async function readAll (readable) {
  const reader = readable.getReader()
  const parts = []
  for (let part; !(part = await reader.read()).done;) parts.push(part.value)
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
