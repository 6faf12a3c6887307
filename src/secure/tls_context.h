/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all TLS connections of a host share: OpenSSL's context with the host's certificate and
 * libp2p's rules. For tls.c only.
 */
#ifndef P2P_SECURE_TLS_CONTEXT_H
#define P2P_SECURE_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "secure/certificate.h"
#include "secure/tls_record.h"
#include "secure/tls_wire.h"
#include "stack/security.h"

/* An application traffic secret (RFC 8446 section 7.1). */
typedef struct p2p_tls_secret {
    uint8_t bytes[P2P_TLS_SECRET_MAX];
    bool known;
} p2p_tls_secret;

/* The part of a connection that the context's callbacks work with. */
typedef struct p2p_tls_peer {
    const p2p_secure_params *params;
    p2p_cert_owner owner; /* whom the peer's certificate authenticates */
    p2p_err refused;      /* why it was not accepted */
    p2p_tls_secret client_secret, server_secret;
} p2p_tls_peer;

typedef struct p2p_tls_context p2p_tls_context;

/* Stays as long as the environment. AGAIN and the waiter as of p2p_cert_get. */
P2P_NODISCARD p2p_err p2p_tls_context_get(
    const p2p_tls_context **out, p2p_env *env, p2p_cert_waiter *waiter);
/*
 * A connection in its role, offering the parameters' muxers, for the handshake only. `peer` and
 * `wire` must outlive it.
 */
P2P_NODISCARD p2p_err p2p_tls_connection_new(
    SSL **out, const p2p_tls_context *context, p2p_tls_peer *peer, p2p_tls_wire *wire);
/* The muxer that ALPN agreed on; NULL: multistream-select. */
const p2p_muxer *p2p_tls_muxer(const SSL *ssl, const p2p_muxer *const *muxers);

#endif
