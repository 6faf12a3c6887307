// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs what the wasm32 build made: run.mjs BUILD_DIR SPEC_DIR. Prints `wasm32: N passed, N failed`.
import fs from 'node:fs'
import path from 'node:path'
import { WASI } from 'node:wasi'
import { provider } from './provider.mjs'

const [build, spec] = process.argv.slice(2)
let passed = 0
let failed = 0

async function check (name, fn) {
  try {
    await fn()
    passed++
  } catch (error) {
    failed++
    console.log(`${name}: ${error.message}`)
  }
}

// A unit test is a program for WASI.
async function runUnit (file) {
  let instance
  const wasi = new WASI({ version: 'preview1', preopens: { '/spec': spec }, returnOnExit: true })
  const module = await WebAssembly.compile(fs.readFileSync(file))
  instance = await WebAssembly.instantiate(module, {
    ...wasi.getImportObject(), crypto: provider(() => instance.exports.memory)
  })
  const status = wasi.start(instance)
  if (status !== 0) throw new Error(`exit status ${status}`)
}

// The session imports the crypto provider and a clock, and nothing else.
async function runSession (file) {
  let instance
  const module = await WebAssembly.compile(fs.readFileSync(file))
  const foreign = WebAssembly.Module.imports(module).filter(i => i.module !== 'crypto' && i.module !== 'clock')
  if (foreign.length > 0) throw new Error('foreign imports: ' + foreign.map(i => `${i.module}.${i.name}`).join(', '))
  instance = await WebAssembly.instantiate(module, {
    crypto: provider(() => instance.exports.memory), clock: { now: () => process.hrtime.bigint() }
  })
  instance.exports._initialize?.()
  for (let seed = 1; seed <= 5; seed++) {
    const answered = instance.exports.session(seed)
    if (answered !== 10) throw new Error(`seed ${seed}: ${answered} instead of 10 pings`)
  }
}

const files = fs.readdirSync(build).sort()
for (const name of files.filter(name => /^unit_\w+(\.wasm)?$/.test(name))) await check(name, () => runUnit(path.join(build, name)))
await check('session', () => runSession(path.join(build, files.find(name => /^session(\.wasm)?$/.test(name)))))
console.log(`wasm32: ${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
