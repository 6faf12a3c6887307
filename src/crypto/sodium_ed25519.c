/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ed25519 (RFC 8032) by libsodium, which verifies more than twice as fast as OpenSSL 3.0: two
 * verifications were a third of what an inbound connection cost. Keys of small order and encodings
 * that are not canonical are refused.
 */
#include "crypto/ed25519.h"

#include <sodium.h>

#include "base/bytes.h"

_Static_assert(crypto_sign_BYTES == (int)P2P_ED25519_SIGNATURE_LEN, "RFC 8032 §5.1.6");
_Static_assert(crypto_sign_SECRETKEYBYTES == 2 * (int)P2P_ED25519_LEN, "seed and public key");

void p2p_ed25519_public(uint8_t public_key[32], const uint8_t seed[32]) {
    uint8_t pair[2 * P2P_ED25519_LEN];
    (void)crypto_sign_seed_keypair(public_key, pair, seed); /* cannot fail */
    p2p_wipe(pair, sizeof pair);
}

void p2p_ed25519_sign(uint8_t sig[64], const uint8_t key[64], p2p_bytes message) {
    (void)crypto_sign_detached(sig, NULL, message.ptr, message.len, key); /* cannot fail */
}

bool p2p_ed25519_verify(const uint8_t public_key[32], p2p_bytes message, p2p_bytes sig) {
    return sig.len == P2P_ED25519_SIGNATURE_LEN &&
           crypto_sign_verify_detached(sig.ptr, message.ptr, message.len, public_key) == 0;
}
