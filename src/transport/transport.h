/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A transport: listens and dials addresses of its kind and gives connections to the swarm. One
 * object of each transport serves a host.
 */
#ifndef P2P_TRANSPORT_TRANSPORT_H
#define P2P_TRANSPORT_TRANSPORT_H

#include <p2p/transport.h>

#include "stack/conn.h"

typedef struct p2p_transport p2p_transport;
typedef struct p2p_dial p2p_dial;
typedef struct p2p_listener p2p_listener;

/* One attempt at one address: made by the swarm, embedded there. The address holds no names (they
 * are resolved). */
struct p2p_dial {
    p2p_multiaddr addr;   /* without the peer's /p2p at the end */
    p2p_peer_id expected; /* len 0: any */
    bool insecure_tls;
    int webrtc_version;   /* 1 or 2; 0: not said */
    bool patient;         /* see upgrade.h */
    char host_name[256];  /* the name the address was resolved from, for Host and SNI; "" if none */
    void *transport_data; /* the transport's own, between dial and its end */
};

/* One listening address: made by the swarm. */
struct p2p_listener {
    uint64_t number;
    p2p_multiaddr addr; /* as asked for */
    void *transport_data;
};

/* The swarm, as transports see it. */
typedef struct p2p_transport_up {
    /* `bound` has the real port (and certificate hashes); the swarm expands 0.0.0.0 and ::. May be
     * called again when the address changes (certificates rotate). */
    void (*listening)(void *swarm, p2p_listener *listener, const p2p_multiaddr *bound);
    /* It did not come about, or ended by itself; it is not used any more. */
    void (*listen_ended)(void *swarm, p2p_listener *listener, p2p_err err);
    /*
     * May this inbound connection come in? Asked before anything is allocated for it; false: drop
     * it silently or refuse it as the transport does. When true, exactly one of inbound_ended and
     * connected(NULL, …) follows. inbound_ended with P2P_OK: it was something else than a libp2p
     * connection and has been served.
     */
    bool (*admit)(void *swarm, const p2p_sockaddr *remote, const p2p_multiaddr *remote_addr);
    void (*inbound_ended)(void *swarm, const p2p_sockaddr *remote, const p2p_multiaddr *remote_addr,
        p2p_err err, const char *text);
    /* The dial came far enough (TCP or QUIC answered) that other attempts may wait a little. */
    void (*progress)(void *swarm, p2p_dial *dial);
    /*
     * A complete connection: peer, addresses and names are filled in. dial: the attempt it answers,
     * whose transport_data is over now; NULL: inbound (remote as in admit). GATED, LIMIT or
     * WRONG_PEER: the swarm does not want it; it has aborted it and will free it.
     */
    p2p_err (*connected)(void *swarm, p2p_dial *dial, const p2p_sockaddr *remote, p2p_conn *conn);
    /* The attempt failed; text is a sentence. */
    void (*dial_failed)(void *swarm, p2p_dial *dial, p2p_err err, const char *text);
} p2p_transport_up;

struct p2p_transport {
    const p2p_transport_type *type;
    p2p_env *env;
    const p2p_transport_up *up;
    void *swarm;
};

struct p2p_transport_type {
    const char *name; /* "tcp" */
    /* Does it speak this address (without /p2p at the end)? Names count as addresses here. */
    bool (*can_dial)(const p2p_multiaddr *addr);
    bool (*can_listen)(const p2p_multiaddr *addr);
    P2P_NODISCARD p2p_err (*start)(
        p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm);
    /* All connections, dials and listeners are gone already. */
    void (*free)(p2p_transport *transport);
    /* Only what is wrong at once; the rest comes as connected or dial_failed. */
    P2P_NODISCARD p2p_err (*dial)(p2p_transport *transport, p2p_dial *dial);
    /* The attempt is not wanted any more; nothing is called back. */
    void (*cancel)(p2p_transport *transport, p2p_dial *dial);
    P2P_NODISCARD p2p_err (*listen)(p2p_transport *transport, p2p_listener *listener);
    /* Stops listening; its connections go on. Nothing is called back. */
    void (*unlisten)(p2p_transport *transport, p2p_listener *listener);
};

#endif
