/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the transports over UDP have in common: listening from the swarm's request to its end. */
#ifndef P2P_TRANSPORT_UDP_TRANSPORT_H
#define P2P_TRANSPORT_UDP_TRANSPORT_H

#include "transport/address.h"
#include "transport/transport.h"
#include "transport/udp_mux.h"

typedef struct p2p_udp_listener p2p_udp_listener;

typedef struct p2p_udp_listener_ops {
    size_t size; /* of the owner's object, which begins with a p2p_udp_listener */
    /* The socket is there: opens it to the transport and says so with p2p_udp_listening. */
    void (*bound)(p2p_udp_listener *listener);
    void (*free)(p2p_udp_listener *listener); /* what the owner added; the memory goes after it */
} p2p_udp_listener_ops;

struct p2p_udp_listener {
    p2p_udp_user user;
    const p2p_udp_listener_ops *ops;
    p2p_transport *transport;
    p2p_listener *of;
    p2p_sockaddr at;
};

/* One for `of`, zeroed behind the common part. UNSUPPORTED: no IP and UDP port; NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_udp_listener_new(p2p_udp_listener **out, const p2p_udp_listener_ops *ops,
    p2p_transport *transport, p2p_listener *of);
/* `bound` follows, or the swarm hears of a failure. The caller frees it after an error. */
P2P_NODISCARD p2p_err p2p_udp_listener_bind(p2p_udp_listener *listener, p2p_udp *udp);
/* The swarm hears that it listens at `addr`. */
void p2p_udp_listening(const p2p_udp_listener *listener, const p2p_multiaddr *addr);
/* The swarm hears that it came to nothing, or to an end; it is freed. */
void p2p_udp_listener_fail(p2p_udp_listener *listener, p2p_err err);
void p2p_udp_listener_free(p2p_udp_listener *listener);
/* p2p_transport_type.unlisten */
void p2p_udp_unlisten(p2p_transport *transport, p2p_listener *of);

#endif
