/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Certificates as a peer might make them: libp2p's by default, with one thing wrong at a time. */
#ifndef P2P_TEST_FORGED_CERT_H
#define P2P_TEST_FORGED_CERT_H

#include <openssl/x509.h>

#include "support/check.h"

typedef struct forged_cert {
    const char *key_type;   /* "EC" with curve, "RSA" with bits, "ED25519", "ED448"; NULL: EC */
    const char *curve;      /* NULL: P-256 */
    unsigned rsa_bits;      /* 0: 2048 */
    const char *digest;     /* NULL: SHA256, none for EdDSA */
    const char *not_before; /* NULL: 20230101000000Z */
    const char *not_after;  /* NULL: 20240101000000Z */
    bool critical;          /* our extension */
    bool other_critical;    /* an unknown extension, critical */
    bool other;             /* an unknown extension, not critical */
    bool no_extension, twice;
    bool other_signer;    /* signed by another key than its own */
    bool other_statement; /* the identity signed another key */
    bool version_1;
    size_t extension_cut; /* bytes left out at the end of our extension's value */
    bool extension_more;  /* a byte too many behind it */
} forged_cert;

/* The DER in `out`, its length; *take_key, if not NULL, receives the private key. */
size_t forge_cert(const forged_cert *how, uint8_t *out, size_t cap, EVP_PKEY **take_key);

#endif
