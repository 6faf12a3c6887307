/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What making and checking a libp2p certificate have in common. */
#ifndef P2P_SECURE_CERTIFICATE_FORM_H
#define P2P_SECURE_CERTIFICATE_FORM_H

#include "secure/certificate.h"

/* 1.3.6.1.4.1.53594.1.1, the extension that carries the identity (without tag and length). */
#define P2P_CERT_EXTENSION_OID                                          \
    (p2p_bytes) {                                                       \
        (const uint8_t[]){0x2b, 6, 1, 4, 1, 0x83, 0xa2, 0x5a, 1, 1}, 10 \
    }

/* What the identity key signs: this text, then the certificate key's SubjectPublicKeyInfo. */
#define P2P_CERT_STATEMENT "libp2p-tls-handshake:"

enum {
    P2P_CERT_STATEMENT_MAX = 2200, /* an RSA-8192 key needs 1 100 bytes */
    P2P_CERT_DER_MAX = 8192
};

#endif
