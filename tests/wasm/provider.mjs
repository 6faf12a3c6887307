// SPDX-License-Identifier: MIT OR Apache-2.0
// The imports of the wasm32 build (src/crypto/wasm.c), answered by Node's own crypto.
import crypto from 'node:crypto'

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_X25519 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const SPKI_X25519 = Buffer.from('302a300506032b656e032100', 'hex')
const NAMES = { 1: 'sha1', 256: 'sha256' }

const privateKey = (prefix, raw) => crypto.createPrivateKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'pkcs8' })
const publicKey = (prefix, raw) => crypto.createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' })

// memory: a function that gives the module's memory, which does not exist before the module.
export function provider (memory) {
  const at = (ptr, len) => Buffer.from(memory().buffer, ptr, len)
  const put = (ptr, bytes) => at(ptr, bytes.length).set(bytes)
  const attempt = fn => { try { return fn() ? 1 : 0 } catch { return 0 } }
  return {
    hash: (kind, data, len, out) => put(out, crypto.createHash(NAMES[kind]).update(at(data, len)).digest()),
    hmac: (kind, key, keyLen, data, len, out) =>
      put(out, crypto.createHmac(NAMES[kind], at(key, keyLen)).update(at(data, len)).digest()),
    seal: (key, nonce, ad, adLen, data, len) => attempt(() => {
      const c = crypto.createCipheriv('chacha20-poly1305', at(key, 32), at(nonce, 12), { authTagLength: 16 })
      c.setAAD(at(ad, adLen), { plaintextLength: len })
      put(data, Buffer.concat([c.update(at(data, len)), c.final(), c.getAuthTag()]))
      return true
    }),
    open: (key, nonce, ad, adLen, data, len) => attempt(() => {
      const c = crypto.createDecipheriv('chacha20-poly1305', at(key, 32), at(nonce, 12), { authTagLength: 16 })
      c.setAAD(at(ad, adLen), { plaintextLength: len - 16 })
      c.setAuthTag(at(data + len - 16, 16))
      put(data, Buffer.concat([c.update(at(data, len - 16)), c.final()]))
      return true
    }),
    x25519: (secret, point, out) => attempt(() => {
      put(out, crypto.diffieHellman({
        privateKey: privateKey(PKCS8_X25519, at(secret, 32)), publicKey: publicKey(SPKI_X25519, at(point, 32))
      }))
      return true
    }),
    ed25519_public: (seed, out) => attempt(() => {
      const spki = crypto.createPublicKey(privateKey(PKCS8_ED25519, at(seed, 32))).export({ format: 'der', type: 'spki' })
      put(out, spki.subarray(-32))
      return true
    }),
    ed25519_sign: (seed, message, len, out) => attempt(() => {
      put(out, crypto.sign(null, at(message, len), privateKey(PKCS8_ED25519, at(seed, 32))))
      return true
    }),
    ed25519_verify: (key, message, len, signature) =>
      attempt(() => crypto.verify(null, at(message, len), publicKey(SPKI_ED25519, at(key, 32)), at(signature, 64)))
  }
}
