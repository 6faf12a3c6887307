// SPDX-License-Identifier: MIT OR Apache-2.0

// licences.js META: prints the licence of every package in the bundle, by esbuild's list of what it took.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const { inputs } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const folders = new Set(Object.keys(inputs).map(path => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]).filter(Boolean))

console.log('js/libp2p.js is made of these packages from npm.\n')
for (const folder of [...folders].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  console.log(`${'='.repeat(80)}\n${name} ${version}, ${license}\n`)
  for (const file of readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))) {
    console.log(readFileSync(join(folder, file), 'utf8'))
  }
}
