// SPDX-License-Identifier: MIT OR Apache-2.0

// The browser peer of the interoperability tests: `dial --browser chromium|firefox MULTIADDR
// TEST...` as in ../CONTRACT.md. It serves the bundled page from 127.0.0.1, which makes it a secure
// context, opens it in the distribution's browser without a window, and prints what it reports.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { BROWSERS, servePage } from './browsers.js'
import { checkTests } from './interop.js'

const FILES = {
  '/': {
    type: 'text/html',
    body: '<!doctype html><meta charset="utf-8"><title>interop</title><script src="/page.js"></script>'
  },
  '/page.js': { type: 'text/javascript', body: readFileSync(new URL('page.bundle.js', import.meta.url)) }
}
const KEY_TYPES = ['ed25519', 'secp256k1', 'rsa']
// Chromium then refuses a description of its own with changed ICE credentials, as version 1 needs it.
const NO_MUNGING = '--force-fieldtrials=WebRTC-NoSdpMangleUfrag/Enabled/'
const MUXERS = ['yamux', 'mplex']

async function main () {
  const { target, tests, browserName, browserOptions, reload, pageOptions } = parse(process.argv.slice(2))
  const server = await servePage(FILES)
  const { page, close } = await BROWSERS[browserName](...browserOptions)
  let passed = false
  try {
    page.on('pageerror', error => console.error(error.message))
    await page.exposeFunction('reportResult', line => console.log(line))
    await page.goto(`http://127.0.0.1:${server.address().port}/`)
    // One argument, because that is all that playwright passes on.
    const dial = () => page.evaluate(task => window.dial(...task), [target, tests, pageOptions])
    passed = await dial()
    if (passed && reload) {
      await page.reload() // nobody says goodbye
      passed = await dial()
    }
  } finally {
    await close()
    server.close()
  }
  process.exit(passed ? 0 : 1)
}

function parse (args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        browser: { type: 'string', default: 'chromium' },
        security: { type: 'string', default: 'noise' },
        muxer: { type: 'string', default: 'yamux,mplex' },
        'key-type': { type: 'string', default: 'ed25519' },
        'dialer-version': { type: 'string', default: '1' },
        'no-munging': { type: 'boolean', default: false },
        reload: { type: 'boolean', default: false }
      }
    })
    const [command, target, ...tests] = positionals
    const muxer = values.muxer.split(',')
    if (command !== 'dial' || target == null) usage('a browser can only dial, and needs a multiaddr')
    if (!(values.browser in BROWSERS)) usage(`unknown browser ${values.browser}`)
    if (values.security !== 'noise') usage('js-libp2p has only noise in a browser')
    if (!['1', '2'].includes(values['dialer-version'])) usage('webrtc-direct has versions 1 and 2')
    if (!KEY_TYPES.includes(values['key-type'])) usage(`js-libp2p has no ${values['key-type']} identities`)
    if (!muxer.every(name => MUXERS.includes(name))) usage(`unknown muxer in ${values.muxer}`)
    const problem = checkTests(tests)
    if (problem != null) usage(problem)
    return {
      target,
      tests,
      browserName: values.browser,
      reload: values.reload,
      browserOptions: values['no-munging'] ? [NO_MUNGING] : [],
      pageOptions: { muxer, keyType: values['key-type'], dialerVersion: values['dialer-version'] }
    }
  } catch (error) {
    return usage(error.message)
  }
}

function usage (problem) {
  console.error(`browser-peer: ${problem}`)
  process.exit(2)
}

await main()
