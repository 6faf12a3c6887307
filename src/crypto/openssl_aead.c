/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ChaCha20-Poly1305 (RFC 8439) by OpenSSL's EVP, in place.
 *
 * The cipher is looked up and keyed once. A message then costs setting the nonce, the passes over
 * the data, and moving the tag: looking a cipher up for each message costs more than sealing a
 * small one. One context serves either direction, for OpenSSL lets the direction be chosen along
 * with the nonce.
 */
#include "crypto/crypto.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/bytes.h"

struct p2p_aead {
    EVP_CIPHER_CTX *ctx;
};

enum { OPEN = 0, SEAL = 1 };

p2p_err p2p_aead_new(p2p_aead **out, const uint8_t key[32]) {
    *out = NULL;
    p2p_aead *aead = OPENSSL_zalloc(sizeof *aead);
    if (aead == NULL)
        return P2P_ERR_CRYPTO;
    aead->ctx = EVP_CIPHER_CTX_new();
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    bool keyed = aead->ctx != NULL && cipher != NULL &&
                 EVP_CipherInit_ex2(aead->ctx, cipher, key, NULL, SEAL, NULL) == 1;
    EVP_CIPHER_free(cipher); /* the context holds its own reference */
    if (!keyed) {
        p2p_aead_free(aead);
        return P2P_ERR_CRYPTO;
    }
    *out = aead;
    return P2P_OK;
}

void p2p_aead_free(p2p_aead *aead) {
    if (aead == NULL)
        return;
    EVP_CIPHER_CTX_free(aead->ctx);
    OPENSSL_free(aead);
}

/* Sets the nonce and passes over the associated data and then the text. */
static bool process(p2p_aead *aead, int direction, uint8_t *data, size_t len,
    const uint8_t nonce[12], p2p_bytes associated) {
    int done;
    if (len > INT_MAX - P2P_AEAD_TAG_LEN || associated.len > INT_MAX)
        return false;
    if (EVP_CipherInit_ex2(aead->ctx, NULL, NULL, nonce, direction, NULL) != 1)
        return false;
    if (associated.len > 0 &&
        EVP_CipherUpdate(aead->ctx, NULL, &done, associated.ptr, (int)associated.len) != 1)
        return false;
    return len == 0 || EVP_CipherUpdate(aead->ctx, data, &done, data, (int)len) == 1;
}

p2p_err p2p_aead_seal(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated) {
    int done;
    bool sealed =
        process(aead, SEAL, data, len, nonce, associated) &&
        EVP_CipherFinal_ex(aead->ctx, data + len, &done) == 1 &&
        EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_GET_TAG, P2P_AEAD_TAG_LEN, data + len) == 1;
    return sealed ? P2P_OK : P2P_ERR_CRYPTO;
}

p2p_err p2p_aead_open(
    p2p_aead *aead, uint8_t *data, size_t len, const uint8_t nonce[12], p2p_bytes associated) {
    if (len < P2P_AEAD_TAG_LEN)
        return P2P_ERR_DECRYPT;
    int done;
    size_t text_len = len - P2P_AEAD_TAG_LEN;
    uint8_t *tag = data + text_len;
    uint8_t nothing[P2P_AEAD_TAG_LEN];
    /* A forged message must leave nothing in OpenSSL's error queue, which a TLS object would then
     * take for its own. */
    ERR_set_mark();
    bool processed =
        process(aead, OPEN, data, text_len, nonce, associated) &&
        EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_SET_TAG, P2P_AEAD_TAG_LEN, tag) == 1;
    bool genuine = processed && EVP_CipherFinal_ex(aead->ctx, nothing, &done) == 1;
    ERR_pop_to_mark();
    if (genuine)
        return P2P_OK;
    return processed ? P2P_ERR_DECRYPT : P2P_ERR_CRYPTO;
}
