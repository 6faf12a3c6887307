/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A peer connection as peer.c (its life), peer_packets.c (datagrams and time) and
 * peer_path.c (where they go) see it. */
#ifndef P2P_WEBRTC_PEER_PARTS_H
#define P2P_WEBRTC_PEER_PARTS_H

#include "webrtc/peer.h"

/* A datagram that is larger than those it would have followed in a batch. */
typedef struct peer_held {
    size_t len;
    uint8_t bytes[P2P_WEBRTC_DATAGRAM_MAX];
} peer_held;

/* A path that somebody chose in the peer's name. */
typedef struct peer_question {
    p2p_ice_path path;
    uint8_t nonce[P2P_SCTP_NONCE];
    uint64_t received, sent; /* bytes on the path, since it was chosen */
    p2p_time again_at, pause;
} peer_question;

struct p2p_webrtc_peer {
    p2p_webrtc_target target;
    p2p_env *env;
    const p2p_webrtc_peer_events *events;
    void *ctx;
    p2p_webrtc_router *router;
    const p2p_dtls_context *certificate;
    p2p_udp_user user;
    p2p_udp_sender sender;
    p2p_timer timer;
    p2p_dead dead;
    p2p_ice *ice;
    p2p_dtls *dtls;             /* NULL before the first flight */
    p2p_datachannels *channels; /* NULL before DTLS is open */
    peer_held *held;
    p2p_sockaddr remote;    /* dialled */
    p2p_ice_path path;      /* inbound, and proven: where data goes */
    peer_question question; /* again_at P2P_NEVER: none */
    size_t max_channels;
    uint8_t expected[P2P_DTLS_EXPECTED_MAX][32];
    uint8_t expected_count;
    p2p_time quiet_at;       /* outbound: when the peer's silence is doubted; P2P_NEVER: it was */
    uint64_t received, sent; /* bytes of datagrams, until `proven` */
    bool proven;             /* who talks is where the datagrams come from */
    bool dtls_client;
    bool outbound;
    bool answered;
    bool associated; /* SCTP's handshake is complete */
    bool by_peer;    /* of failure */
    bool over;
    p2p_err failure; /* what the connection is to end with */
};

/* peer.c */
/* Notes the first cause of the end; it comes when the present input is done. */
void p2p_webrtc_peer_fail(p2p_webrtc_peer *peer, p2p_err err, bool by_peer);
/* What follows from an input: the next layer starts, or the connection ends. */
void p2p_webrtc_peer_settle(p2p_webrtc_peer *peer);
p2p_err p2p_webrtc_peer_start_dtls(p2p_webrtc_peer *peer);

/* peer_packets.c */
bool p2p_webrtc_peer_draw(
    p2p_udp_sender *sender, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out);
bool p2p_webrtc_peer_on_stun(p2p_webrtc_target *target, p2p_bytes packet, const p2p_input *from);
void p2p_webrtc_peer_on_dtls(
    p2p_webrtc_target *target, uint8_t *data, size_t len, const p2p_input *from);
void p2p_webrtc_peer_on_time(p2p_timer *timer, p2p_time now);
/* SCTP's ABORT and DTLS' close_notify, at once. */
void p2p_webrtc_peer_say_goodbye(p2p_webrtc_peer *peer);

/* peer_path.c */
/* Where data goes. False: nowhere yet. */
bool p2p_webrtc_peer_data_path(const p2p_webrtc_peer *peer, p2p_ice_path *path);
/* A datagram came this way and was looked at; `answered`: the nonce of the question was in it. */
void p2p_webrtc_peer_heard(
    p2p_webrtc_peer *peer, const p2p_ice_path *path, size_t len, bool answered);
/* The question about a path that was chosen, which waits until question.again_at. False: none is
 * due. */
bool p2p_webrtc_peer_draw_question(
    p2p_webrtc_peer *peer, uint8_t *dst, size_t cap, size_t *len, p2p_ice_path *path);

#endif
