/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * X25519 (RFC 7748) by OpenSSL's EVP.
 *
 * A private key that is given to OpenSSL alone makes it compute the public one, which costs more
 * than the multiplication that is wanted: it does so by the slow way of Ed25519's base point. The
 * multiplication itself never looks at the own public key, so a stand-in is given with it, and a
 * public key is the product with the base point 9 as any other product.
 */
#include "crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/bytes.h"

static const uint8_t BASE_POINT[P2P_X25519_LEN] = {9};

static EVP_PKEY *own_key(const uint8_t private_key[32]) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PRIV_KEY, (uint8_t *)private_key, P2P_X25519_LEN),
        OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PUB_KEY, (uint8_t *)BASE_POINT, P2P_X25519_LEN),
        OSSL_PARAM_construct_end(),
    };
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, (OSSL_PARAM *)params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

p2p_err p2p_x25519(
    uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]) {
    size_t len = P2P_X25519_LEN;
    ERR_set_mark();
    EVP_PKEY *own = own_key(private_key);
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

p2p_err p2p_x25519_public(uint8_t public_key[32], const uint8_t private_key[32]) {
    return p2p_x25519(public_key, private_key, BASE_POINT);
}
