/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * P-256 on bare numbers. For certificates that have to come out the same on every run: a key from
 * given bytes and ECDSA with the deterministic nonce of RFC 6979. For those of peers: verifying
 * without OpenSSL's key objects, which take longer to make than the signature to check.
 */
#ifndef P2P_CRYPTO_P256_H
#define P2P_CRYPTO_P256_H

#include <p2p/base.h>

enum { P2P_P256_WIDE = 48, P2P_P256_POINT_LEN = 65 };

/* A private key from 48 uniform bytes, without bias: modulo order - 1, plus one. */
P2P_NODISCARD p2p_err p2p_p256_scalar(uint8_t scalar[32], const uint8_t wide[P2P_P256_WIDE]);
/* The uncompressed public point, 0x04 ‖ x ‖ y. INVALID when the scalar is no private key. */
P2P_NODISCARD p2p_err p2p_p256_public(uint8_t point[65], const uint8_t scalar[32]);
/* ECDSA over a SHA-256 digest; r and s in 32 bytes each. */
P2P_NODISCARD p2p_err p2p_p256_sign(
    uint8_t r[32], uint8_t s[32], const uint8_t scalar[32], const uint8_t digest[32]);
/* Is (r, s), big endian, a signature of the digest by an uncompressed point? */
bool p2p_p256_verify(
    const uint8_t point[P2P_P256_POINT_LEN], const uint8_t digest[32], p2p_bytes r, p2p_bytes s);

#endif
