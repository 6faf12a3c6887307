/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* X25519 (RFC 7748) by OpenSSL's EVP. */
#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/bytes.h"

p2p_err p2p_x25519_public(uint8_t public_key[32], const uint8_t private_key[32]) {
    size_t len = P2P_X25519_LEN;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, len);
    bool done = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &len) == 1;
    EVP_PKEY_free(key);
    return done ? P2P_OK : P2P_ERR_CRYPTO;
}

p2p_err p2p_x25519(
    uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]) {
    size_t len = P2P_X25519_LEN;
    ERR_set_mark();
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, len);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, len);
    EVP_PKEY_CTX *ctx = own == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    p2p_err err = P2P_ERR_CRYPTO;
    if (ctx != NULL && peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer(ctx, peer) == 1) {
        /* What is left to go wrong is the check of RFC 7748 §6.1 for an all-zero result. */
        err = EVP_PKEY_derive(ctx, shared, &len) == 1 ? P2P_OK : P2P_ERR_VIOLATION;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    ERR_pop_to_mark();
    if (err != P2P_OK)
        p2p_wipe(shared, P2P_X25519_LEN);
    return err;
}
