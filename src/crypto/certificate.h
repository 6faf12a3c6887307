/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Self-signed ECDSA P-256 certificates, the kind every browser accepts by its hash. From the same
 * secret comes the same certificate, to the byte, so that a published /certhash outlives a restart
 * (WebRTC-direct: one for a century; WebTransport: a new one within every 14 days).
 */
#ifndef P2P_CRYPTO_CERTIFICATE_H
#define P2P_CRYPTO_CERTIFICATE_H

#include <p2p/base.h>

enum { P2P_CERTIFICATE_NAME_MAX = 64, P2P_CERTIFICATE_MAX = 512, P2P_CERTIFICATE_KEY_MAX = 128 };

/* 2020-01-01 and 2120-01-01 00:00:00 UTC in seconds of Unix time: WebRTC-direct's validity. */
#define P2P_CERTIFICATE_2020 INT64_C(1577836800)
#define P2P_CERTIFICATE_2120 INT64_C(4733510400)

typedef struct p2p_certificate_subject {
    p2p_bytes common_name; /* 1 to 64 bytes of UTF-8 */
    int64_t not_before;    /* seconds of Unix time, years 1950 to 9999 */
    int64_t not_after;
} p2p_certificate_subject;

/* A value; holds the private key, hence p2p_certificate_wipe. */
typedef struct p2p_certificate {
    uint8_t der[P2P_CERTIFICATE_MAX];
    size_t der_len;
    uint8_t key[P2P_CERTIFICATE_KEY_MAX]; /* SEC 1 ECPrivateKey in DER */
    size_t key_len;
    uint8_t sha256[32]; /* of der: the digest in /certhash */
} p2p_certificate;

/* The key is HKDF-SHA256 of secret, salt and info; so is everything else in the certificate. */
P2P_NODISCARD p2p_err p2p_certificate_derive(p2p_certificate *out, p2p_bytes secret, p2p_bytes salt,
    p2p_bytes info, const p2p_certificate_subject *subject);
/* The same with a fresh key. */
P2P_NODISCARD p2p_err p2p_certificate_generate(
    p2p_certificate *out, const p2p_certificate_subject *subject, const p2p_random *random);
void p2p_certificate_wipe(p2p_certificate *certificate);

#endif
