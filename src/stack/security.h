/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A security protocol: a layer that shakes hands, proves both identities, then encrypts for the
 * layer above.
 */
#ifndef P2P_STACK_SECURITY_H
#define P2P_STACK_SECURITY_H

#include <p2p/identity.h>
#include <p2p/transport.h>

#include "stack/env.h"
#include "stack/layer.h"

/* What the handshake proved. Views are valid during the `done` call only. */
typedef struct p2p_secured {
    p2p_peer_id peer;
    p2p_bytes public_key; /* protobuf PublicKey */
    /* The muxer both sides agreed on inside the handshake (early data, ALPN); NULL: negotiate by
     * multistream. */
    const p2p_muxer *muxer;
} p2p_secured;

typedef struct p2p_secure_params {
    p2p_env *env;
    p2p_wire *wire;
    bool initiator;
    /* len 0: any. Otherwise another identity is WRONG_PEER before ours is proven. */
    p2p_peer_id expected;
    /* NULL-terminated, most preferred first; NULL: do not offer any inside. */
    const p2p_muxer *const *muxers;
    /*
     * Called once when the handshake is complete and before anything is fed to `above`; the callee
     * sets layer->above in it. An error it returns ends the connection. A failed handshake is the
     * error of feed or draw.
     */
    p2p_err (*done)(void *ctx, const p2p_secured *secured);
    /* A failure that did not come from feed or draw, e.g. of an external signer. */
    void (*failed)(void *ctx, p2p_err err);
    void *ctx;
    /* Filled on WRONG_PEER, so that the message can name it. May be NULL. */
    p2p_peer_id *seen;
} p2p_secure_params;

struct p2p_security {
    const char *id; /* "/noise" */
    P2P_NODISCARD p2p_err (*start)(p2p_layer **out, const p2p_secure_params *params);
};

#endif
