// SPDX-License-Identifier: MIT OR Apache-2.0

// The connectivity table as a drawing that one can click.

import { CELLS, COLUMNS, ROWS } from './cells.js'
import { byId, el, setText, svg } from './dom.js'

const BADGE = { shown: '✓ shown', could: 'possible', gone: 'not now', 'not-yet': 'not yet' }

export class CellsView {
  constructor () {
    this.buttons = {}
    this.states = {}
    this.chosen = 'browser→public'
    const head = el('tr', {}, el('th', { scope: 'col' }, el('span.spoken', {}, 'Who dials, and who is dialled')), ...COLUMNS.map(one => heading('col', one)))
    const rows = ROWS.map(row => el('tr', {}, heading('row', row), ...COLUMNS.map(column => this.cell(`${row.id}→${column.id}`, row, column))))
    byId('cells').append(el('thead', {}, head), el('tbody', {}, ...rows))
    this.choose(this.chosen)
  }

  cell (id, row, column) {
    const cell = CELLS[id]
    const badge = el('span.badge')
    const button = el('button.cell', { type: 'button', 'aria-controls': 'cell', onclick: () => this.choose(id) },
      el('span.spoken', {}, `From ${row.name} to ${column.name}: `), drawing(cell.path), el('span.cell-name', {}, cell.name), badge)
    this.buttons[id] = { button, badge }
    return el('td', {}, button)
  }

  choose (id) {
    this.chosen = id
    for (const [other, { button }] of Object.entries(this.buttons)) button.setAttribute('aria-pressed', other === id)
    const cell = CELLS[id]
    const [row, column] = id.split('→').map(name => ROWS.find(one => one.id === name))
    byId('cell').replaceChildren(
      el('h3', {}, `From ${row.name} to ${column.name}: ${cell.name}`),
      el('ol', {}, ...cell.how.map(sentence => el('li', {}, sentence))),
      el('p', {}, el('strong', {}, 'What it needs: '), cell.needs),
      this.state = el('p.cell-state'))
    this.showState()
  }

  show (states) {
    this.states = states
    for (const [id, { state }] of Object.entries(states)) {
      const { button, badge } = this.buttons[id]
      button.dataset.state = state
      setText(badge, BADGE[state])
    }
    this.showState()
  }

  showState () {
    const state = this.states[this.chosen]
    if (state == null) return
    this.state.dataset.state = state.state
    setText(this.state, state.text)
  }
}

function heading (scope, { name, text }) {
  return el('th', { scope }, name, el('span.faint', {}, text))
}

// Two ends; a relay above them where one is needed; walls where routers stand.
function drawing (path) {
  const ends = [svg('circle', { cx: 12, cy: 30, r: 6 }), svg('circle', { cx: 108, cy: 30, r: 6 })]
  const relay = [
    svg('circle', { class: 'relay', cx: 60, cy: 8, r: 4.5 }),
    svg('path', { class: 'first', d: 'M18 27 L55 10 M65 10 L102 27' })
  ]
  const walls = svg('path', { class: 'walls', d: 'M38 20 V40 M82 20 V40' })
  const straight = svg('path', { class: 'then', d: 'M19 30 H101' })
  const parts = {
    direct: [straight],
    reversed: [...relay, svg('path', { class: 'walls', d: 'M82 20 V40' }), straight, svg('path', { class: 'then', d: 'M28 24 L20 30 L28 36' })],
    punched: [...relay, walls, straight]
  }
  return svg('svg', { viewBox: '0 0 120 42', 'aria-hidden': 'true' }, ...parts[path], ...ends)
}
