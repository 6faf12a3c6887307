/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What every TLS layer on OpenSSL does with its records, whoever wrote the rules of its handshake:
 * they are cut out of what is fed before OpenSSL sees them, so that it always gets a whole one and
 * needs no buffer between two calls; the plaintext is then written over the record it came from.
 * In the other direction the layer above writes into the caller's block, and the record takes the
 * place of its plaintext.
 *
 * OpenSSL's own record layer copies each byte twice each way and keeps its whole handshake for the
 * life of the connection. Who knows the secrets of a finished TLS 1.3 handshake dismisses it: then
 * records are opened and sealed where they lie (tls_record.h).
 */
#ifndef P2P_SECURE_TLS_PUMP_H
#define P2P_SECURE_TLS_PUMP_H

#include <openssl/ssl.h>

#include "secure/tls_record.h"
#include "secure/tls_wire.h"
#include "stack/layer.h"

enum { P2P_TLS_MESSAGE_HEAD = 4 };

typedef struct p2p_tls_pump p2p_tls_pump;

/* What differs between one TLS layer and another. */
typedef struct p2p_tls_rules {
    /* The handshake is complete. An error ends the connection. */
    p2p_err (*shaken)(p2p_tls_pump *pump);
    /* Why the layer itself refused the peer; P2P_OK if it did not. */
    p2p_err (*refused)(const p2p_tls_pump *pump);
    /* The peer ended the connection with this alert; for the log only. */
    void (*alert)(const p2p_tls_pump *pump, int alert);
} p2p_tls_rules;

/* Embedded in its layer. */
struct p2p_tls_pump {
    const p2p_tls_rules *rules;
    p2p_layer *layer; /* whose `above` is fed and drawn */
    SSL *ssl;         /* owned; set by the layer; NULL when it was dismissed */
    p2p_tls_wire wire;
    p2p_buf partial;                    /* an incomplete record */
    p2p_tls_record record;              /* instead of ssl */
    uint32_t skip;                      /* bytes of a handshake message still to come */
    uint8_t head[P2P_TLS_MESSAGE_HEAD]; /* of such a message, after the handshake */
    uint8_t head_len;
    bool update_wanted; /* the peer wants a new key */
    bool client;        /* of a dismissed ssl */
    bool shaking;       /* until the handshake is complete */
    bool heard;         /* a record with data came */
    bool closed;        /* close_notify came */
    bool ending;        /* close_notify goes out when the layer above has nothing left to say */
};

void p2p_tls_pump_init(
    p2p_tls_pump *pump, const p2p_tls_rules *rules, p2p_layer *layer, const p2p_mem *mem);
void p2p_tls_pump_deinit(p2p_tls_pump *pump);
/* The first step of a client. */
P2P_NODISCARD p2p_err p2p_tls_pump_handshake(p2p_tls_pump *pump);
/*
 * Frees OpenSSL's part after a handshake of TLS 1.3, from inside `shaken`. The secrets are the
 * application traffic secrets of this side and of the peer.
 */
P2P_NODISCARD p2p_err p2p_tls_pump_dismiss(p2p_tls_pump *pump,
    const uint8_t ours[P2P_TLS_SECRET_MAX], const uint8_t theirs[P2P_TLS_SECRET_MAX]);
P2P_NODISCARD p2p_err p2p_tls_pump_feed(p2p_tls_pump *pump, uint8_t *data, size_t len);
P2P_NODISCARD p2p_err p2p_tls_pump_draw(p2p_tls_pump *pump, uint8_t *dst, size_t cap, size_t *len);
P2P_NODISCARD p2p_err p2p_tls_pump_eof(p2p_tls_pump *pump);

#endif
