/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signing and verifying (peer-ids spec #key-types): Ed25519 by libsodium, all others by OpenSSL
 * over SHA-256. */
#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/openssl_key.h"

p2p_err p2p_sigkey_sign(
    const p2p_sigkey *key, p2p_bytes message, uint8_t sig[P2P_SIGNATURE_MAX], size_t *len) {
    *len = P2P_SIGNATURE_MAX;
    if (!key->has_private)
        return P2P_ERR_UNSUPPORTED;
    if (key->type == P2P_KEY_ED25519) {
        p2p_ed25519_sign(sig, key->ed25519, message);
        *len = P2P_ED25519_SIGNATURE_LEN;
        return P2P_OK;
    }
    ERR_set_mark();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL &&
                EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestSign(ctx, sig, len, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    p2p_err err = done ? P2P_OK : P2P_ERR_CRYPTO;
    if (done && key->type == P2P_KEY_SECP256K1)
        err = p2p_openssl_curve_low_s(sig, len);
    ERR_pop_to_mark();
    return err;
}

p2p_err p2p_sigkey_verify(const p2p_sigkey *key, p2p_bytes message, p2p_bytes signature) {
    if (signature.len == 0 || signature.len > P2P_SIGNATURE_MAX)
        return P2P_ERR_BAD_SIGNATURE;
    if (key->type == P2P_KEY_ED25519)
        return p2p_ed25519_verify(key->ed25519 + P2P_ED25519_LEN, message, signature)
                   ? P2P_OK
                   : P2P_ERR_BAD_SIGNATURE;
    ERR_set_mark();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL &&
                EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) == 1 &&
                EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_pop_to_mark();
    return good ? P2P_OK : P2P_ERR_BAD_SIGNATURE;
}
