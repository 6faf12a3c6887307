/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The swarm: everything a host has to do with other peers. It owns the transports, the listeners,
 * the dials, the connections with their limits, the peer store, the table of protocols and the
 * queue of events. Each of these is a file; this header is what they show each other and the host.
 */
#ifndef P2P_SWARM_SWARM_H
#define P2P_SWARM_SWARM_H

#include "base/map.h"
#include "stack/stream.h"
#include "swarm/blackhole.h"
#include "swarm/peer_index.h"
#include "swarm/peerstore.h"
#include "transport/transport.h"

enum {
    P2P_SWARM_TRANSPORTS_MAX = 16,
    P2P_SWARM_INTERFACES_MAX = 64,
    P2P_LISTENER_BOUND_MAX = 4,
    P2P_DIAL_ADDRS_MAX = 64 /* P2P_RANK_MAX */
};

typedef struct p2p_swarm p2p_swarm;

/* An event that waits to be taken. Addr and reason have memory of their own because few events need
 * them. */
typedef struct p2p_queued_event {
    p2p_list node;
    p2p_event_type type;
    p2p_conn *conn;
    uint64_t number; /* request, listener or timer */
    p2p_multiaddr *addr;
    p2p_reason *reason;
    p2p_err err; /* when there was no memory for the reason */
    void *block; /* what `info` lives in: one block, owned */
    size_t block_size;
    const p2p_peer_info *info;
    bool embedded; /* part of another object */
} p2p_queued_event;

/* What the swarm keeps for a connection: p2p_conn.swarm. */
typedef struct p2p_swarm_conn {
    p2p_swarm *swarm;
    p2p_peer_link by_peer; /* until it has ended */
    p2p_queued_event connected, disconnected;
    uint64_t ip_key; /* 0: not counted */
    uint64_t peer_key;
    bool inbound;
} p2p_swarm_conn;

/* A listener of the application. */
typedef struct p2p_swarm_listener {
    p2p_listener listener;
    p2p_list node;
    p2p_transport *transport;
    size_t bound_count;
    p2p_multiaddr bound[P2P_LISTENER_BOUND_MAX];
} p2p_swarm_listener;

/* A protocol that peers may open. */
typedef struct p2p_registered {
    const p2p_protocol *protocol;
    void *self;
} p2p_registered;

struct p2p_swarm {
    p2p_env *env;
    p2p_gater gater;
    p2p_transport *transports[P2P_SWARM_TRANSPORTS_MAX];
    size_t transport_count;
    p2p_list listeners;
    size_t listener_count;
    p2p_sockaddr interfaces[P2P_SWARM_INTERFACES_MAX];
    size_t interface_count;
    p2p_list conns; /* p2p_conn.node */
    size_t conn_count, inbound_count, pending_inbound;
    p2p_map by_peer; /* peer_index.h */
    p2p_map per_ip;  /* address prefix → number of inbound connections, as a pointer */
    p2p_list jobs;   /* dials, see dial.c */
    size_t attempts;
    p2p_blackhole holes[P2P_BLACKHOLE_KINDS];
    p2p_peerstore peers;
    p2p_registered *protocols;
    size_t protocol_count;
    p2p_list events;
    size_t event_count;
    p2p_conn *gone; /* its DISCONNECTED event was taken: freed at the next call */
    void *shown;    /* the block of the event taken last */
    size_t shown_size;
    bool closing;
    bool stopped; /* STOPPED was queued, the last event */
    p2p_queued_event stopped_event;
};

P2P_NODISCARD p2p_err p2p_swarm_init(
    p2p_swarm *swarm, p2p_env *env, const p2p_gater *gater, const p2p_transport_type *const *types);
/* Everything at once. Streams' `closed` callbacks run. */
void p2p_swarm_deinit(p2p_swarm *swarm);
void p2p_swarm_close(p2p_swarm *swarm);

/* conns.c */
extern const p2p_conn_events p2p_swarm_conn_events;
p2p_err p2p_swarm_connected(
    p2p_swarm *swarm, const p2p_sockaddr *remote, p2p_conn *conn, bool inbound);
bool p2p_swarm_admit(void *swarm, const p2p_sockaddr *remote, const p2p_multiaddr *addr);
void p2p_swarm_inbound_ended(void *swarm, const p2p_sockaddr *remote, const p2p_multiaddr *addr,
    p2p_err err, const char *text);
/* The best connection to a peer, as p2p_host_find_conn says. */
p2p_conn *p2p_swarm_find_conn(const p2p_swarm *swarm, const p2p_peer_id *peer);
void p2p_swarm_conns_close(p2p_swarm *swarm, uint32_t code);
void p2p_swarm_check_stopped(p2p_swarm *swarm);

/* listen.c */
P2P_NODISCARD p2p_err p2p_swarm_listen(
    p2p_swarm *swarm, const p2p_multiaddr *addr, uint64_t *number);
void p2p_swarm_unlisten(p2p_swarm *swarm, uint64_t number);
void p2p_swarm_unlisten_all(p2p_swarm *swarm);
void p2p_swarm_listening(void *swarm, p2p_listener *listener, const p2p_multiaddr *bound);
void p2p_swarm_listen_ended(void *swarm, p2p_listener *listener, p2p_err err);
void p2p_swarm_set_interfaces(p2p_swarm *swarm, const p2p_sockaddr *addrs, size_t count);
bool p2p_swarm_addr(const p2p_swarm *swarm, size_t index, p2p_multiaddr *addr);

/* dial.c */
P2P_NODISCARD p2p_err p2p_swarm_dial(p2p_swarm *swarm, const p2p_peer_id *peer,
    const p2p_multiaddr *addrs, size_t count, const p2p_dial_options *options, uint64_t *request);
void p2p_swarm_cancel_dial(p2p_swarm *swarm, uint64_t request);
void p2p_swarm_cancel_all(p2p_swarm *swarm);
void p2p_swarm_dial_progress(void *swarm, p2p_dial *dial);
void p2p_swarm_dial_failed(void *swarm, p2p_dial *dial, p2p_err err, const char *text);
p2p_err p2p_swarm_transport_connected(
    void *swarm, p2p_dial *dial, const p2p_sockaddr *remote, p2p_conn *conn);

/* protocols.c */
P2P_NODISCARD p2p_err p2p_swarm_add_protocol(
    p2p_swarm *swarm, const p2p_protocol *protocol, void *self);
void p2p_swarm_remove_protocol(p2p_swarm *swarm, const p2p_protocol *protocol);
const p2p_registered *p2p_swarm_find_protocol(const p2p_swarm *swarm, p2p_bytes id);
const char *p2p_swarm_protocol_id(const p2p_swarm *swarm, size_t index);

/*
 * events.c. An event that finds no room (memory, or limits->events) is dropped; those of
 * connections have their room in the connection and never are. addr and reason are copied and may
 * be NULL.
 */
void p2p_swarm_event(p2p_swarm *swarm, p2p_event_type type, p2p_conn *conn, uint64_t number,
    const p2p_multiaddr *addr, const p2p_reason *reason);
void p2p_swarm_queue(p2p_swarm *swarm, p2p_queued_event *event);
/* DIALED with a connection, DIAL_FAILED without; `take_event` was allocated with the request. */
void p2p_swarm_answer(p2p_swarm *swarm, p2p_queued_event *take_event, p2p_conn *conn,
    uint64_t request, const p2p_reason *reason);
/* IDENTIFIED: takes the block in which info lives, also when it drops the event. */
void p2p_swarm_event_info(p2p_swarm *swarm, p2p_conn *conn, const p2p_peer_info *info,
    void *take_block, size_t block_size);
/* Takes the first event into *out; false if there is none. What it refers to is valid until the
 * next call. */
bool p2p_swarm_take_event(p2p_swarm *swarm, p2p_event *out);
void p2p_swarm_drop_events(p2p_swarm *swarm);
/* A reason with a formatted sentence. */
P2P_PRINTF(2, 3) p2p_reason p2p_reason_of(p2p_err err, const char *format, ...);

#endif
