/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a WebRTC peer connection becomes a libp2p connection: Noise on the negotiated channel 0, with
 * both DTLS certificates in the prologue (specs/webrtc/webrtc-direct.md). The DTLS server starts,
 * so it is Noise's initiator, whoever dialled. Embedded in its owner.
 */
#ifndef P2P_WEBRTC_HANDSHAKE_H
#define P2P_WEBRTC_HANDSHAKE_H

#include "base/buf.h"
#include "stack/layer.h"
#include "webrtc/frame.h"
#include "webrtc/muxer.h"

/* Channels that the peer may open while its last Noise message is still under way, and what may
 * come on each. */
enum { P2P_WEBRTC_EARLY_MAX = 16, P2P_WEBRTC_EARLY_BYTES = 16384 };

typedef struct p2p_webrtc_handshake p2p_webrtc_handshake;

typedef struct p2p_webrtc_early {
    p2p_datachannel *channel;
    p2p_buf bytes;
} p2p_webrtc_early;

struct p2p_webrtc_handshake {
    p2p_env *env;
    p2p_webrtc_peer *peer; /* set by the owner after init */
    bool outbound;
    p2p_peer_id expected; /* len 0: any */
    p2p_peer_id seen;     /* who answered, when it is not who was expected */
    p2p_time started, give_up_at;
    /* The peer answered an ICE check. */
    void (*answered)(p2p_webrtc_handshake *handshake);
    /* All is proven. The owner gives the connection to the swarm and frees the handshake. */
    void (*done)(p2p_webrtc_handshake *handshake, p2p_webrtc_muxer *muxer);
    /* The peer is gone; the owner frees the handshake. */
    void (*failed)(p2p_webrtc_handshake *handshake, p2p_err err, const char *text);

    /* its own */
    bool heard;
    p2p_wire wire;
    p2p_layer *noise;
    p2p_datachannel *channel;
    p2p_frame_reader reader;
    p2p_webrtc_muxer *muxer;
    size_t early_count;
    p2p_webrtc_early early[P2P_WEBRTC_EARLY_MAX];
};

/* env, outbound, expected and the three functions are set; `timeout` is for all of it. */
void p2p_webrtc_handshake_init(p2p_webrtc_handshake *handshake, p2p_time timeout);
/* Ends what is not complete, with the peer; nothing is called back. */
void p2p_webrtc_handshake_deinit(p2p_webrtc_handshake *handshake);
/* For the peer's configuration, with the handshake as ctx. */
extern const p2p_webrtc_peer_events p2p_webrtc_handshake_events;

enum { P2P_WEBRTC_PROLOGUE_LEN = 20 + 34 + 34 };

/* What both sides mix into Noise: the hashes of the DTLS certificates, the client's first, whoever
 * computes it. */
void p2p_webrtc_prologue(uint8_t dst[P2P_WEBRTC_PROLOGUE_LEN], const uint8_t client_sha256[32],
    const uint8_t server_sha256[32]);

#endif
