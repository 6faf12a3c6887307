// SPDX-License-Identifier: MIT OR Apache-2.0

// Runs the cases that run.js asks for. A suite is a module with `cases`, functions by their names;
// `short`, the names of those to run at every address; and, if it has something that ends with the
// page, `stay`, which begins it, and `left`, what the listener says then.

import * as datachannel from './datachannel.js'
import * as libp2p from './libp2p.js'
import { Skip } from './support.js'
import * as webtransport from './webtransport.js'

const SUITES = { webtransport, datachannel, 'libp2p-ws': libp2p, 'libp2p-wss': libp2p, 'libp2p-webtransport': libp2p }
const PATIENCE_MS = 120000

// serverSaid is given to the page by run.js.
const said = pattern => window.serverSaid(pattern.source)

window.namesOf = (suite, onlyShort) => onlyShort ? SUITES[suite].short : Object.keys(SUITES[suite].cases)
window.leftOf = suite => SUITES[suite].left?.source
window.stay = (suite, target) => runOne(SUITES[suite].stay, target)
window.runCase = (suite, name, target) => runOne(SUITES[suite].cases[name], target)

// { ok }, { skipped: reason } or { failed: reason }
async function runOne (run, target) {
  let alarm
  const late = new Promise((resolve, reject) => {
    alarm = setTimeout(() => reject(new Error('it does not end')), PATIENCE_MS)
  })
  try {
    await Promise.race([run({ target, said }), late])
    return { ok: true }
  } catch (error) {
    return error instanceof Skip ? { skipped: error.message } : { failed: `${error.name}: ${error.message}` }
  } finally {
    clearTimeout(alarm)
  }
}
