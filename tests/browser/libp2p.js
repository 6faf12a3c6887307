// SPDX-License-Identifier: MIT OR Apache-2.0

// js-libp2p, as the page of ../interop/browser has it, at the addresses that ../interop does not try.

import { check } from './support.js'

export const cases = {
  async 'js-libp2p dials, pings and uses streams' ({ target }) {
    const wrong = []
    window.reportResult = line => {
      const { test, ok, error } = JSON.parse(line)
      if (!ok) wrong.push(`${test}: ${error}`)
    }
    const options = { muxer: ['yamux'], keyType: 'ed25519', dialerVersion: '1' }
    const passed = await window.dial(target, ['ping:3', 'identify', 'streams:10', 'open'], options)
    check(passed && wrong.length === 0, wrong.join('; '))
  }
}

export const short = Object.keys(cases)
