// SPDX-License-Identifier: MIT OR Apache-2.0

// The js-libp2p peer (in Node 22 or newer) of the interoperability tests. It follows
// ../CONTRACT.md; the protocols and tests themselves are in interop.js.

import { parseArgs } from 'node:util'
import { quic } from '@chainsafe/libp2p-quic'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { mplex } from '@libp2p/mplex'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { webRTCDirect } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import * as x509 from '@peculiar/x509'
import { createLibp2p } from 'libp2p'
import { checkTests, dial, serveDialler, serveListener } from './interop.js'

const SECURITY = { noise, tls }
// js-libp2p's mplex ends a connection by default that opens more than five streams a second.
const MANY_STREAMS = { maxInboundStreams: 1024, maxOutboundStreams: 1024 }
const MUXERS = { yamux, mplex: () => mplex({ ...MANY_STREAMS, disconnectThreshold: 1024 }) }
// More than one, because libp2p identifies and pings by itself, too.
const FEW_STREAMS = { maxInboundStreams: 8, maxOutboundStreams: 8 }
const KEY_TYPES = { ed25519: 'Ed25519', secp256k1: 'secp256k1', rsa: 'RSA' } // it has no ECDSA identities
const CONNECTIONS = { inboundConnectionThreshold: 1e6, maxIncomingPendingConnections: 1e6 }

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0' // wss listeners of the tests have self-signed certificates

async function main () {
  const { command, words, options } = parse(process.argv.slice(2))
  switch (command) {
    case 'listen': {
      const node = await createNode(options, options.listen)
      await serveListener(node)
      node.getMultiaddrs().forEach(address => console.log(address.toString()))
      console.log('ready')
      process.stdin.resume().on('end', () => process.exit(0))
      break
    }
    case 'dial': {
      const [target, ...tests] = words
      if (target == null) usage('dial needs a multiaddr')
      const problem = checkTests(tests)
      if (problem != null) usage(problem)
      const node = await createNode(options, [])
      await serveDialler(node)
      const passed = await dial(node, multiaddr(target), tests, result => console.log(JSON.stringify(result)))
      process.exit(passed ? 0 : 1)
      break
    }
    default:
      usage('the first argument must be listen or dial')
  }
}

function parse (args) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        listen: { type: 'string', multiple: true, default: ['/ip4/127.0.0.1/tcp/0'] },
        security: { type: 'string', default: 'noise,tls' },
        muxer: { type: 'string', default: 'yamux,mplex' },
        'key-type': { type: 'string', default: 'ed25519' },
        'dialer-version': { type: 'string', default: '1' }
      }
    })
    if (values['dialer-version'] !== '1') usage('js-libp2p dials webrtc-direct only in version 1')
    const [command, ...words] = positionals
    return { command, words, options: values }
  } catch (error) {
    return usage(error.message)
  }
}

async function createNode (options, listen) {
  return await createLibp2p({
    privateKey: await generateKeyPair(pick(KEY_TYPES, options['key-type'])),
    addresses: { listen },
    transports: [
      tcp(),
      webSockets({ https: listen.some(isWss) ? await selfSignedTls() : undefined }),
      quic(),
      webRTCDirect({ rtcConfiguration: { iceServers: [] } })
    ],
    connectionEncrypters: options.security.split(',').map(name => pick(SECURITY, name)()),
    streamMuxers: options.muxer.split(',').map(name => pick(MUXERS, name)()),
    connectionManager: CONNECTIONS,
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(FEW_STREAMS),
      identifyPush: identifyPush(),
      ping: ping(FEW_STREAMS)
    }
  })
}

function isWss (address) {
  return /\/(wss|tls\/ws)\b/.test(address)
}

async function selfSignedTls () {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000)
  }, crypto) // libp2p gives x509 another default
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
}

function pick (table, name) {
  return table[name] ?? usage(`unknown name ${name}; known are ${Object.keys(table).join(', ')}`)
}

function usage (problem) {
  console.error(`js-peer: ${problem}`)
  process.exit(2)
}

await main()
