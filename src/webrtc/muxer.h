/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p on data channels (specs/webrtc): one channel is one libp2p stream, framed, since a channel
 * cannot be closed in halves. Security and muxer are not negotiated.
 */
#ifndef P2P_WEBRTC_MUXER_H
#define P2P_WEBRTC_MUXER_H

#include "stack/conn.h"
#include "webrtc/peer.h"

typedef struct p2p_webrtc_muxer {
    p2p_conn conn;
    p2p_webrtc_peer *peer;      /* NULL: not yet, or over */
    p2p_datachannel *handshake; /* id 0, kept open and not looked at; NULL: the peer closed it */
    p2p_list sending;           /* streams with frames to send */
    p2p_time soonest;           /* no stream waits for a moment before this one */
    size_t early;               /* streams opened before the peer was heard */
    bool heard;                 /* the peer has used a stream, so it has finished its handshake */
    bool finishing;
} p2p_webrtc_muxer;

P2P_NODISCARD p2p_err p2p_webrtc_muxer_new(p2p_webrtc_muxer **out, p2p_env *env, bool outbound,
    const p2p_peer_id *peer, p2p_bytes public_key);
/* One that was never handed over. */
void p2p_webrtc_muxer_free(p2p_webrtc_muxer *muxer);
/* Takes the peer connection over. */
void p2p_webrtc_muxer_take(
    p2p_webrtc_muxer *muxer, p2p_webrtc_peer *take_peer, p2p_datachannel *handshake);
/* A channel that the peer opened before, with what came on it. */
void p2p_webrtc_muxer_early(p2p_webrtc_muxer *muxer, p2p_datachannel *channel, p2p_bytes bytes);

#endif
