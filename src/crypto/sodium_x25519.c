/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * X25519 (RFC 7748) by libsodium: by a quarter faster than OpenSSL's EVP, which makes and throws
 * away two key objects and two contexts for each product.
 *
 * sodium_init chooses the implementation for this processor. It may be called again and again, from
 * any thread, and costs a lock then.
 */
#include "crypto/crypto.h"

#include <sodium.h>

#include "base/bytes.h"

p2p_err p2p_x25519(
    uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]) {
    if (sodium_init() < 0)
        return P2P_ERR_CRYPTO;
    /* What can go wrong is the check of RFC 7748 §6.1 for an all-zero result. */
    if (crypto_scalarmult(shared, private_key, public_key) == 0)
        return P2P_OK;
    p2p_wipe(shared, P2P_X25519_LEN);
    return P2P_ERR_VIOLATION;
}

p2p_err p2p_x25519_public(uint8_t public_key[32], const uint8_t private_key[32]) {
    return crypto_scalarmult_base(public_key, private_key) == 0 ? P2P_OK : P2P_ERR_CRYPTO;
}
