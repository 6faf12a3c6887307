/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The narrow seam to cryptographic primitives: by operation, with no library type in it. One set of
 * files implements it for each provider and the build links exactly one: openssl_*.c and sodium_*.c
 * everywhere, wasm.c where the embedding page or runtime supplies the primitives. Everything above
 * this header is provider-free.
 *
 * Sizes are in the types. Secrets are wiped by whoever holds them. Functions that can only fail for
 * want of memory or through the provider say P2P_ERR_CRYPTO.
 */
#ifndef P2P_CRYPTO_CRYPTO_H
#define P2P_CRYPTO_CRYPTO_H

#include <p2p/base.h>

enum {
    P2P_SHA256_LEN = 32,
    P2P_X25519_LEN = 32,
    P2P_AEAD_KEY_LEN = 32,
    P2P_AEAD_TAG_LEN = 16,
    P2P_AEAD_NONCE_LEN = 12,
    P2P_SIGNATURE_MAX = 1024 /* RSA-8192; the others need at most 72 */
};

/* --- hashing --- */

void p2p_sha256(uint8_t digest[32], p2p_bytes data);
void p2p_sha256_two(uint8_t digest[32], p2p_bytes first, p2p_bytes second);
/* Only for STUN and WebSocket, never for security. */
void p2p_sha1(uint8_t digest[20], p2p_bytes data);
void p2p_hmac_sha256(uint8_t mac[32], p2p_bytes key, p2p_bytes data);
void p2p_hmac_sha1(uint8_t mac[20], p2p_bytes key, p2p_bytes data); /* STUN MESSAGE-INTEGRITY */
/* RFC 5869. extract: salt may be empty. expand: at most 255 × 32 bytes. */
void p2p_hkdf_extract(uint8_t prk[32], p2p_bytes salt, p2p_bytes secret);
void p2p_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[32], p2p_bytes info);

/* --- ChaCha20-Poly1305 (RFC 8439), in place --- */

/* A keyed context, reused for every message of one direction. */
typedef struct p2p_aead p2p_aead;

P2P_NODISCARD p2p_err p2p_aead_new(p2p_aead **out, const uint8_t key[32]);
void p2p_aead_free(p2p_aead *aead);
/* Encrypts len bytes where they lie and writes the tag behind them (data has room for len + 16). */
P2P_NODISCARD p2p_err p2p_aead_seal(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated);
/* Decrypts in place; len includes the tag. P2P_ERR_DECRYPT leaves the data unusable. */
P2P_NODISCARD p2p_err p2p_aead_open(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated);

/* --- X25519 (RFC 7748) --- */

P2P_NODISCARD p2p_err p2p_x25519_public(uint8_t public_key[32], const uint8_t private_key[32]);
/* P2P_ERR_VIOLATION when the result is all zero: the peer sent a point of small order. */
P2P_NODISCARD p2p_err p2p_x25519(
    uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]);

/* --- signing keys --- */

/* Values are those of libp2p's KeyType (peer-ids spec). */
typedef enum p2p_key_type {
    P2P_KEY_RSA = 0,
    P2P_KEY_ED25519 = 1,
    P2P_KEY_SECP256K1 = 2,
    P2P_KEY_ECDSA = 3
} p2p_key_type;

/*
 * Encodings are libp2p's `Data` fields (peer-ids spec #keys), and signatures go over SHA-256 but
 * for Ed25519:
 *
 *              public                 private                   signature
 *   Ed25519    32 bytes               seed, public: 64 bytes    64 bytes
 *   secp256k1  compressed: 33 bytes   32 bytes                  DER
 *   ECDSA      PKIX, DER; P-256       SEC 1, DER                DER
 *   RSA        PKIX, DER; 2048-8192   PKCS #1, DER              PKCS #1 v1.5
 *
 * A key object holds the provider's parsed form; a signer has both halves, a verifier the public
 * one.
 */
typedef struct p2p_sigkey p2p_sigkey;

P2P_NODISCARD p2p_err p2p_sigkey_new_private(
    p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded);
P2P_NODISCARD p2p_err p2p_sigkey_new_public(p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded);
/* Ed25519, secp256k1 and P-256 keys come from `random` (so that a seed gives the same key); RSA
 * 2048 from the provider. */
P2P_NODISCARD p2p_err p2p_sigkey_generate(
    p2p_sigkey **out, p2p_key_type type, const p2p_random *random);
void p2p_sigkey_free(p2p_sigkey *key);
/* Writes the encoding and its length; TOO_BIG (with *len the need) if cap is too small. */
P2P_NODISCARD p2p_err p2p_sigkey_public(
    const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len);
P2P_NODISCARD p2p_err p2p_sigkey_private(
    const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len);
P2P_NODISCARD p2p_err p2p_sigkey_sign(
    const p2p_sigkey *key, p2p_bytes message, uint8_t sig[P2P_SIGNATURE_MAX], size_t *len);
/* P2P_OK or P2P_ERR_BAD_SIGNATURE. */
P2P_NODISCARD p2p_err p2p_sigkey_verify(
    const p2p_sigkey *key, p2p_bytes message, p2p_bytes signature);

#endif
