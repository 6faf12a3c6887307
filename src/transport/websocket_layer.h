/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebSocket as a layer of a stacked connection: the opening handshake, then frames around what the
 * layer above draws. As a server it also answers requests that do not ask for a WebSocket.
 */
#ifndef P2P_TRANSPORT_WEBSOCKET_LAYER_H
#define P2P_TRANSPORT_WEBSOCKET_LAYER_H

#include "stack/env.h"
#include "stack/layer.h"
#include "transport/websocket_handshake.h"

enum { P2P_WS_WHY_MAX = 160 };

typedef struct p2p_ws_layer_params {
    p2p_env *env;
    p2p_wire *wire;
    const p2p_ws_dial *dial;     /* whom to ask; NULL: this side is the server */
    const p2p_multiaddr *remote; /* for the handler of plain requests; outlives the layer */
    bool tls;
    /* The handshake is over: put something on the layer. An error ends the connection. */
    p2p_err (*opened)(void *ctx);
    /* Server: the answer to a request that opened no WebSocket was drawn. P2P_OK: it was a plain
     * request and is served; otherwise why it was refused. */
    void (*served)(void *ctx, p2p_err err);
    void *ctx;
    char *why; /* gets a sentence for errors that say too little; outlives the layer */
} p2p_ws_layer_params;

/* INVALID: the host or path to dial cannot stand in a request. */
P2P_NODISCARD p2p_err p2p_ws_layer_new(p2p_layer **out, const p2p_ws_layer_params *params);

#endif
