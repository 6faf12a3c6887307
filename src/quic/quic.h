/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * QUIC version 1 connections (RFC 9000, 9001, 9002; ngtcp2 does the protocol) for several
 * applications on one endpoint, told apart by ALPN: libp2p's own (muxer.c) and HTTP/3 for
 * WebTransport. An application is a constant struct of hooks.
 *
 * Hooks are called while a packet is being worked on. Every function of this header may be called
 * in them; closing from a hook takes effect when the packet is done.
 */
#ifndef P2P_QUIC_QUIC_H
#define P2P_QUIC_QUIC_H

#include "quic/window.h"
#include "transport/udp_mux.h"

typedef struct p2p_quic_endpoint p2p_quic_endpoint; /* one for each host */
typedef struct p2p_quic_conn p2p_quic_conn;
typedef struct p2p_quic_app p2p_quic_app;
typedef struct p2p_quic_credentials p2p_quic_credentials; /* a certificate with its key */

/* The engine's part of a stream, embedded in the application's. Zeroed memory is right. */
typedef struct p2p_quic_stream {
    p2p_list node; /* among the connection's streams that want to send */
    int64_t id;
    size_t sent;       /* bytes given to ngtcp2 and not yet acknowledged */
    size_t unread;     /* bytes given to the application without credit for the peer yet */
    uint64_t received; /* bytes given to the application in all */
    p2p_quic_window window;
    bool attached; /* `id` counts: ngtcp2 knows the stream */
    bool fin_sent;
    bool write_over; /* reset by either side, or all acknowledged */
    bool read_over;  /* the peer's end or reset came, or it was told to stop */
} p2p_quic_stream;

struct p2p_quic_app {
    const char *alpn;
    bool peer_certificate; /* demand exactly one of the client when serving */
    uint64_t uni_streams;  /* how many the peer may open at once */
    uint64_t datagram_max; /* largest DATAGRAM frame taken; 0: none */

    /* Inbound connections: may it come in? Asked before anything is allocated. */
    bool (*admit)(void *ctx, const p2p_sockaddr *remote);
    /* An inbound connection that was admitted could not even be made. */
    void (*lost)(void *ctx, const p2p_sockaddr *remote, p2p_err err);
    /* The certificate to show; borrowed while the connection is being made. */
    p2p_err (*credentials)(void *ctx, const p2p_quic_credentials **out);
    /*
     * Judges the peer's certificate (DER), the only check there is. The application may set
     * p2p_quic_conn_set_self here already. Its error is the connection's.
     */
    p2p_err (*verify)(p2p_quic_conn *conn, p2p_bytes certificate);
    /* A dial got its first answer. May be NULL. */
    void (*answered)(p2p_quic_conn *conn);
    /*
     * Server: streams can be opened and written ahead of the handshake's end (0.5-RTT). May be
     * NULL. An error is the connection's.
     */
    p2p_err (*can_send)(p2p_quic_conn *conn);
    /* The handshake is complete on this side. An error closes the connection, without `closed`. */
    p2p_err (*established)(p2p_quic_conn *conn);
    /*
     * The connection is over or was never made: the last call, unless the application closed it
     * itself. Also for inbound ones that were admitted and failed before `established`.
     */
    void (*closed)(p2p_quic_conn *conn, const p2p_reason *reason);

    /* The peer opened a stream; the application attaches its own (p2p_quic_stream_attach) or
     * returns an error: the stream is refused with code. */
    p2p_err (*stream_opened)(p2p_quic_conn *conn, int64_t id, uint64_t *refusal);
    void (*stream_data)(p2p_quic_conn *conn, p2p_quic_stream *stream, p2p_bytes bytes, bool fin);
    void (*stream_reset)(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code);
    /* The peer reads no more: nothing of the send queue is looked at again. */
    void (*stream_stopped)(p2p_quic_conn *conn, p2p_quic_stream *stream);
    /*
     * What is to be sent from `offset` (bytes behind the first unacknowledged one) on: up to count
     * views, their number returned. *fin: they reach the end of the stream. The bytes stay where
     * they are until they are acknowledged or the stream's sending side is over.
     */
    size_t (*stream_pull)(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t offset,
        p2p_bytes *views, size_t count, bool *fin);
    /* len bytes of what was pulled are under way. */
    void (*stream_sent)(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t len);
    /* The next len bytes are acknowledged. `all`: and so is everything, with the end. */
    void (*stream_acked)(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t len, bool all);
    /* Both directions are over; it is detached. */
    void (*stream_closed)(p2p_quic_conn *conn, p2p_quic_stream *stream);
    /* The peer allows more streams than before. May be NULL. */
    void (*streams_allowed)(p2p_quic_conn *conn);
    void (*datagram)(p2p_quic_conn *conn, p2p_bytes bytes); /* NULL if datagram_max is 0 */
    /*
     * How many bytes of a stream of the peer's came in order; UINT64_MAX: it is over. With this the
     * connection understands RESET_STREAM_AT (reset_stream_at.h). May be NULL.
     */
    uint64_t (*stream_received)(p2p_quic_conn *conn, int64_t id);
};

/* --- the endpoint --- */

/* The host's endpoint, made for the first who asks; it is freed with the host. */
P2P_NODISCARD p2p_err p2p_quic_endpoint_get(p2p_quic_endpoint **out, p2p_env *env);
p2p_udp *p2p_quic_endpoint_udp(const p2p_quic_endpoint *endpoint);

/* An application that takes connections on a socket. Embedded in its owner, which fills it. */
typedef struct p2p_quic_listener {
    p2p_list node;
    p2p_udp_sock *sock;
    const p2p_quic_app *app;
    void *ctx;
} p2p_quic_listener;

void p2p_quic_listen(p2p_quic_endpoint *endpoint, p2p_quic_listener *listener);
void p2p_quic_unlisten(p2p_quic_listener *listener);

typedef struct p2p_quic_dial_params {
    const p2p_quic_app *app;
    void *ctx;
    void *self;
    p2p_sockaddr remote;
    p2p_time timeout; /* for the handshake */
} p2p_quic_dial_params;

/* NO_MEMORY or CRYPTO at once; everything else by `established` or `closed`. */
P2P_NODISCARD p2p_err p2p_quic_dial(
    p2p_quic_endpoint *endpoint, p2p_quic_conn **out, const p2p_quic_dial_params *params);

/* The application goes: ends what connections it has left, by `closed` with SHUTDOWN. Only while
 * the host is being freed. */
void p2p_quic_abandon(p2p_quic_endpoint *endpoint, const void *ctx);

/* What an operator wants to see. */
typedef struct p2p_quic_counters {
    size_t conns, half_open, closed_kept;
    uint64_t retries, versions, resets, refused, dropped;
} p2p_quic_counters;

void p2p_quic_get_counters(const p2p_quic_endpoint *endpoint, p2p_quic_counters *counters);
/* Inbound handshakes under way above which clients must prove their address (Retry). */
void p2p_quic_set_retry_above(p2p_quic_endpoint *endpoint, size_t half_open);

/* --- connections --- */

void p2p_quic_conn_set_self(p2p_quic_conn *conn, void *self);
void *p2p_quic_conn_self(const p2p_quic_conn *conn);
void *p2p_quic_conn_ctx(const p2p_quic_conn *conn);
p2p_env *p2p_quic_conn_env(const p2p_quic_conn *conn);
bool p2p_quic_conn_outbound(const p2p_quic_conn *conn);
const p2p_sockaddr *p2p_quic_conn_remote(const p2p_quic_conn *conn);
/* As far as known: the address a datagram came to, else the one the socket is bound to. */
void p2p_quic_conn_local(const p2p_quic_conn *conn, p2p_sockaddr *local);
bool p2p_quic_conn_is_established(const p2p_quic_conn *conn);
p2p_time p2p_quic_conn_started(const p2p_quic_conn *conn); /* its first packet */
p2p_time p2p_quic_conn_rtt(const p2p_quic_conn *conn);
/* Sends keep-alives (half the negotiated idle time-out apart) or stops to. On after `established`
 * unless env->timeouts->keepalive is 0. */
void p2p_quic_conn_keep_alive(p2p_quic_conn *conn, bool on);
/* Tells the peer and forgets the connection. No hook is called any more. */
void p2p_quic_conn_close(p2p_quic_conn *conn, uint64_t code);
/* The same once all that streams had to send is acknowledged; `closed` follows. */
void p2p_quic_conn_finish(p2p_quic_conn *conn, uint64_t code);
/* A DATAGRAM frame. AGAIN: the queue (one) is taken; TOO_BIG; UNSUPPORTED by the peer. */
P2P_NODISCARD p2p_err p2p_quic_conn_send_datagram(p2p_quic_conn *conn, p2p_bytes bytes);
size_t p2p_quic_conn_datagram_max(const p2p_quic_conn *conn);

/* --- streams --- */

/* AGAIN: the peer allows no more at the moment. */
P2P_NODISCARD p2p_err p2p_quic_stream_open(
    p2p_quic_conn *conn, p2p_quic_stream *stream, bool unidirectional);
/* Gives a stream that the peer opened (`id` of stream_opened) to the application. */
void p2p_quic_stream_attach(p2p_quic_conn *conn, p2p_quic_stream *stream, int64_t id);
/* Another object takes the stream's place. Only before anything was sent on it. */
void p2p_quic_stream_move(p2p_quic_conn *conn, p2p_quic_stream *from, p2p_quic_stream *to);
/* It has, or may have, something to send. */
void p2p_quic_stream_want(p2p_quic_conn *conn, p2p_quic_stream *stream);
/* The application is done with len bytes it was given: credit for the peer. */
void p2p_quic_stream_credit(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t len);
/* RESET_STREAM and STOP_SENDING, as far as the directions are not over. */
void p2p_quic_stream_reset(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code);
/* RESET_STREAM alone. */
void p2p_quic_stream_reset_write(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code);
/* STOP_SENDING alone. */
void p2p_quic_stream_stop(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code);
/* The application's stream goes: what is left of it is ended. */
void p2p_quic_stream_detach(p2p_quic_conn *conn, p2p_quic_stream *stream);

#endif
