/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The waist: a connection is an authenticated peer and its streams. Above it nobody knows whether
 * yamux, QUIC, WebTransport or WebRTC carries them; below it nobody knows protocols.
 *
 * A muxer embeds p2p_conn as the first member of its own connection, fills `ops`, and calls the
 * functions below.
 */
#ifndef P2P_STACK_CONN_H
#define P2P_STACK_CONN_H

#include <p2p/conn.h>

#include "stack/env.h"
#include "stack/layer.h"

/* What a muxer does for a connection. `now` is env->now. */
typedef struct p2p_conn_ops {
    size_t stream_size; /* of the muxer's own part of a stream: p2p_stream_mux(stream), zeroed */
    /*
     * Makes room for an outbound stream. Nothing needs to be sent before the first data. LIMIT or
     * AGAIN (the peer allows no more streams at the moment) refuse it.
     */
    P2P_NODISCARD p2p_err (*open)(p2p_conn *conn, p2p_stream *stream);
    /*
     * Something about the stream changed: it has bytes or an end to send (p2p_stream_tx_…), the
     * application read (p2p_stream_rx_taken), or it was reset by this side
     * (p2p_stream_reset_wanted).
     */
    void (*wake)(p2p_conn *conn, p2p_stream *stream);
    /* The stream is about to be freed: forget it. */
    void (*forget)(p2p_conn *conn, p2p_stream *stream);
    /* Ends in good order: tell the peer; call p2p_conn_ended when that is sent. */
    void (*close)(p2p_conn *conn, uint32_t code);
    /* Ends at once: what must be told is told in one packet or not at all. Calls nothing back. */
    void (*abort)(p2p_conn *conn, uint32_t code);
    /* Frees the connection (p2p_conn_deinit and its memory); all streams are gone already. */
    void (*free)(p2p_conn *conn);
    p2p_time (*rtt)(const p2p_conn *conn); /* 0: not known. May be NULL */
} p2p_conn_ops;

/* What the swarm wants to know of its connections. */
typedef struct p2p_conn_events {
    /* The connection is finished: remove it. Called once, from the muxer; the connection is freed
     * later. */
    void (*ended)(p2p_conn *conn, const p2p_reason *reason);
    /* Protocol lookup for an inbound stream: the protocol and its self, or NULL. */
    const p2p_protocol *(*find_protocol)(p2p_conn *conn, p2p_bytes id, void **self);
} p2p_conn_events;

/*
 * What carries a connection whose muxer does not own its wire (yamux on TCP): embedded in the
 * transport's object and set by it. A muxer that is its own carrier (QUIC) leaves p2p_conn.carrier
 * NULL.
 */
typedef struct p2p_carrier {
    /* The connection ended: close the socket; with abort, at once. */
    void (*ended)(struct p2p_carrier *carrier, bool abort);
    /* Frees the carrier, after the connection was freed. */
    void (*free)(struct p2p_carrier *carrier);
} p2p_carrier;

typedef enum p2p_conn_state { P2P_CONN_OPEN, P2P_CONN_CLOSING, P2P_CONN_ENDED } p2p_conn_state;

struct p2p_conn {
    const p2p_conn_ops *ops;
    const p2p_conn_events *events; /* set when the swarm takes the connection */
    p2p_env *env;
    void *swarm;
    p2p_carrier *carrier;
    p2p_dead dead;
    p2p_list node;    /* in the swarm's list */
    p2p_list streams; /* p2p_stream.node */
    size_t inbound_streams, outbound_streams;
    uint64_t id;
    p2p_conn_state state;
    bool outbound, limited;
    p2p_peer_id peer;
    p2p_bytes public_key; /* owned */
    p2p_multiaddr local, remote;
    const char *transport, *security, *muxer;
    p2p_time started, opened;
    uint64_t bytes_in, bytes_out;
    p2p_timer timer; /* idle time-out; while closing, when patience ends */
    void *user;
};

/* First and last call on the embedded struct. ops and env must be given; init can fail for want of
 * memory. */
P2P_NODISCARD p2p_err p2p_conn_init(
    p2p_conn *conn, const p2p_conn_ops *ops, p2p_env *env, bool outbound);
void p2p_conn_deinit(p2p_conn *conn);
/* Who is at the other end. Copies the key. */
P2P_NODISCARD p2p_err p2p_conn_authenticated(
    p2p_conn *conn, const p2p_peer_id *peer, p2p_bytes public_key);

/*
 * The connection is over, for whatever reason; text may be NULL. Ends all streams and tells the
 * swarm, once. The muxer must call nothing on the connection afterwards; its `free` comes at the
 * end of the turn.
 */
void p2p_conn_ended(
    p2p_conn *conn, p2p_err err, bool by_peer, uint32_t remote_code, const char *text);

/* For streams: may one more be opened (LIMIT, STATE)? One came; one is gone. */
P2P_NODISCARD p2p_err p2p_conn_admit_stream(const p2p_conn *conn, bool outbound);
void p2p_conn_stream_came(p2p_conn *conn, bool outbound);
void p2p_conn_stream_gone(p2p_conn *conn, bool outbound);

/* Frees the connection and its carrier at the end of the turn. */
void p2p_conn_bury(p2p_conn *conn);

#endif
