// SPDX-License-Identifier: MIT OR Apache-2.0

// One way from this tab to the node: dials it, knows each step and its time, measures the round trip while the connection lives,
// and says why if it does not. `change` is dispatched whenever there is something new to show.
//
//   waiting ── connect ──> dialling ──> connected ──> lost ──> dialling …
//                             └──> failed

import { candidates, isLoopbackHost, reach } from './addrs.js'
import { measure } from './perf.js'
import { Pinger } from './ping.js'
import { STEP_OF_EVENT } from './steps.js'
import { cannotDial, explain, TOO_LATE } from './why.js'

const PATIENCE = 8000 // with each step; ICE alone may take five seconds to give up
const PING_INTERVAL = 1000
const PING_TIMEOUT = 4000
const PERF_TIMEOUT = 30_000
const MOST_ROUND_TRIPS = 60

const ELSEWHERE = {
  why: 'This page came from another machine, and the node says only its loopback addresses.',
  try: 'See with which --listen the node was started, and whether it has a network.'
}

export class Lane extends EventTarget {
  constructor (transport, tab, browser) {
    super()
    Object.assign(this, { transport, tab, browser })
    this.state = 'waiting'
    this.resetSteps()
    this.roundTrips = []
    this.throughput = undefined
  }

  // Dials the node. A dial that is under way is given up.
  async connect (addresses) {
    this.controller?.abort(new Error('given up for another dial'))
    this.connection?.abort(new Error('dialled again'))
    const controller = this.controller = new AbortController()
    this.addresses = addresses
    this.failure = this.throughput = this.connection = undefined
    this.resetSteps()
    const usable = this.usable(addresses)
    const reason = cannotDial(this.transport.id, addresses, this.browser)
    if (reason != null) return this.failed(reason)
    if (usable.length === 0) return this.failed(ELSEWHERE)
    for (const address of usable) {
      await this.dial(address, controller)
      if (controller.signal.aborted || this.state !== 'failed') return
    }
  }

  again () {
    return this.connect(this.addresses ?? [])
  }

  // WebRTC in Firefox does not reach loopback, so another address is tried if there is one.
  usable (addresses) {
    const { firefox, pageHost } = this.browser
    const elsewhere = addresses.some(address => reach(address) !== 'loopback')
    const skipLoopback = firefox && elsewhere && isLoopbackHost(pageHost) && this.transport.id.startsWith('webrtc')
    return candidates(addresses, { pageHost, skipLoopback })
  }

  async dial (address, controller) {
    this.resetSteps()
    this.address = address
    this.started = performance.now()
    this.become('dialling')
    const dial = new AbortController()
    let timer
    let over = false
    const step = id => {
      clearTimeout(timer)
      timer = setTimeout(() => dial.abort(new Error(TOO_LATE)), PATIENCE)
      this.reach(id)
    }
    const signal = AbortSignal.any([dial.signal, controller.signal])
    const onProgress = event => {
      if (over || controller.signal.aborted) return
      if (event.type === 'rtc:failed') dial.abort(new Error('ICE failed'))
      else if (event.type in STEP_OF_EVENT) step(STEP_OF_EVENT[event.type])
    }
    let connection
    try {
      step(this.steps[0].id)
      connection = await abortable(this.tab.dial(this.transport.tag, address, { signal, onProgress }), signal)
      step('identify')
      this.connectMs = performance.now() - this.started
      this.agent = (await this.tab.identify(connection, { signal })).agentVersion
      this.reach(undefined)
      if (controller.signal.aborted) throw controller.signal.reason
      this.connected(connection)
    } catch (error) {
      connection?.abort(error)
      if (controller.signal.aborted) return
      const last = this.steps.find(one => one.state === 'now')
      if (last != null) Object.assign(last, { state: 'failed', ms: performance.now() - last.since })
      const message = error?.message || `${error?.type ?? error}`
      this.failed({ ...explain(this.transport.id, last?.id, message, address, this.browser), message })
    } finally {
      over = true
      clearTimeout(timer)
    }
  }

  // ---- steps ----

  resetSteps () {
    this.connectMs = undefined
    this.steps = this.transport.steps.map(step => ({ ...step, state: 'todo', ms: undefined }))
  }

  // The step with this id begins, and all before it are done. Without an id all are done.
  reach (id) {
    const at = id == null ? this.steps.length : this.steps.findIndex(step => step.id === id)
    if (at < 0 || this.steps[at]?.state === 'done') return
    const now = performance.now()
    for (const step of this.steps.slice(0, at)) {
      if (step.state !== 'done') Object.assign(step, { state: 'done', ms: now - (step.since ?? now) })
    }
    if (at < this.steps.length && this.steps[at].state === 'todo') Object.assign(this.steps[at], { state: 'now', since: now })
    this.changed()
  }

  // ---- a living connection ----

  connected (connection) {
    this.connection = connection
    this.hasWorked = true
    this.roundTrips = []
    connection.addEventListener('close', () => { if (this.connection === connection) this.lost() })
    this.become('connected')
    if (connection.status !== 'open') return this.lost()
    this.keepMeasuring(connection)
  }

  async keepMeasuring (connection) {
    try {
      const pinger = await Pinger.open(connection, AbortSignal.timeout(PING_TIMEOUT))
      while (this.connection === connection) {
        this.roundTrips.push(await pinger.ping(this.measuring ? PERF_TIMEOUT : PING_TIMEOUT))
        if (this.roundTrips.length > MOST_ROUND_TRIPS) this.roundTrips.shift()
        this.changed()
        await sleep(PING_INTERVAL)
      }
    } catch (error) {
      if (this.connection === connection) connection.abort(error)
    }
  }

  async measureThroughput () {
    if (this.measuring || this.state !== 'connected') return
    this.measuring = true
    this.throughput = {}
    this.changed()
    try {
      const report = (direction, count) => {
        this.throughput = { direction, count }
        this.changed()
      }
      this.throughput = await measure(this.connection, report, AbortSignal.timeout(PERF_TIMEOUT))
    } catch (error) {
      this.throughput = { error: error.message }
    } finally {
      this.measuring = false
      this.changed()
    }
  }

  lost () {
    this.connection = undefined
    this.become('lost')
  }

  failed (failure) {
    this.failure = failure
    this.become('failed')
  }

  become (state) {
    this.state = state
    this.changed()
    this.dispatchEvent(new Event(state))
  }

  changed () {
    this.dispatchEvent(new Event('change'))
  }
}

function sleep (ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

// Some transports notice a signal only when they get to it.
function abortable (promise, signal) {
  promise.catch(() => {})
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(connection => signal.aborted ? connection.abort(signal.reason) : resolve(connection), reject)
  })
}
