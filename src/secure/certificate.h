/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The libp2p certificate (specs/tls #peer-authentication): an X.509 certificate for a key of its
 * own, with an extension in which the identity key vouches for that key. TLS over TCP and QUIC show
 * the same one. No type of a TLS library appears here: QUIC's is another than TCP's.
 */
#ifndef P2P_SECURE_CERTIFICATE_H
#define P2P_SECURE_CERTIFICATE_H

#include <p2p/identity.h>

#include "base/list.h"
#include "stack/env.h"

/* A certificate and its private key, both DER; the key is an ECDSA P-256 key as PKCS #8. */
typedef struct p2p_cert {
    p2p_bytes certificate;
    p2p_bytes private_key;
} p2p_cert;

/* Who waits for the host's certificate; embedded, and taken out of its list (p2p_list_remove of
 * node) when it is no longer interested. */
typedef struct p2p_cert_waiter {
    p2p_list node;
    void (*ready)(struct p2p_cert_waiter *waiter, p2p_err err);
} p2p_cert_waiter;

/*
 * The host's certificate, made when asked for first and owned by the environment: *cert stays as
 * long as that. AGAIN: the identity key answers later, and then the waiter is called once, to ask
 * again. A NULL waiter only asks. NO_MEMORY, CRYPTO, or the signer's error; the next call tries
 * again.
 */
P2P_NODISCARD p2p_err p2p_cert_get(const p2p_cert **cert, p2p_env *env, p2p_cert_waiter *waiter);

/* Whom a certificate authenticates. */
typedef struct p2p_cert_owner {
    p2p_peer_id peer;
    size_t public_key_len;
    uint8_t public_key[P2P_PUBLIC_KEY_MAX]; /* protobuf PublicKey */
} p2p_cert_owner;

/*
 * Checks one certificate by the rules of specs/tls: its form, its dates at the Unix time wall_ms,
 * that it signed itself, critical extensions, and the identity key's signature. BAD_CERTIFICATE.
 * That the peer holds the certificate's key is what the TLS handshake proves, and whether
 * this is the peer one wanted is the caller's to compare.
 */
P2P_NODISCARD p2p_err p2p_cert_verify(p2p_cert_owner *owner, p2p_bytes der, uint64_t wall_ms);

#endif
