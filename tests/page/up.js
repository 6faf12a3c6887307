// SPDX-License-Identifier: MIT OR Apache-2.0

// A running `p2p up`, and a second one when a test needs another peer.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterwards, options, until } from './harness.js'

const home = mkdtempSync(join(tmpdir(), 'p2p-page-'))
afterwards(async () => rmSync(home, { recursive: true, force: true }))

// The key is kept in `home`, so that a node that is started again with the same ports has the same addresses.
export async function startNode ({ args = [], port = 0, page = `${options.host}:0` } = {}) {
  const inside = options.namespace == null ? [] : ['ip', 'netns', 'exec', options.namespace]
  const [command, ...rest] = [...inside, options.tool, 'up', '--json', '--hello-stdin', '--web', options.web, '--port', `${port}`, '--page', page, ...args]
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, XDG_DATA_HOME: home } })
  const node = new Node(child)
  afterwards(() => node.kill('SIGTERM'))
  await until('the node is ready', () => node.events.some(event => event.type === 'ready') || child.exitCode)
  const up = node.events.find(event => event.type === 'up')
  return Object.assign(node, { peer: up.peer, addrs: up.addrs, page: up.page })
}

class Node {
  constructor (child) {
    this.child = child
    this.events = []
    this.ended = new Promise(resolve => child.on('exit', resolve))
    createInterface({ input: child.stdout }).on('line', line => this.events.push(JSON.parse(line)))
  }

  type (line) {
    this.child.stdin.write(`${line}\n`)
  }

  async kill (signal) {
    if (this.child.exitCode == null && this.child.signalCode == null) this.child.kill(signal)
    await this.ended
  }

  get port () {
    return Number(/\/tcp\/(\d+)/.exec(this.addrs[0])[1])
  }

  get pagePort () {
    return Number(new URL(this.page).port)
  }

  api (path) {
    return fetch(new URL(path, this.page)).then(response => response.json())
  }
}
