/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebTransport sessions on HTTP/3 connections, and their streams, as the two applications here see
 * them: libp2p (muxer.c) and requests for other paths (raw.c). A stream is embedded in its owner's
 * object, as p2p_quic_stream is; what it has to send stays with the owner until acknowledged.
 *
 * Hooks are called while a packet is being worked on. Every function may be called in them. Objects
 * that hooks are about are freed at the end of the turn at the earliest (p2p_env_bury).
 */
#ifndef P2P_WEBTRANSPORT_WT_H
#define P2P_WEBTRANSPORT_WT_H

#include "quic/quic.h"
#include "webtransport/capsule.h"
#include "webtransport/h3_frame.h"
#include "webtransport/session.h"

typedef struct p2p_h3_conn p2p_h3_conn;
typedef struct p2p_wt_session p2p_wt_session;
typedef struct p2p_wt_stream p2p_wt_stream;

/* Begins every stream object of an HTTP/3 connection. */
typedef struct p2p_h3_any {
    p2p_quic_stream quic;
    bool wt; /* in a p2p_wt_stream; otherwise in a p2p_h3_lane */
} p2p_h3_any;

/* --- streams --- */

typedef struct p2p_wt_stream_ops {
    void (*data)(p2p_wt_stream *stream, p2p_bytes bytes, bool fin);
    /* The peer's direction was reset. */
    void (*reset)(p2p_wt_stream *stream, uint32_t code);
    /* The peer reads no more: nothing of the send queue is looked at again. */
    void (*stopped)(p2p_wt_stream *stream);
    /* As p2p_quic_app.stream_pull, sent and acked; the stream's head does not count. */
    size_t (*pull)(p2p_wt_stream *stream, size_t offset, p2p_bytes *views, size_t count, bool *fin);
    void (*sent)(p2p_wt_stream *stream, size_t len);
    void (*acked)(p2p_wt_stream *stream, size_t len, bool all);
    /* Both directions are over and it is detached. Not called when the session ends. */
    void (*closed)(p2p_wt_stream *stream);
} p2p_wt_stream_ops;

/* Embedded in the owner's. Zeroed memory is right. */
struct p2p_wt_stream {
    p2p_h3_any any;
    const p2p_wt_stream_ops *ops;
    p2p_wt_session *session; /* NULL: detached */
    p2p_list node;           /* session->streams */
    uint8_t head[P2P_H3_STREAM_HEAD_MAX];
    uint8_t head_len, head_acked; /* of streams this side opened */
    bool unidirectional;          /* for its owner's use */
    bool resetting;               /* to be reset when the head is acknowledged */
    uint32_t reset_code;
};

/* AGAIN: the peer allows no more at the moment. */
P2P_NODISCARD p2p_err p2p_wt_stream_open(
    p2p_wt_session *session, p2p_wt_stream *stream, bool unidirectional);
void p2p_wt_stream_want(p2p_wt_stream *stream);
void p2p_wt_stream_credit(p2p_wt_stream *stream, size_t len);
/* Bytes of the owner's that are under way. */
size_t p2p_wt_stream_sent(const p2p_wt_stream *stream);
/* Ends the sending side. The owner's queue may be gone when this is called, and is not looked at
 * again. */
void p2p_wt_stream_reset_write(p2p_wt_stream *stream, uint32_t code);
void p2p_wt_stream_stop(p2p_wt_stream *stream, uint32_t code);
/* Its owner forgets it: what is left of it is ended. */
void p2p_wt_stream_detach(p2p_wt_stream *stream);

/* --- sessions --- */

typedef struct p2p_wt_app {
    /* Client: the server accepted the session. */
    void (*opened)(p2p_wt_session *session);
    /*
     * The peer opened a stream: gives the owner's object for it, with its ops. AGAIN: it waits
     * until p2p_wt_session_take_waiting. Other errors refuse it.
     */
    p2p_err (*stream_opened)(p2p_wt_session *session, bool unidirectional, p2p_wt_stream **out);
    void (*datagram)(p2p_wt_session *session, p2p_bytes bytes); /* may be NULL */
    void (*draining)(p2p_wt_session *session);                  /* may be NULL */
    /* The session is over: the last call. Its streams are detached right after it. */
    void (*closed)(p2p_wt_session *session, const p2p_reason *reason);
} p2p_wt_app;

/* Client: asks for a session, when the connection is ready. */
P2P_NODISCARD p2p_err p2p_wt_session_open(p2p_wt_session **out, p2p_h3_conn *h3,
    p2p_bytes authority, p2p_bytes path, const p2p_wt_app *app, void *self);
/* Who gets the session: of a server's request, or another one later. */
void p2p_wt_session_set_app(p2p_wt_session *session, const p2p_wt_app *app, void *self);
void *p2p_wt_session_self(const p2p_wt_session *session);
/* NULL: over. */
p2p_quic_conn *p2p_wt_session_quic(const p2p_wt_session *session);
/* Offers the streams that wait once more. */
void p2p_wt_session_take_waiting(p2p_wt_session *session);
/* As p2p_quic_conn_send_datagram. */
P2P_NODISCARD p2p_err p2p_wt_session_send_datagram(p2p_wt_session *session, p2p_bytes bytes);
size_t p2p_wt_session_datagram_max(const p2p_wt_session *session);
/* Asks the peer to open no more streams. */
void p2p_wt_session_drain(p2p_wt_session *session);
/* Ends its streams and tells the peer; `closed` follows when that is acknowledged. */
void p2p_wt_session_close(p2p_wt_session *session, uint32_t code, p2p_bytes reason);
/* The same, and no hook is called any more. */
void p2p_wt_session_abandon(p2p_wt_session *session, uint32_t code, p2p_bytes reason);

#endif
