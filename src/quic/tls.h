/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The seam to a TLS library: sessions of TLS 1.3 inside QUIC (RFC 9001) with one certificate and no
 * trust in authorities. One file implements it (tls_gnutls.c); no other file of this folder names a
 * TLS library.
 *
 * All that touches packet protection is in p2p_quic_tls_callbacks: an implementation with its own
 * keys and AEAD, which sees the plaintext of packets, replaces those and needs nothing else
 * changed. The quic_transport_parameters extension is written here too, so that parameters ngtcp2
 * does not know can be appended.
 */
#ifndef P2P_QUIC_TLS_H
#define P2P_QUIC_TLS_H

#include <ngtcp2/ngtcp2.h>

#include "quic/quic.h"

typedef struct p2p_quic_tls_context p2p_quic_tls_context; /* what sessions share */
typedef struct p2p_quic_tls_session p2p_quic_tls_session;

enum { P2P_QUIC_ALPN_MAX = 4 };

/* What a session asks of the connection it belongs to. */
typedef struct p2p_quic_tls_hooks {
    /* Server: the client's choice among the protocols offered; gives the certificate to show and
     * whether the client must show one. */
    p2p_err (*selected)(
        p2p_quic_conn *conn, const char *alpn, const p2p_quic_credentials **own, bool *demand);
    /* The peer's certificate, DER. Not called when the peer showed none or several: that fails. */
    p2p_err (*verify)(p2p_quic_conn *conn, p2p_bytes certificate);
} p2p_quic_tls_hooks;

P2P_NODISCARD p2p_err p2p_quic_tls_context_new(p2p_quic_tls_context **out, const p2p_mem *mem);
void p2p_quic_tls_context_free(p2p_quic_tls_context *context);

/* From a certificate and its private key (PKCS#8), both DER; both are copied. */
P2P_NODISCARD p2p_err p2p_quic_credentials_new(
    p2p_quic_credentials **out, const p2p_mem *mem, p2p_bytes certificate, p2p_bytes private_key);
void p2p_quic_credentials_free(p2p_quic_credentials *credentials);

typedef struct p2p_quic_tls_params {
    p2p_quic_tls_context *context;
    p2p_quic_conn *conn;
    ngtcp2_conn *ng;
    const p2p_quic_tls_hooks *hooks; /* outlives the session */
    bool server;
    const p2p_quic_credentials *own; /* client's; may be NULL */
    const char *alpn[P2P_QUIC_ALPN_MAX];
    size_t alpn_count;
} p2p_quic_tls_params;

/* Makes a session and ties it to ng. */
P2P_NODISCARD p2p_err p2p_quic_tls_session_new(
    p2p_quic_tls_session **out, const p2p_quic_tls_params *params);
/* Also frees it under a living connection: TLS messages that still arrive are then ignored. */
void p2p_quic_tls_session_free(p2p_quic_tls_session *session);

/* Why the handshake failed, if a hook or this file knows: P2P_OK otherwise. */
p2p_err p2p_quic_tls_session_err(const p2p_quic_tls_session *session);

/* Fills the callbacks of ngtcp2 that need cryptography. */
void p2p_quic_tls_callbacks(ngtcp2_callbacks *callbacks);

#endif
