/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The crypto provider of the wasm32 build: every primitive is an import of the module, named
 * "crypto", which the embedding page or runtime answers (tests/wasm/provider.mjs does with Node's
 * own). Pointers are offsets into the module's memory. Of the signing keys only Ed25519 is there:
 * what a browser node needs for itself.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/crypto.h"

#define IMPORT(name) __attribute__((import_module("crypto"), import_name(#name)))

enum { SHA1 = 1, SHA256 = 256 };

IMPORT(hash) void p2p_wasm_hash(int kind, const uint8_t *data, size_t len, uint8_t *out);
IMPORT(hmac)
void p2p_wasm_hmac(
    int kind, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len, uint8_t *out);
IMPORT(seal)
int p2p_wasm_seal(const uint8_t *key, const uint8_t *nonce, const uint8_t *associated,
    size_t associated_len, uint8_t *data, size_t len);
IMPORT(open)
int p2p_wasm_open(const uint8_t *key, const uint8_t *nonce, const uint8_t *associated,
    size_t associated_len, uint8_t *data, size_t len);
IMPORT(x25519)
int p2p_wasm_x25519(const uint8_t *private_key, const uint8_t *public_key, uint8_t *shared);
IMPORT(ed25519_public) int p2p_wasm_ed25519_public(const uint8_t *seed, uint8_t *public_key);
IMPORT(ed25519_sign)
int p2p_wasm_ed25519_sign(
    const uint8_t *seed, const uint8_t *message, size_t len, uint8_t *signature);
IMPORT(ed25519_verify)
int p2p_wasm_ed25519_verify(
    const uint8_t *public_key, const uint8_t *message, size_t len, const uint8_t *signature);

static const p2p_mem MEM = {0};

/* --- hashing --- */

void p2p_sha256(uint8_t digest[32], p2p_bytes data) {
    p2p_wasm_hash(SHA256, data.ptr, data.len, digest);
}

void p2p_sha1(uint8_t digest[20], p2p_bytes data) {
    p2p_wasm_hash(SHA1, data.ptr, data.len, digest);
}

void p2p_sha256_two(uint8_t digest[32], p2p_bytes first, p2p_bytes second) {
    uint8_t small[2048];
    size_t len = first.len + second.len;
    uint8_t *both = len <= sizeof small ? small : p2p_mem_alloc(&MEM, len);
    if (both == NULL)
        __builtin_trap(); /* a hash has no way to fail, and a wrong one must not be used */
    p2p_copy(both, first.ptr, first.len);
    p2p_copy(both + first.len, second.ptr, second.len);
    p2p_wasm_hash(SHA256, both, len, digest);
    if (both != small)
        p2p_mem_free(&MEM, both, len);
}

void p2p_hmac_sha256(uint8_t mac[32], p2p_bytes key, p2p_bytes data) {
    p2p_wasm_hmac(SHA256, key.ptr, key.len, data.ptr, data.len, mac);
}

void p2p_hmac_sha1(uint8_t mac[20], p2p_bytes key, p2p_bytes data) {
    p2p_wasm_hmac(SHA1, key.ptr, key.len, data.ptr, data.len, mac);
}

void p2p_hkdf_extract(uint8_t prk[32], p2p_bytes salt, p2p_bytes secret) {
    static const uint8_t ZEROS[32];
    p2p_hmac_sha256(prk, salt.len > 0 ? salt : p2p_bytes_of(ZEROS, sizeof ZEROS), secret);
}

void p2p_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[32], p2p_bytes info) {
    uint8_t block[32 + 256 + 1], t[32];
    size_t t_len = 0;
    if (info.len > 256)
        __builtin_trap(); /* no caller's label is longer */
    for (uint8_t n = 1; len > 0; n++) {
        p2p_copy(block, t, t_len);
        p2p_copy(block + t_len, info.ptr, info.len);
        block[t_len + info.len] = n;
        p2p_hmac_sha256(t, p2p_bytes_of(prk, 32), p2p_bytes_of(block, t_len + info.len + 1));
        t_len = sizeof t;
        size_t piece = len < sizeof t ? len : sizeof t;
        memcpy(out, t, piece);
        out += piece;
        len -= piece;
    }
    p2p_wipe(block, sizeof block);
    p2p_wipe(t, sizeof t);
}

/* --- AEAD, X25519 --- */

struct p2p_aead {
    uint8_t key[P2P_AEAD_KEY_LEN];
};

p2p_err p2p_aead_new(p2p_aead **out, const uint8_t key[32]) {
    *out = p2p_mem_alloc(&MEM, sizeof **out);
    if (*out == NULL)
        return P2P_ERR_CRYPTO;
    memcpy((*out)->key, key, sizeof(*out)->key);
    return P2P_OK;
}

void p2p_aead_free(p2p_aead *aead) {
    if (aead == NULL)
        return;
    p2p_wipe(aead, sizeof *aead);
    p2p_mem_free(&MEM, aead, sizeof *aead);
}

p2p_err p2p_aead_seal(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated) {
    return p2p_wasm_seal(aead->key, nonce, associated.ptr, associated.len, data, len)
               ? P2P_OK
               : P2P_ERR_CRYPTO;
}

p2p_err p2p_aead_open(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated) {
    if (len < P2P_AEAD_TAG_LEN)
        return P2P_ERR_DECRYPT;
    return p2p_wasm_open(aead->key, nonce, associated.ptr, associated.len, data, len)
               ? P2P_OK
               : P2P_ERR_DECRYPT;
}

p2p_err p2p_x25519_public(uint8_t public_key[32], const uint8_t private_key[32]) {
    static const uint8_t BASE[32] = {9};
    return p2p_wasm_x25519(private_key, BASE, public_key) ? P2P_OK : P2P_ERR_CRYPTO;
}

p2p_err p2p_x25519(
    uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]) {
    static const uint8_t ZEROS[32];
    if (!p2p_wasm_x25519(private_key, public_key, shared) || p2p_same_secret(shared, ZEROS, 32))
        return P2P_ERR_VIOLATION;
    return P2P_OK;
}

/* --- Ed25519 --- */

enum { SEED_LEN = 32, PUBLIC_LEN = 32, SIGNATURE_LEN = 64 };

struct p2p_sigkey {
    uint8_t seed[SEED_LEN]; /* zeros in a verifier */
    uint8_t public_key[PUBLIC_LEN];
    bool private_half;
};

static p2p_err new_key(p2p_sigkey **out, p2p_key_type type) {
    *out = NULL;
    if (type != P2P_KEY_ED25519)
        return P2P_ERR_UNSUPPORTED;
    *out = p2p_mem_alloc(&MEM, sizeof **out);
    return *out == NULL ? P2P_ERR_CRYPTO : P2P_OK;
}

static p2p_err from_seed(p2p_sigkey **out, const uint8_t seed[SEED_LEN]) {
    p2p_err err = new_key(out, P2P_KEY_ED25519);
    if (err != P2P_OK)
        return err;
    memcpy((*out)->seed, seed, SEED_LEN);
    (*out)->private_half = true;
    if (p2p_wasm_ed25519_public(seed, (*out)->public_key))
        return P2P_OK;
    p2p_sigkey_free(*out);
    *out = NULL;
    return P2P_ERR_CRYPTO;
}

p2p_err p2p_sigkey_new_private(p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded) {
    *out = NULL;
    if (type != P2P_KEY_ED25519)
        return P2P_ERR_UNSUPPORTED;
    if (encoded.len != SEED_LEN + PUBLIC_LEN)
        return P2P_ERR_MALFORMED;
    p2p_err err = from_seed(out, encoded.ptr);
    if (err != P2P_OK || p2p_same_secret((*out)->public_key, encoded.ptr + SEED_LEN, PUBLIC_LEN))
        return err;
    p2p_sigkey_free(*out);
    *out = NULL;
    return P2P_ERR_INVALID;
}

p2p_err p2p_sigkey_new_public(p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded) {
    *out = NULL;
    if (type == P2P_KEY_ED25519 && encoded.len != PUBLIC_LEN)
        return P2P_ERR_MALFORMED;
    p2p_err err = new_key(out, type);
    if (err == P2P_OK)
        memcpy((*out)->public_key, encoded.ptr, PUBLIC_LEN);
    return err;
}

p2p_err p2p_sigkey_generate(p2p_sigkey **out, p2p_key_type type, const p2p_random *random) {
    uint8_t seed[SEED_LEN];
    *out = NULL;
    if (type != P2P_KEY_ED25519)
        return P2P_ERR_UNSUPPORTED;
    random->fill(random->ctx, seed, sizeof seed);
    p2p_err err = from_seed(out, seed);
    p2p_wipe(seed, sizeof seed);
    return err;
}

void p2p_sigkey_free(p2p_sigkey *key) {
    if (key == NULL)
        return;
    p2p_wipe(key, sizeof *key);
    p2p_mem_free(&MEM, key, sizeof *key);
}

p2p_err p2p_sigkey_public(const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len) {
    *len = PUBLIC_LEN;
    if (cap < PUBLIC_LEN)
        return P2P_ERR_TOO_BIG;
    memcpy(out, key->public_key, PUBLIC_LEN);
    return P2P_OK;
}

p2p_err p2p_sigkey_private(const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len) {
    *len = SEED_LEN + PUBLIC_LEN;
    if (!key->private_half)
        return P2P_ERR_UNSUPPORTED;
    if (cap < *len)
        return P2P_ERR_TOO_BIG;
    memcpy(out, key->seed, SEED_LEN);
    memcpy(out + SEED_LEN, key->public_key, PUBLIC_LEN);
    return P2P_OK;
}

p2p_err p2p_sigkey_sign(
    const p2p_sigkey *key, p2p_bytes message, uint8_t sig[P2P_SIGNATURE_MAX], size_t *len) {
    *len = SIGNATURE_LEN;
    if (!key->private_half)
        return P2P_ERR_UNSUPPORTED;
    return p2p_wasm_ed25519_sign(key->seed, message.ptr, message.len, sig) ? P2P_OK
                                                                           : P2P_ERR_CRYPTO;
}

p2p_err p2p_sigkey_verify(const p2p_sigkey *key, p2p_bytes message, p2p_bytes signature) {
    if (signature.len != SIGNATURE_LEN)
        return P2P_ERR_BAD_SIGNATURE;
    return p2p_wasm_ed25519_verify(key->public_key, message.ptr, message.len, signature.ptr)
               ? P2P_OK
               : P2P_ERR_BAD_SIGNATURE;
}
