/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading a peer's X.509 v3 certificate (RFC 5280 §4.1) and checking that it signed itself. There
 * are no names and no chains here: libp2p certificates have neither meaning nor use for them.
 */
#ifndef P2P_CRYPTO_X509_H
#define P2P_CRYPTO_X509_H

#include "base/cursor.h"

/* Views of the certificate's DER. */
typedef struct p2p_x509 {
    p2p_bytes to_be_signed; /* the element that the signature is over */
    p2p_bytes key;          /* SubjectPublicKeyInfo, the element */
    p2p_bytes algorithm;    /* the signature's AlgorithmIdentifier, the element */
    p2p_bytes signature;
    p2p_bytes extensions; /* for p2p_x509_extension_next; empty: none */
    int64_t not_before;   /* valid from then to then, both included; seconds of Unix time */
    int64_t not_after;
} p2p_x509;

/* BAD_CERTIFICATE: not one certificate in DER, another version than 3, unique identifiers, or
 * dates that RFC 5280 §4.1.2.5 does not allow. Names are not looked into. */
P2P_NODISCARD p2p_err p2p_x509_read(p2p_x509 *out, p2p_bytes der);

typedef struct p2p_x509_extension {
    p2p_bytes oid, value; /* without tag and length */
    bool critical;
} p2p_x509_extension;

/* The next one of a cursor on p2p_x509.extensions; false at the end and when it is malformed, which
 * p2p_cursor_end tells apart. */
bool p2p_x509_extension_next(p2p_cursor *at, p2p_x509_extension *out);

/*
 * The signature is by the certificate's own key. Accepted are the keys and hashes that libp2p's
 * implementations write and that are sound: P-256 with SHA-256, P-384 with SHA-384, Ed25519, and
 * RSA of 2048 to 8192 bits with SHA-2, PKCS #1 or PSS. As in rust-libp2p, P-521, Ed448, SHA-1 and a
 * curve with another curve's hash are not. BAD_SIGNATURE.
 */
P2P_NODISCARD p2p_err p2p_x509_signed_itself(const p2p_x509 *x509);

#endif
