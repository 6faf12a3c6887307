/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One WebRTC peer connection: ICE, DTLS, SCTP and data channels on a UDP socket of the host, with
 * one timer. It knows nothing of libp2p above it; who owns it is told of its data channels.
 */
#ifndef P2P_WEBRTC_PEER_H
#define P2P_WEBRTC_PEER_H

#include "webrtc/datachannel.h"
#include "webrtc/dtls.h"
#include "webrtc/ice.h"
#include "webrtc/router.h"

enum {
    /* 1280, which every IPv6 path carries, less IPv6's and UDP's headers: no path needs probing. */
    P2P_WEBRTC_DATAGRAM_MAX = 1280 - 40 - 8,
    /* An SCTP packet inside: less DTLS' head and tag, a multiple of four. */
    P2P_WEBRTC_SCTP_MTU = (P2P_WEBRTC_DATAGRAM_MAX - P2P_DTLS_HEAD_MAX - P2P_DTLS_TAG) / 4 * 4,
    /* What one packet carries of a message: less SCTP's header and that of the chunk. */
    P2P_WEBRTC_FRAGMENT = P2P_WEBRTC_SCTP_MTU - 12 - 16
};

typedef struct p2p_webrtc_peer p2p_webrtc_peer;

/* What is reported to the owner. All must be set. The owner may close the peer in any of them. */
typedef struct p2p_webrtc_peer_events {
    /* The peer answered for the first time. */
    void (*answered)(void *ctx);
    p2p_datachannel_events channels; /* `ended` is not called: see below */
    /* Datagrams are about to be made: send on channels what there is room for. */
    void (*fill)(void *ctx);
    /* When the owner wants `tick`. */
    p2p_time (*deadline)(void *ctx);
    void (*tick)(void *ctx);
    /* The connection is over; it is the last call, and the peer frees itself. */
    void (*ended)(void *ctx, const p2p_reason *reason);
} p2p_webrtc_peer_events;

typedef struct p2p_webrtc_peer_config {
    p2p_env *env;
    p2p_webrtc_router *router;
    const p2p_dtls_context *certificate;
    p2p_ice_config ice;
    bool dtls_client;
    const uint8_t (*expected)[32]; /* as in p2p_dtls_config; copied */
    size_t expected_count;
    size_t max_channels;
    const p2p_webrtc_peer_events *events;
    void *ctx;
} p2p_webrtc_peer_config;

/* For one who knocked at a door: on the door's socket. */
P2P_NODISCARD p2p_err p2p_webrtc_peer_accept(
    p2p_webrtc_peer **out, const p2p_webrtc_peer_config *config, p2p_udp_sock *sock);
/* To one address, from a socket of its own. */
P2P_NODISCARD p2p_err p2p_webrtc_peer_dial(
    p2p_webrtc_peer **out, const p2p_webrtc_peer_config *config, const p2p_sockaddr *remote);
/* Another owner takes over. */
void p2p_webrtc_peer_give(p2p_webrtc_peer *peer, const p2p_webrtc_peer_events *events, void *ctx);
/* Says goodbye in two datagrams, as far as there is a path; no event follows. The memory goes at
 * the end of the turn. */
void p2p_webrtc_peer_close(p2p_webrtc_peer *peer);

p2p_webrtc_target *p2p_webrtc_peer_target(p2p_webrtc_peer *peer);
/* There may be something to send; `fill` follows. */
void p2p_webrtc_peer_want(p2p_webrtc_peer *peer);
/* NULL before `connected`. */
p2p_datachannels *p2p_webrtc_peer_channels(p2p_webrtc_peer *peer);
/* Whether what is queued on channels leaves room for more: enough for the congestion window, and
 * not so much that one stream waits for another's backlog. */
bool p2p_webrtc_peer_has_room(const p2p_webrtc_peer *peer);
/* Everything queued was acknowledged. */
bool p2p_webrtc_peer_is_drained(const p2p_webrtc_peer *peer);
/* The certificates' SHA-256 (peer's: once connected). */
const uint8_t *p2p_webrtc_peer_local_sha256(const p2p_webrtc_peer *peer);
const uint8_t *p2p_webrtc_peer_sha256(const p2p_webrtc_peer *peer);
/* The shortest: an acknowledgement may wait 200 ms for a second packet (RFC 9260 §6.2). */
p2p_time p2p_webrtc_peer_rtt(const p2p_webrtc_peer *peer);
/* The path in use now; family 0 where not known. */
void p2p_webrtc_peer_path(const p2p_webrtc_peer *peer, p2p_ice_path *path);

#endif
