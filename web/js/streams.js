// SPDX-License-Identifier: MIT OR Apache-2.0

// Small helpers for js-libp2p's streams.

// Hands over each chunk until the other side has closed its half. Rejects on a reset.
export function receive (stream, consume) {
  return new Promise((resolve, reject) => {
    const settle = event => {
      if (stream.status === 'reset' || stream.status === 'aborted') {
        if (event?.type !== 'end') reject(event?.error ?? new Error(`the stream was ${stream.status}`)) // close tells more
      } else {
        resolve()
      }
    }
    stream.addEventListener('message', event => consume(event.data.subarray()))
    if (stream.readableEnded || stream.status !== 'open') return queueMicrotask(settle)
    stream.addEventListener('end', settle)
    stream.addEventListener('close', settle)
  })
}

export async function send (stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain()
}
