// SPDX-License-Identifier: MIT OR Apache-2.0

// Shows the lanes between this tab and the node.

import { withoutHashes } from './addrs.js'
import { median, Sparkline } from './chart.js'
import { el, setText } from './dom.js'
import { bytes, duration, milliseconds, rate } from './format.js'

const STATE = { waiting: 'Waiting', dialling: 'Connecting…', connected: 'Connected', failed: 'Not connected', lost: 'Lost; tries again' }
const STEP_STATE = { todo: 'to come', now: 'under way', done: 'done', failed: 'failed' }

export class LaneView {
  constructor (lane) {
    this.lane = lane
    const { transport } = lane
    const title = `lane-${transport.id}`
    this.state = el('p.lane-state', { role: 'status' })
    this.track = el('ol.track', { 'aria-label': `Steps of ${transport.name}` })
    this.spark = new Sparkline()
    this.roundTrip = el('span.lane-rtt')
    this.speed = el('span.lane-speed')
    this.test = el('button.quiet', { type: 'button', 'aria-describedby': title, onclick: () => lane.measureThroughput() }, 'Test speed')
    this.retry = el('button.quiet', { type: 'button', 'aria-describedby': title, onclick: () => lane.again() }, 'Try again')
    this.live = el('div.lane-live', {}, this.spark.element, this.roundTrip, this.test)
    this.why = el('div.lane-why', { role: 'status' })
    this.details = el('dl.lane-details')
    this.element = el('li.lane', { 'data-transport': transport.id, 'aria-labelledby': title },
      el('div.lane-head', {}, el('div', {}, el('h3', { id: title }, transport.name), el('p.lane-text', {}, transport.text)), el('div.lane-now', {}, this.state, this.speed)),
      this.track, this.why,
      el('div.lane-foot', {}, el('details', {}, el('summary', {}, 'What happens at each step'), this.details), this.live, this.retry))
    this.drawSteps()
    lane.addEventListener('change', () => this.schedule())
    this.show()
  }

  // Steps and measurements come in bursts; one drawing a frame is enough.
  schedule () {
    if (this.scheduled) return
    this.scheduled = true
    setTimeout(() => {
      this.scheduled = false
      this.show()
    }, 16)
  }

  drawSteps () {
    this.steps = this.lane.steps.map(step => {
      const time = el('span.step-time')
      const spoken = el('span.spoken')
      const item = el('li.step', {}, el('span.step-dot', { 'aria-hidden': 'true' }), el('span.step-name', {}, step.name), time, spoken)
      this.track.append(item)
      this.details.append(el('dt', {}, step.name), el('dd', {}, step.text))
      return { item, time, spoken }
    })
    this.address = el('dd.address')
    this.details.append(el('dt', {}, 'Address'), this.address)
  }

  show () {
    const { lane } = this
    this.element.dataset.state = lane.state
    setText(this.state, lane.state === 'connected' ? `Connected in ${duration(lane.connectMs)}` : STATE[lane.state])
    lane.steps.forEach((step, i) => {
      const { item, time, spoken } = this.steps[i]
      item.dataset.state = step.state
      setText(time, step.ms == null ? '' : duration(step.ms))
      setText(spoken, `, ${STEP_STATE[step.state]}`)
    })
    setText(this.address, lane.address == null ? 'none yet' : withoutHashes(lane.address))
    this.address.title = lane.address ?? ''
    this.showLife()
    this.showFailure()
  }

  showLife () {
    const { roundTrips, state, throughput, measuring } = this.lane
    this.live.hidden = state !== 'connected'
    this.spark.show(roundTrips)
    setText(this.roundTrip, roundTrips.length === 0 ? 'measuring…' : `${milliseconds(median(roundTrips.slice(-5)))} round trip`)
    this.test.disabled = measuring === true
    this.speed.hidden = state !== 'connected'
    setText(this.speed, speedText(throughput))
    this.speed.dataset.done = throughput?.down != null
  }

  showFailure () {
    const { failure, state } = this.lane
    const failed = state === 'failed' && failure != null
    this.why.hidden = !failed
    this.retry.hidden = !failed
    if (!failed || this.shown === failure) return
    this.shown = failure
    this.why.replaceChildren(
      el('p', {}, failure.why), el('p', {}, el('strong', {}, 'What to try: '), failure.try),
      failure.message == null ? '' : el('p.faint', {}, `The browser’s words: ${failure.message}`))
  }
}

function speedText (throughput) {
  if (throughput == null) return ''
  if (throughput.error != null) return `The test stopped: ${throughput.error}`
  if (throughput.down != null) return `↑ ${rate(throughput.up)}  ↓ ${rate(throughput.down)}`
  return throughput.count == null ? 'starting…' : `${bytes(throughput.count)} ${throughput.direction}…`
}
