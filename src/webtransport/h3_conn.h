/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/3 connections, client and server, for nothing but WebTransport: SETTINGS, requests for
 * sessions, and a refusal for every other request. h3_conn.c: life, and what QUIC calls;
 * h3_lane.c: what the peer sends; wt_session.c and wt_stream.c: sessions and their streams.
 */
#ifndef P2P_WEBTRANSPORT_H3_CONN_H
#define P2P_WEBTRANSPORT_H3_CONN_H

#include "webtransport/wt.h"

enum {
    /* What a client may open: control, two of QPACK's, GREASE, and some of applications. */
    P2P_H3_UNI_STREAMS = 32,
    P2P_H3_DATAGRAM_MAX = 65535,
    /* Streams that came before their session, or before it wants them. */
    P2P_WT_WAITING_MAX = 16,
    P2P_WT_SESSIONS_MAX = 16,
    P2P_WT_GONE_MAX = 8 /* sessions whose late streams are told apart from early ones */
};

/* A stream that is not (yet) WebTransport's: a control stream, a request, a head undecided. */
typedef struct p2p_h3_lane {
    p2p_h3_any any;
    p2p_list node; /* h3->streams */
    p2p_h3_conn *h3;
    p2p_h3_reader reader;
    p2p_chunkq tx;           /* what is to be sent and not yet acknowledged */
    p2p_chunkq rx;           /* of a WebTransport stream that waits */
    p2p_wt_session *session; /* whose CONNECT stream this is */
    uint64_t waits_for;      /* session id */
    bool waiting;
    bool rx_fin;
    bool tx_fin;
    bool own; /* our control stream */
} p2p_h3_lane;

struct p2p_wt_session {
    p2p_list node; /* h3->sessions, then h3->ended */
    p2p_dead dead;
    p2p_h3_conn *h3;
    p2p_h3_lane *connect; /* NULL: gone */
    uint64_t id;
    const p2p_wt_app *app; /* NULL: nobody wants to hear of it */
    void *self;
    p2p_list streams; /* p2p_wt_stream.node */
    p2p_capsule_reader capsules;
    bool open;    /* accepted, by whichever side does that */
    bool closing; /* this side has said so */
    bool over;
};

/* Who runs HTTP/3 connections: the transport. */
typedef struct p2p_h3_owner {
    /* Client: the server's SETTINGS came. */
    void (*ready)(p2p_h3_conn *h3);
    /* Server: somebody asks for a session (p2p_wt_session_set_app) or for something else. The
     * status to answer with. */
    unsigned (*request)(p2p_h3_conn *h3, p2p_wt_session *session, const p2p_h3_request *request);
    /* The connection is over, and so are all its sessions. */
    void (*ended)(p2p_h3_conn *h3, const p2p_reason *reason);
} p2p_h3_owner;

struct p2p_h3_conn {
    p2p_list node; /* its owner's */
    p2p_dead dead;
    p2p_quic_conn *quic; /* NULL: over */
    p2p_env *env;
    const p2p_h3_owner *owner;
    void *ctx, *self; /* the owner's; ctx is that of the QUIC connection */
    p2p_sockaddr remote;
    bool admitted; /* the owner's: the swarm waits to hear of this connection's end */
    p2p_qpack *qpack;
    p2p_h3_lane *control; /* ours */
    p2p_h3_settings settings;
    p2p_list streams;  /* p2p_h3_lane.node */
    p2p_list sessions; /* p2p_wt_session.node */
    p2p_list ended;    /* sessions that are buried */
    size_t session_count, waiting_count;
    uint64_t gone[P2P_WT_GONE_MAX]; /* session ids plus one */
    size_t gone_at;
    int64_t highest[2]; /* id of the peer's streams: bidirectional, unidirectional; -1: none */
    p2p_timer timer;    /* nothing of use happens on it; or it should have ended */
    uint8_t claimed;
    bool server;
    bool settings_seen;
    bool finishing;
};

/* Makes it of a QUIC connection whose `self` it becomes, and opens the control stream. */
P2P_NODISCARD p2p_err p2p_h3_conn_new(
    p2p_h3_conn **out, p2p_quic_conn *quic, const p2p_h3_owner *owner, void *self);
/* QUIC says that it is over. */
void p2p_h3_conn_closed(p2p_h3_conn *h3, const p2p_reason *reason);
/* Ends it at once because of an error of the peer's or ours. */
void p2p_h3_conn_fail(p2p_h3_conn *h3, p2p_h3_error error, p2p_err err, const char *text);
/* Ends it when all is sent. */
void p2p_h3_conn_finish(p2p_h3_conn *h3);
/* Frees an ended connection now instead of at the end of the turn. */
void p2p_h3_conn_free(p2p_h3_conn *h3);

/* The hooks of p2p_quic_app; `self` of the connection is a p2p_h3_conn. */
p2p_err p2p_h3_stream_opened(p2p_quic_conn *quic, int64_t id, uint64_t *refusal);
void p2p_h3_stream_data(p2p_quic_conn *quic, p2p_quic_stream *stream, p2p_bytes bytes, bool fin);
void p2p_h3_stream_reset(p2p_quic_conn *quic, p2p_quic_stream *stream, uint64_t code);
void p2p_h3_stream_stopped(p2p_quic_conn *quic, p2p_quic_stream *stream);
size_t p2p_h3_stream_pull(p2p_quic_conn *quic, p2p_quic_stream *stream, size_t offset,
    p2p_bytes *views, size_t count, bool *fin);
void p2p_h3_stream_sent(p2p_quic_conn *quic, p2p_quic_stream *stream, size_t len);
void p2p_h3_stream_acked(p2p_quic_conn *quic, p2p_quic_stream *stream, size_t len, bool all);
void p2p_h3_stream_closed(p2p_quic_conn *quic, p2p_quic_stream *stream);
void p2p_h3_datagram(p2p_quic_conn *quic, p2p_bytes bytes);
uint64_t p2p_h3_stream_received(p2p_quic_conn *quic, int64_t id);

/* --- h3_lane.c --- */

P2P_NODISCARD p2p_err p2p_h3_lane_new(p2p_h3_lane **out, p2p_h3_conn *h3, p2p_h3_origin origin);
void p2p_h3_lane_free(p2p_h3_lane *stream);
/* Queues bytes to be sent; NO_MEMORY or LIMIT fail the connection. */
void p2p_h3_lane_send(p2p_h3_lane *stream, p2p_bytes bytes);
/* Ends both directions of a request. */
void p2p_h3_lane_abort(p2p_h3_lane *stream, p2p_h3_error error);
/* What the peer sent on it. The stream may be gone afterwards. */
void p2p_h3_lane_feed(p2p_h3_lane *stream, p2p_bytes bytes, bool fin);
/* A stream of WebTransport's to its session, if that is there and wants it. */
void p2p_h3_lane_deliver(p2p_h3_lane *stream);

/* --- wt_session.c --- */

p2p_wt_session *p2p_wt_session_find(const p2p_h3_conn *h3, uint64_t id);
bool p2p_wt_session_is_gone(const p2p_h3_conn *h3, uint64_t id);
P2P_NODISCARD p2p_err p2p_wt_session_new(
    p2p_wt_session **out, p2p_h3_conn *h3, p2p_h3_lane *connect);
/* From the CONNECT stream: a response, capsules, the end behind them, and its own end. */
void p2p_wt_session_response(p2p_wt_session *session, const p2p_fields *fields);
void p2p_wt_session_capsules(p2p_wt_session *session, p2p_bytes bytes);
void p2p_wt_session_capsules_end(p2p_wt_session *session);
void p2p_wt_session_fin(p2p_wt_session *session);
/* All that the CONNECT stream had to say is acknowledged. */
void p2p_wt_session_flushed(p2p_wt_session *session);
/* It is over, for whatever reason. */
void p2p_wt_session_end(p2p_wt_session *session, const p2p_reason *reason);
void p2p_wt_session_free(p2p_wt_session *session);

/* --- wt_stream.c --- */

/* Ties an owner's stream to its session. */
void p2p_wt_stream_join(p2p_wt_session *session, p2p_wt_stream *stream);
size_t p2p_wt_stream_pull(
    p2p_wt_stream *stream, size_t offset, p2p_bytes *views, size_t count, bool *fin);
void p2p_wt_stream_was_sent(p2p_wt_stream *stream, size_t len);
void p2p_wt_stream_was_acked(p2p_wt_stream *stream, size_t len, bool all);

#endif
