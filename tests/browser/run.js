// SPDX-License-Identifier: MIT OR Apache-2.0

// Browsers against our listeners, mostly without libp2p in the page: run.js PACKAGES FOLDER, where FOLDER
// holds the listeners. Each suite of page.js runs in each browser at each place; what a suite cannot
// do somewhere is in LIMITS. Then all begins again between two network namespaces, where this program
// is run a second time (../interop/namespaces.py).

import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const HERE = import.meta.dirname
const SAID_MS = 60000
const READY_MS = 60000
const LEFT_MS = 20000 // what has not let go is over after 30 s
const TRIES = 3 // of a case that fails, in all: browsers stumble on a busy machine

// Where the listener is; the first address gets all cases, the others the short list. localhost is
// ::1 first in Chromium and 127.0.0.1 first in Firefox, and neither tries the other: a server that
// is to be reached by that name listens on one port of both.
const FAR = process.env.P2P_FAR?.split(' ') ?? [] // prefix of commands for the other namespace
const LOOPBACK = [
  { name: '127.0.0.1', ip: '/ip4/127.0.0.1' },
  { name: '[::1]', ip: '/ip6/::1' },
  { name: 'localhost', ip: '/ip4/127.0.0.1', dial: '/dns/localhost' }
]
const APART = [
  { name: 'another namespace', ip: `/ip4/${process.env.P2P_FAR_IP}` },
  { name: 'another namespace by IPv6', ip: `/ip6/${process.env.P2P_FAR_IP6}` }
]
const PLACES = FAR.length > 0 ? APART : LOOPBACK
const SUITES = {
  webtransport: { program: 'c-peer', listen: port => `/udp/${port}/quic-v1/webtransport`, mark: '/webtransport/' },
  datachannel: { program: 'channel-peer', listen: port => `/udp/${port}/webrtc-direct`, mark: '/webrtc-direct/' },
  'libp2p-ws': { program: 'c-peer', listen: port => `/tcp/${port}/ws`, mark: '/ws/' },
  'libp2p-wss': { program: 'c-peer', listen: port => `/tcp/${port}/tls/ws`, mark: '/tls/ws/' },
  'libp2p-webtransport': { program: 'c-peer', listen: port => `/udp/${port}/quic-v1/webtransport`, mark: '/webtransport/' }
}
const NO_LOOPBACK = 'Firefox sends nothing of WebRTC\'s to the loopback interface'
// [browser, suite, place, case, reason], patterns as whole words or *
const LIMITS = [
  ['firefox', 'webtransport', '*', 'a page that is loaded again lets go', 'Firefox 153 keeps the session of a page that was loaded again'],
  ...LOOPBACK.map(place => ['firefox', 'datachannel', place.name, '*', NO_LOOPBACK]),
  ['*', 'datachannel', 'localhost', '*', 'an ICE candidate has no name but an address']
]
const CANNOT = 77 // of namespaces.py

// ---- the listener ----

class Listener {
  lines = []
  mark = 0 // lines that were said before the case
  waiting = new Set()

  constructor (program, addresses) {
    this.process = spawn([...FAR, program][0], [...FAR, program].slice(1).concat(['listen', '--raw', ...addresses.flatMap(address => ['--listen', address])]),
      { stdio: ['pipe', 'pipe', 'ignore'] })
    createInterface({ input: this.process.stdout }).on('line', line => {
      this.lines.push(line)
      for (const look of [...this.waiting]) look()
    })
  }

  // The first line behind the mark that matches.
  line (pattern, ms) {
    const from = this.mark
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.slice(from).find(line => pattern.test(line))
        if (found == null) return
        stop()
        resolve(found)
      }
      const stop = () => {
        clearTimeout(alarm)
        this.waiting.delete(look)
      }
      const alarm = setTimeout(() => {
        stop()
        reject(new Error(`the listener did not say ${pattern}, but: ${this.lines.slice(from).join('; ') || 'nothing'}`))
      }, ms)
      this.waiting.add(look)
      look()
    })
  }

  ready () {
    return this.line(/^ready$/, READY_MS)
  }

  addresses () {
    return this.lines.filter(line => line.startsWith('/'))
  }

  close () {
    this.process.stdin.end()
  }
}

// A UDP port that is free on both loopback addresses a moment ago.
async function freePort () {
  for (;;) {
    const [four, six] = [createSocket('udp4'), createSocket('udp6')]
    const bind = (socket, port, host) => new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, host, resolve)
    })
    try {
      await bind(six, 0, '::1')
      const { port } = six.address()
      await bind(four, port, '127.0.0.1')
      return port
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error
    } finally {
      four.close()
      six.close()
    }
  }
}

// ---- what is run ----

const count = { passed: 0, failed: 0, skipped: 0 }

function limit (...subject) {
  return LIMITS.find(patterns => subject.every((word, i) => patterns[i] === '*' || patterns[i] === word))?.at(-1)
}

function record (where, result) {
  if (result.ok) {
    count.passed++
  } else if (result.skipped != null) {
    count.skipped++
    console.log(`  skipped ${where}: ${result.skipped}`)
  } else {
    count.failed++
    console.log(`  FAILED ${where}: ${result.failed}`)
  }
}

async function runPlace (browser, page, listener, suite, place, full) {
  const where = `${browser} ${suite} at ${place.name}`
  const nothing = limit(browser, suite, place.name, '*')
  if (nothing != null) return record(where, { skipped: nothing })
  const address = listener.addresses().find(text => text.startsWith(place.ip + '/') && text.includes(SUITES[suite].mark))
  const target = place.dial == null ? address : place.dial + address.slice(place.ip.length)
  const run = async (name, attempt) => {
    const reason = limit(browser, suite, place.name, name)
    if (reason != null) return record(`${where}: ${name}`, { skipped: reason })
    for (let number = 1; ; number++) {
      listener.mark = listener.lines.length
      const result = await attempt()
      if (result.failed == null) return record(`${where}: ${name}`, result)
      console.log(`  ${where}: ${name}, try ${number} of ${TRIES}: ${result.failed}`)
      if (number === TRIES) return record(`${where}: ${name}`, result)
    }
  }
  for (const name of await page.evaluate(([suite, short]) => window.namesOf(suite, short), [suite, !full])) {
    await run(name, () => page.evaluate(task => window.runCase(...task), [suite, name, target]))
  }
  const left = await page.evaluate(suite => window.leftOf(suite), suite)
  if (full && left != null) await run('a page that is loaded again lets go', () => leave(page, listener, suite, target, left))
}

async function leave (page, listener, suite, target, left) {
  const result = await page.evaluate(task => window.stay(...task), [suite, target])
  if (!result.ok) return result
  await page.reload()
  await page.waitForFunction(() => window.runCase != null)
  try {
    await listener.line(new RegExp(left), LEFT_MS)
    return result
  } catch (error) {
    return { failed: error.message }
  }
}

async function load (page, url) {
  await page.goto(url)
  await page.waitForFunction(() => window.runCase != null)
}

function pageFiles (packages) {
  const files = {
    '/': {
      type: 'text/html',
      body: '<!doctype html><meta charset="utf-8"><title>raw</title><script src="/page.bundle.js"></script><script type="module" src="/page.js"></script>'
    },
    '/page.bundle.js': { type: 'text/javascript', body: readFileSync(join(packages, 'page.bundle.js')) },
    '/empty': { type: 'text/html', body: '<!doctype html><title>empty</title>' }
  }
  for (const name of readdirSync(HERE)) {
    if (name.endsWith('.js') && name !== 'run.js') {
      files['/' + name] = { type: 'text/javascript', body: readFileSync(join(HERE, name)) }
    }
  }
  return files
}

// Whole at the first place where it works, else the short list.
function isFull (browser, suite, place) {
  return place === LOOPBACK[0] || (place === APART[0] && limit(browser, suite, LOOPBACK[0].name, '*') != null)
}

async function runBrowser (name, open, url, listeners) {
  const { page, close } = await open()
  let current
  try {
    page.on('pageerror', error => console.error(error.message))
    await page.exposeFunction('serverSaid', source => current.line(new RegExp(source), SAID_MS))
    await load(page, url)
    for (const suite of Object.keys(SUITES)) {
      current = listeners[suite]
      for (const place of PLACES) await runPlace(name, page, current, suite, place, isFull(name, suite, place))
    }
  } catch (error) {
    count.failed++
    console.log(`  FAILED ${name}: ${error.message}`)
  } finally {
    await close()
  }
}

async function startListeners (folder) {
  const ips = [...new Set(PLACES.map(place => place.ip))]
  const listeners = {}
  for (const [suite, { program, listen }] of Object.entries(SUITES)) {
    const port = FAR.length > 0 ? 0 : await freePort()
    listeners[suite] = new Listener(join(folder, program), ips.map(ip => ip + listen(port)))
    await listeners[suite].ready()
  }
  return listeners
}

// All again between two network namespaces; what it counts counts here.
async function runApart (args) {
  const words = [join(HERE, '../interop/namespaces.py'), process.execPath, '--no-warnings', process.argv[1], ...args]
  const child = spawn('python3', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (line.startsWith('  ')) console.log(line)
  }
  const code = child.exitCode ?? await new Promise(resolve => child.once('exit', resolve))
  const said = /^browser-raw: (\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(lines.at(-1))
  if (code === CANNOT) return record('between network namespaces', { skipped: lines.at(-1) })
  if (said == null) return record('between network namespaces', { failed: lines.at(-1) ?? `status ${code}` })
  count.passed += Number(said[1])
  count.failed += Number(said[2])
  count.skipped += Number(said[3] ?? 0)
}

async function main () {
  const [packages, folder] = process.argv.slice(2)
  const { BROWSERS, servePage } = await import(pathToFileURL(join(packages, 'browsers.js')))
  const listeners = await startListeners(folder)
  const server = await servePage(pageFiles(packages))
  for (const [name, open] of Object.entries(BROWSERS)) {
    await runBrowser(name, open, `http://127.0.0.1:${server.address().port}/`, listeners)
  }
  server.close()
  for (const listener of Object.values(listeners)) listener.close()
  if (FAR.length === 0) await runApart([packages, folder])
  console.log(`browser-raw: ${count.passed} passed, ${count.failed} failed` + (count.skipped > 0 ? `, ${count.skipped} skipped` : ''))
  process.exit(count.failed > 0 ? 1 : 0)
}

await main()
