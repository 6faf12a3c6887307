/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the parts of an mplex session share: mplex.c (its life and what it sends), mplex_rx.c. */
#ifndef P2P_MUX_MPLEX_H
#define P2P_MUX_MPLEX_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/map.h"
#include "stack/conn.h"
#include "stack/stream.h"

/*
 * The low three bits of a frame's header; the rest is the stream's number. "Receiver" and
 * "initiator" say what the frame's sender is on that stream. Both sides count their own streams, so
 * the same number can stand for two.
 */
typedef enum p2p_mplex_flag {
    P2P_MPLEX_NEW = 0,
    P2P_MPLEX_MESSAGE_RECEIVER = 1,
    P2P_MPLEX_MESSAGE_INITIATOR = 2,
    P2P_MPLEX_CLOSE_RECEIVER = 3,
    P2P_MPLEX_CLOSE_INITIATOR = 4,
    P2P_MPLEX_RESET_RECEIVER = 5,
    P2P_MPLEX_RESET_INITIATOR = 6
} p2p_mplex_flag;

enum {
    P2P_MPLEX_MESSAGE_MAX = 1024 * 1024, /* mplex spec: larger ones end the connection */
    P2P_MPLEX_HEADER_MAX = 9 + 9,        /* two varints, as long as they may get */
    P2P_MPLEX_OWED_MAX = 16 * 1024       /* refusals of streams that the peer has not read yet */
};

/* The session's part of a p2p_stream. */
typedef struct p2p_mplex_stream {
    p2p_list node; /* in p2p_mplex_session.sending, or in none */
    uint64_t id;
    size_t unread;     /* bytes received that the application has not consumed */
    bool known : 1;    /* it is in the session's table */
    bool outbound : 1; /* opened here */
    bool new_due : 1;  /* and the peer does not know of it yet */
    bool reset_due : 1;
    bool rx_ended : 1;
    bool tx_ended : 1;
} p2p_mplex_stream;

typedef struct p2p_mplex_session {
    p2p_conn conn;
    p2p_layer layer;
    p2p_map streams;  /* p2p_mplex_key → p2p_mplex_stream */
    p2p_list sending; /* streams with something to send */
    p2p_buf owed;     /* encoded frames without a stream */
    uint64_t next_id;
    uint8_t head[P2P_MPLEX_HEADER_MAX]; /* an incomplete header */
    uint8_t head_len;
    uint32_t body_left;
    p2p_mplex_stream *body; /* whose message is being received; NULL: nobody's */
    bool closing : 1;
    bool over : 1; /* p2p_conn_ended was called, or the session was aborted */
} p2p_mplex_session;

static inline p2p_mplex_session *p2p_mplex_of_layer(p2p_layer *layer) {
    return P2P_CONTAINER(layer, p2p_mplex_session, layer);
}

static inline uint64_t p2p_mplex_key(uint64_t id, bool outbound) {
    return id << 1 | (outbound ? 1 : 0);
}

p2p_err p2p_mplex_feed(p2p_layer *layer, uint8_t *data, size_t len);

/* Puts the stream in line if it has something to send, and wakes the wire. */
void p2p_mplex_schedule(p2p_mplex_session *m, p2p_mplex_stream *s);
void p2p_mplex_detach(p2p_mplex_session *m, p2p_mplex_stream *s);
/* Tells the peer that a stream it opened is not wanted: LIMIT when it does not read that. */
P2P_NODISCARD p2p_err p2p_mplex_refuse(p2p_mplex_session *m, uint64_t id);

#endif
