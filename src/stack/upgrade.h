/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From a wire to a connection: multistream-select for the security protocol, its handshake,
 * multistream-select for the muxer (or the one agreed inside the handshake), the muxer. Transports
 * that carry bytes (TCP, WebSocket, memory, relayed streams) share this; transports with streams of
 * their own do not use it.
 */
#ifndef P2P_STACK_UPGRADE_H
#define P2P_STACK_UPGRADE_H

#include "stack/conn.h"
#include "stack/security.h"

/* One connection on its way. */
typedef struct p2p_upgrade p2p_upgrade;

struct p2p_muxer {
    const char *id; /* "/yamux/1.0.0" */
    /*
     * Makes a connection on top of a security layer. *layer is the muxer as a layer, *conn the same
     * as a connection (with p2p_conn_init done); conn->ops->free frees both. initiator: the
     * security handshake's.
     */
    P2P_NODISCARD p2p_err (*start)(
        p2p_layer **layer, p2p_conn **conn, p2p_env *env, p2p_wire *wire, bool initiator);
};

typedef struct p2p_upgrade_params {
    p2p_env *env;
    p2p_wire *wire; /* its `bottom` is set here: bytes may be fed and drawn at once */
    bool initiator;
    p2p_peer_id expected; /* len 0: any */
    bool patient; /* ask for the security protocol and wait, instead of assuming the first one */
    /* The connection is usable. It is not yet known to the swarm: the transport completes it and
     * hands it over. */
    void (*ready)(void *ctx, p2p_conn *conn);
    /* A failure outside of feed and draw. */
    void (*failed)(void *ctx, p2p_err err);
    void *ctx;
} p2p_upgrade_params;

/* Starts on wire->bottom or, when lower layers are there already, on `below`, whose `above` it
 * becomes. */
P2P_NODISCARD p2p_err p2p_upgrade_new(
    p2p_upgrade **out, const p2p_upgrade_params *params, p2p_layer *below);
/*
 * Frees the upgrade and its layers. After `ready` the connection's layers are the stack's: the
 * wire's owner keeps the upgrade as long as the connection and frees it last.
 */
void p2p_upgrade_free(p2p_upgrade *upgrade);
/* The sentence for a person about an error that feed, draw, a deadline or the wire's end gave; says
 * the step. */
void p2p_upgrade_explain(const p2p_upgrade *upgrade, p2p_err err, char text[P2P_REASON_TEXT_MAX]);
/* The wire ended or broke: a peer that had not answered may have refused what was assumed in that
 * way. */
void p2p_upgrade_cut_off(p2p_upgrade *upgrade);
/* The peer refused the security protocol that was assumed: dialling again patiently may help. */
bool p2p_upgrade_retry_patiently(const p2p_upgrade *upgrade);

#endif
