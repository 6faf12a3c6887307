// SPDX-License-Identifier: MIT OR Apache-2.0

// A small line of the last round trips.

import { svg } from './dom.js'

const WIDTH = 160
const HEIGHT = 32
const POINTS = 60

export class Sparkline {
  constructor () {
    this.line = svg('polyline', { class: 'spark-line', points: '' })
    this.dot = svg('circle', { class: 'spark-dot', r: 2.5, visibility: 'hidden' })
    this.element = svg('svg', { class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' }, this.line, this.dot)
  }

  show (values) {
    const points = place(values)
    this.line.setAttribute('points', points.map(point => point.join(',')).join(' '))
    const last = points.at(-1)
    this.dot.setAttribute('visibility', last == null ? 'hidden' : 'visible')
    if (last != null) {
      this.dot.setAttribute('cx', last[0])
      this.dot.setAttribute('cy', last[1])
    }
  }
}

// The line grows to the right edge, and moves on from there. Zero is at the bottom, and the highest value a little below the top.
export function place (values) {
  const shown = values.slice(-POINTS)
  const top = Math.max(...shown, 0.1) * 1.15
  return shown.map((value, i) => {
    const x = 4 + i * (WIDTH - 8) / (POINTS - 1)
    const y = HEIGHT - 3 - (HEIGHT - 6) * value / top
    return [round(x), round(y)]
  })
}

export function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

function round (number) {
  return Math.round(number * 10) / 10
}
