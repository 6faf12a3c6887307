/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a signing key is; shared by the files of this provider only. */
#ifndef P2P_CRYPTO_OPENSSL_KEY_H
#define P2P_CRYPTO_OPENSSL_KEY_H

#include <openssl/evp.h>

#include "crypto/crypto.h"
#include "crypto/ed25519.h"

struct p2p_sigkey {
    EVP_PKEY *pkey; /* NULL: an Ed25519 key, which lies in the bytes below */
    p2p_key_type type;
    bool has_private;
    uint8_t ed25519[2 * P2P_ED25519_LEN]; /* seed and public key; the seed is zeros in a verifier */
};

/* --- openssl_key.c --- */

/* Bounds on what a verification costs: UNSUPPORTED for a size, MALFORMED for an exponent. */
P2P_NODISCARD p2p_err p2p_openssl_rsa_check(const EVP_PKEY *pkey);

/* --- openssl_curve.c: keys on secp256k1 and P-256 as plain numbers --- */

enum { P2P_CURVE_SCALAR_LEN = 32, P2P_CURVE_POINT_LEN = 33 };

/* An elliptic curve key whose curve is given by this name, and not by its parameters. */
bool p2p_openssl_curve_is(const EVP_PKEY *pkey, const char *name);
/* INVALID if the scalar is 0 or not below the curve's order. */
P2P_NODISCARD p2p_err p2p_openssl_curve_private(
    EVP_PKEY **out, p2p_key_type type, const uint8_t scalar[P2P_CURVE_SCALAR_LEN]);
/* MALFORMED if the compressed point is not on the curve. */
P2P_NODISCARD p2p_err p2p_openssl_curve_public(
    EVP_PKEY **out, p2p_key_type type, const uint8_t point[P2P_CURVE_POINT_LEN]);
bool p2p_openssl_curve_get_scalar(uint8_t scalar[P2P_CURVE_SCALAR_LEN], const EVP_PKEY *pkey);
bool p2p_openssl_curve_get_point(uint8_t point[P2P_CURVE_POINT_LEN], const EVP_PKEY *pkey);
/* Rewrites a DER signature so that s is in the lower half of the order: the one form of the two
 * that everybody accepts. */
P2P_NODISCARD p2p_err p2p_openssl_curve_low_s(uint8_t *sig, size_t *len);

#endif
