// SPDX-License-Identifier: MIT OR Apache-2.0

// Tests one after another, each with a JSON line of its own for run.py.

import { parseArgs } from 'node:util'

export const options = parseArgs({
  options: {
    tool: { type: 'string' },
    web: { type: 'string' },
    modules: { type: 'string' },
    picture: { type: 'string' },
    namespace: { type: 'string' }, // of the node, if not this one
    host: { type: 'string', default: '127.0.0.1' } // where the page is served
  }
}).values

const TEST_TIMEOUT = 240_000 // a guard, for busy machines
const tests = []
const cleanups = []

export function test (name, body) {
  tests.push({ name, body })
}

// Called after all tests, last one first.
export function afterwards (cleanup) {
  cleanups.push(cleanup)
}

export async function run () {
  let failed = 0
  for (const { name, body } of tests) {
    try {
      await bounded(body(), name)
      console.log(JSON.stringify({ name, ok: true }))
    } catch (error) {
      failed++
      console.log(JSON.stringify({ name, ok: false, error: error.stack ?? `${error}` }))
    }
  }
  for (const cleanup of cleanups.reverse()) await bounded(cleanup(), 'cleaning up').catch(error => console.error(error))
  process.exit(failed === 0 ? 0 : 1)
}

// Polls until what it asks is true, and fails with what it saw last.
export async function until (what, ask, timeout = 60_000) {
  const end = Date.now() + timeout
  for (let seen; ;) {
    try {
      seen = await ask()
      if (seen === true) return
    } catch (error) {
      seen = error.message
    }
    if (Date.now() > end) throw new Error(`not in time: ${what}; seen last: ${JSON.stringify(seen)}`)
    await sleep(100)
  }
}

export function check (condition, text) {
  if (!condition) throw new Error(text)
}

export function same (got, wanted, text = 'differs') {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`${text}: ${a} instead of ${b}`)
}

export function throws (body, pattern) {
  try {
    body()
  } catch (error) {
    return check(pattern.test(error.message), `it says "${error.message}"`)
  }
  throw new Error(`nothing was thrown; expected ${pattern}`)
}

export function sleep (ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

function bounded (promise, name) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`"${name}" took more than ${TEST_TIMEOUT} ms`)), TEST_TIMEOUT)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
