// SPDX-License-Identifier: MIT OR Apache-2.0

// Say hello: what one types, and what others say.

import { byId, el, setText } from './dom.js'
import { shortPeer } from './format.js'

const MOST_LINES = 100

export function showHello (hello, api, tab) {
  const form = byId('hello-form')
  const name = byId('hello-name')
  const text = byId('hello-text')
  const state = byId('hello-state')

  const ready = () => {
    byId('hello-send').disabled = !hello.ready
    setText(state, hello.ready ? `Messages travel over this tab’s ${hello.over} connection.` : 'Waiting for a connection to the node.')
  }
  hello.addEventListener('state', ready)
  hello.addEventListener('message', ({ detail }) => {
    const node = detail.from === api.node?.peer
    add(detail.name || (node ? 'the terminal' : shortPeer(detail.from)), detail.text, node ? 'node' : 'other', detail.from)
  })
  form.addEventListener('submit', async event => {
    event.preventDefault()
    const said = text.value.trim()
    if (said === '') return text.focus()
    try {
      await hello.say(name.value.trim(), said)
      add('you', said, 'you', tab.peer)
      text.value = ''
    } catch (error) {
      setText(state, error.message)
    }
    text.focus()
  })
  ready()
}

function add (who, text, kind, peer) {
  const log = byId('hello-log')
  byId('hello-empty').hidden = true
  log.append(el('li', { 'data-kind': kind }, el('span.who', { title: peer }, who), el('span.said', {}, text)))
  while (log.children.length > MOST_LINES) log.firstElementChild.remove()
  log.scrollTop = log.scrollHeight
}
