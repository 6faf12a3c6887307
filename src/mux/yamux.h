/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of a yamux session share: yamux.c (its life), yamux_rx.c (feed), yamux_tx.c
 * (draw).
 */
#ifndef P2P_MUX_YAMUX_H
#define P2P_MUX_YAMUX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/map.h"
#include "mux/yamux_frame.h"
#include "stack/conn.h"
#include "stack/stream.h"

enum {
    /* Every stream begins with this much credit in both directions; nobody can ask for less. */
    P2P_YAMUX_WINDOW_INITIAL = 256 * 1024,
    /* Streams opened here that the peer has not answered yet. Others refuse more (go's
     * AcceptBacklog, rust's MAX_ACK_BACKLOG). */
    P2P_YAMUX_UNACKED_MAX = 256,
    /* Frames without a stream that wait to be sent: pongs, and refusals of streams. A peer that
     * causes more of them than it reads is sent away. */
    P2P_YAMUX_OWED_MAX = 1024,
    P2P_YAMUX_PONGS_MAX = 32
};

/* The session's part of a p2p_stream. */
typedef struct p2p_yamux_stream {
    p2p_list node;        /* in p2p_yamux_session.urgent or .sending, or in none */
    uint32_t id;          /* 0: the session does not know it (any more) */
    uint32_t send_window; /* bytes that may be sent */
    uint32_t recv_window; /* bytes that the peer may still send */
    uint32_t unread;      /* bytes received that the application has not consumed */
    uint32_t window;    /* the size of the receive window: recv_window + unread + credit to give */
    bool syn_due : 1;   /* the peer does not know of it yet */
    bool ack_due : 1;   /* opened by the peer, not yet acknowledged */
    bool unacked : 1;   /* opened here, not yet acknowledged */
    bool reset_due : 1; /* this side reset it and the peer has not been told */
    bool is_urgent : 1; /* which list `node` is in */
    bool rx_ended : 1;  /* FIN received */
    bool tx_ended : 1;  /* FIN sent */
    p2p_time updated;   /* when the last credit was given; 0: never */
} p2p_yamux_stream;

typedef struct p2p_yamux_session {
    p2p_conn conn;
    p2p_layer layer;
    p2p_map streams;  /* id → p2p_yamux_stream */
    p2p_list urgent;  /* streams that owe an ACK, credit or a reset */
    p2p_list sending; /* streams with data or an end to send and a window for it */
    p2p_buf owed;     /* encoded frames without a stream */
    p2p_timer timer;  /* keepalive; while failing, the end of patience */
    /* As the limits and time-outs were when it began: both ends count on them. */
    p2p_time keepalive;
    uint32_t window_max;

    /* The frame that is being received. */
    uint8_t head[P2P_YAMUX_HEADER_LEN];
    uint8_t head_len;
    bool body_ends;         /* FIN follows the body */
    uint32_t body_left;     /* bytes of a data frame still to come */
    p2p_yamux_stream *body; /* whose they are; NULL: nobody's */

    uint32_t next_id; /* of the next stream opened here; 0: used up */
    uint32_t unacked; /* streams with that flag */
    uint32_t goaway_code;
    uint32_t peer_code; /* of its GoAway */
    uint32_t ping_value;
    p2p_time ping_sent;
    p2p_time rtt;        /* smoothed; 0: not known */
    uint8_t pongs;       /* in `owed` */
    uint8_t silent;      /* keepalive intervals without a byte from the peer */
    bool heard : 1;      /* bytes came since the timer fired last */
    bool ping_due : 1;   /* a ping of our own is to be sent */
    bool ping_away : 1;  /* and one is unanswered */
    bool goaway_due : 1; /* to be sent when nothing else is */
    bool closing : 1;    /* p2p_conn_close was called */
    bool peer_going : 1; /* GoAway(0) received: it wants no more streams */
    bool peer_gone : 1;  /* GoAway with an error received: the timer ends the session */
    bool over : 1;       /* p2p_conn_ended was called, or the session was aborted */
    p2p_err failed;      /* the session ends with this as soon as GoAway was drawn */
    const char *why;     /* a sentence about it */
} p2p_yamux_session;

static inline p2p_yamux_session *p2p_yamux_of_layer(p2p_layer *layer) {
    return P2P_CONTAINER(layer, p2p_yamux_session, layer);
}

/* The layer below has bytes for the session, or asks for some (p2p_layer_ops). */
p2p_err p2p_yamux_feed(p2p_layer *layer, uint8_t *data, size_t len);
p2p_err p2p_yamux_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len);

/* The receive window that streams begin with; beyond 256 KiB it is announced by credit with SYN or
 * ACK. */
uint32_t p2p_yamux_window_start(const p2p_yamux_session *y);
/* Puts the stream into the list that suits what it has to send, and wakes the wire. */
void p2p_yamux_schedule(p2p_yamux_session *y, p2p_yamux_stream *s);
/* Queues a frame that belongs to no stream. */
void p2p_yamux_owe(p2p_yamux_session *y, const p2p_yamux_frame *frame);
/* The session forgets the stream: its id means nothing any more. */
void p2p_yamux_detach(p2p_yamux_session *y, p2p_yamux_stream *s);
/* Ends the session after telling the peer `code`. */
void p2p_yamux_fail(p2p_yamux_session *y, p2p_err err, uint32_t code, const char *why);
/* Ends it now: the connection's owner frees everything at the end of the turn. */
void p2p_yamux_end(p2p_yamux_session *y, p2p_err err, bool by_peer, uint32_t code, const char *why);

#endif
