/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which connection a datagram of WebRTC's belongs to. STUN requests go by USERNAME, so that a
 * client which dials again from the same port is not taken for its former self; answers and DTLS go
 * by the address they come from. What names nobody may open a connection at a door, or is a
 * question to the STUN server.
 */
#ifndef P2P_WEBRTC_ROUTER_H
#define P2P_WEBRTC_ROUTER_H

#include "transport/udp_mux.h"
#include "webrtc/ice_credentials.h"

/* Addresses remembered for one connection: a client has several, and NATs change them. */
enum { P2P_WEBRTC_ADDRESSES_MAX = 32 };

typedef struct p2p_webrtc_router p2p_webrtc_router; /* one for each host */
typedef struct p2p_webrtc_target p2p_webrtc_target;
typedef struct p2p_webrtc_door p2p_webrtc_door;

/* Who takes datagrams. Embedded in its owner, which fills the two functions. */
struct p2p_webrtc_target {
    /* A STUN message; whether it came from the peer indeed, so that its address may be remembered.
     * The target may have left the router when this returns. */
    bool (*stun)(p2p_webrtc_target *target, p2p_bytes packet, const p2p_input *from);
    /* A datagram of DTLS, which may be changed. */
    void (*dtls)(p2p_webrtc_target *target, uint8_t *data, size_t len, const p2p_input *from);
    p2p_webrtc_router *router; /* NULL: not in one */
    const p2p_udp_sock *sock;
    uint64_t name; /* its key by USERNAME */
    p2p_list addresses;
    size_t address_count;
};

/* A listener. Embedded in its owner. */
struct p2p_webrtc_door {
    p2p_list node;
    p2p_udp_sock *sock;
    /*
     * Somebody unknown asks with credentials of webrtc-direct that are right in themselves. The
     * target that was made and joined the router, or NULL: not welcome.
     */
    p2p_webrtc_target *(*knock)(
        p2p_webrtc_door *door, const p2p_ice_credentials *credentials, const p2p_input *from);
};

/* The host's router, made for the first who asks; it is freed with the host. */
P2P_NODISCARD p2p_err p2p_webrtc_router_get(p2p_webrtc_router **out, p2p_env *env);
p2p_udp *p2p_webrtc_router_udp(const p2p_webrtc_router *router);

void p2p_webrtc_open_door(p2p_webrtc_router *router, p2p_webrtc_door *door);
void p2p_webrtc_close_door(p2p_webrtc_door *door);

/* The target takes requests that come to `sock` for its own ufrag. NO_MEMORY; EXISTS. */
P2P_NODISCARD p2p_err p2p_webrtc_join(p2p_webrtc_router *router, p2p_webrtc_target *target,
    const p2p_udp_sock *sock, p2p_bytes ufrag);
/* And what else comes from that address, until another target does. NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_webrtc_expect(p2p_webrtc_target *target, const p2p_sockaddr *from);
/* Nothing is given to it any more. */
void p2p_webrtc_leave(p2p_webrtc_target *target);

typedef struct p2p_webrtc_counters {
    size_t targets, addresses;
    uint64_t stun_answers, limited, refused, strays;
} p2p_webrtc_counters;

void p2p_webrtc_get_counters(const p2p_webrtc_router *router, p2p_webrtc_counters *counters);

#endif
