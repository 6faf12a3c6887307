/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p on a WebTransport session (specs/webtransport): Noise on the first stream that the client
 * opens, then one libp2p stream on each bidirectional stream.
 */
#ifndef P2P_WEBTRANSPORT_MUXER_H
#define P2P_WEBTRANSPORT_MUXER_H

#include <p2p/webtransport.h>

#include "secure/noise.h"
#include "stack/conn.h"
#include "webtransport/address.h"
#include "webtransport/wt.h"

typedef struct p2p_wt_muxer p2p_wt_muxer;

typedef struct p2p_wt_muxer_params {
    p2p_env *env;
    bool outbound;
    p2p_peer_id expected; /* len 0: any */
    /* What this side vouches for (server), or dialled with (client): multihashes, borrowed. */
    const p2p_bytes *certhashes;
    size_t certhash_count;
    /* The peer is known: the connection goes to the swarm. */
    void (*ready)(p2p_wt_muxer *muxer);
    /* It came to nothing: the last call, the muxer is freed at the end of the turn. */
    void (*failed)(p2p_wt_muxer *muxer, const p2p_reason *reason);
    void *ctx;
} p2p_wt_muxer_params;

struct p2p_wt_muxer {
    p2p_conn conn;
    p2p_list node;           /* the transport's, until it is ready or failed */
    p2p_wt_session *session; /* NULL: none yet, or over */
    p2p_wt_muxer_params params;
    uint8_t dialled[P2P_WT_DIALLED_MAX][34];
    size_t dialled_count;
    p2p_wire wire;
    p2p_layer *noise;
    p2p_wt_stream login; /* the stream that carries Noise */
    p2p_chunkq login_tx;
    p2p_timer timer; /* the handshake's end; or: what is due now */
    p2p_peer_id seen;
    p2p_sockaddr remote, local;
    p2p_reason reason;
    uint32_t close_code;
    /* Of a session without libp2p (raw.c). */
    const p2p_webtransport_handler *handler;
    void *handler_self;
    p2p_stream *news;
    struct p2p_wt_client *client; /* this side asks for it, and it is not open yet */
    bool secured;                 /* the peer is known */
    bool told;                    /* ready or failed was called */
    bool quitting;                /* in good order, when all is sent */
};

extern const p2p_wt_stream_ops p2p_wt_muxer_stream_ops; /* of streams inside a p2p_stream */
extern const p2p_wt_app p2p_wt_muxer_app; /* `self` of the session is a p2p_wt_muxer */

P2P_NODISCARD p2p_err p2p_wt_muxer_new(p2p_wt_muxer **out, const p2p_wt_muxer_params *params);
/* Gives it the session; the client's handshake begins when that opens. */
void p2p_wt_muxer_attach(p2p_wt_muxer *muxer, p2p_wt_session *session);
/* It is not wanted any more: its session ends and neither ready nor failed is called. */
void p2p_wt_muxer_quit(p2p_wt_muxer *muxer);
/* For a session without libp2p: nobody proves anything. */
void p2p_wt_muxer_skip_login(p2p_wt_muxer *muxer);
/* Frees one that was never ready. */
void p2p_wt_muxer_free(p2p_wt_muxer *muxer);

#endif
