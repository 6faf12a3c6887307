/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The inside of an association, shared by the sctp_*.c files alone. Each part of the struct belongs
 * to one file, named beside it; the others read it.
 */
#ifndef P2P_WEBRTC_SCTP_ASSOC_H
#define P2P_WEBRTC_SCTP_ASSOC_H

#include "webrtc/sctp.h"
#include "webrtc/sctp_chunk.h"

enum {
    SCTP_WINDOW = 16384,      /* TSNs tracked on either side of a cumulative TSN, at most */
    SCTP_WINDOW_FIRST = 256,  /* and at first */
    SCTP_SMALL = 128,         /* payload of the smaller kind of fragment */
    SCTP_DUPLICATES = 16,     /* duplicate TSNs reported in one SACK */
    SCTP_RESET_BATCH = 64,    /* streams in one reset request */
    SCTP_FORWARD_STREAMS = 64 /* streams named in one FORWARD TSN */
};

typedef struct sctp_stream sctp_stream;
typedef struct sctp_fragment sctp_fragment;

typedef enum sctp_sending {
    SCTP_QUEUED,    /* has no TSN yet */
    SCTP_IN_FLIGHT, /* sent and counted in flight */
    SCTP_LOST,      /* to be sent again */
    SCTP_ACKED,     /* by a gap block; the peer may still take that back */
    SCTP_ABANDONED  /* given up; FORWARD TSN will say so */
} sctp_sending;

/* What one DATA chunk carries, on its way out or waiting to be put in order. */
struct sctp_fragment {
    sctp_fragment *next; /* stream queue, flight, lost; receiving: hash chain; pool */
    sctp_fragment *prev;
    sctp_stream *stream; /* sending only */
    p2p_time sent_at;
    p2p_time expires; /* P2P_NEVER: reliable in time */
    uint32_t tsn;
    uint32_t ppid;
    uint32_t run_other; /* receiving, unordered: TSN of the other end of the run this one ends */
    uint32_t run_bytes; /* of that run */
    uint16_t stream_id;
    uint16_t ssn;
    uint16_t len;
    uint16_t sends;
    uint32_t max_sends; /* UINT32_MAX: reliable in number */
    uint8_t flags;      /* of DATA */
    uint8_t sending;    /* sctp_sending */
    bool small;
    uint8_t data[];
};

typedef struct sctp_list {
    sctp_fragment *head, *tail;
} sctp_list;

/* sctp_pool.c */
typedef struct sctp_pool {
    sctp_fragment *free_small, *free_full;
    size_t bytes; /* of both */
} sctp_pool;

typedef enum sctp_resetting {
    SCTP_RESET_NONE,
    SCTP_RESET_WANTED, /* when its queue is empty */
    SCTP_RESET_READY,  /* in the list of the next request */
    SCTP_RESET_ASKED,
    SCTP_RESET_DONE,
    SCTP_RESET_DENIED
} sctp_resetting;

struct sctp_stream {
    uint16_t id;
    /* sending */
    uint16_t ssn_out;
    uint8_t resetting; /* sctp_resetting */
    bool blocked;      /* in the list of those whose send said AGAIN */
    bool waking;       /* in the list of those to be told that they are writable */
    bool scheduled;
    sctp_stream *next_scheduled;
    sctp_stream *next_blocked;
    sctp_stream *next_waking;
    sctp_stream *next_reset;
    sctp_list queue;
    size_t buffered;
    size_t low_water;
    size_t outstanding; /* fragments with a TSN that still stand in the window */
    /* receiving */
    uint16_t ssn_in;
    bool in_message;
    bool peer_reset;
    uint32_t next_tsn; /* of the message under way */
    uint32_t message_ppid;
    size_t message_len;
    void *user;
};

/* sctp_stream.c: open addressing, at most half full */
typedef struct sctp_streams {
    sctp_stream **slots;
    size_t cap;
    size_t count;
    uint32_t seed;
    sctp_stream *last; /* found last: most chunks follow one of their own stream */
} sctp_streams;

/* sctp_tx.c; loss and acknowledgement: sctp_loss.c */
typedef struct sctp_tx {
    sctp_fragment **window; /* by TSN */
    uint64_t *unacked;      /* one bit each: has a TSN and is not acknowledged */
    size_t cap;
    uint32_t next_tsn;
    uint32_t cum_acked;
    uint32_t forward_tsn; /* up to here all is acknowledged or abandoned; never before cum_acked */
    bool forward_due;
    bool immediate; /* the packet being made asks for an acknowledgement at once */
    uint32_t peer_window;
    uint16_t peer_streams; /* ids below this may be used */
    bool peer_forward_tsn;
    bool peer_reconfig;
    size_t memory; /* of all fragments queued or in the window */
    sctp_stream *first_scheduled, *last_scheduled;
    sctp_stream *blocked, *waking;
    size_t abandoned; /* fragments in the window */
    sctp_list flight; /* in the order of sending */
    sctp_list lost;
    size_t in_flight;
    uint64_t retransmitted;
} sctp_tx;

/* sctp_cc.c */
typedef struct sctp_cc {
    size_t mtu;
    size_t cwnd;
    size_t ssthresh;
    size_t w_max;      /* the window at the latest loss */
    size_t reno;       /* what Reno's window would be */
    size_t reno_rest;  /* of it, seventeenths of a byte times the window */
    int64_t k_ms;      /* from the loss to w_max again */
    p2p_time epoch;    /* when growth began after it; P2P_NEVER: not yet */
    p2p_time grown_at; /* when the window last grew */
    bool limited;      /* the window, not the application, stopped the last packet */
    bool recovering;
    uint32_t recovery_end; /* recovery ends when this TSN is acknowledged */
} sctp_cc;

/* sctp_loss.c */
typedef struct sctp_loss {
    p2p_time srtt, rttvar, min_rtt, rto;
    p2p_time sample; /* least round trip of the acknowledgement at hand; P2P_NEVER: none */
    unsigned backoff;
    unsigned errors; /* time-outs since the peer last answered */
    p2p_time rack_sent;
    p2p_time rack_rtt;
    uint32_t rack_tsn;
    unsigned reorder_quarters; /* of min_rtt that a packet may come late */
    p2p_time rto_at, probe_at, reorder_at;
    bool probing; /* a tail loss probe is out */
    bool push;    /* one packet may go out whatever the window says */
} sctp_loss;

/* sctp_rx.c; sctp_reassembly.c */
typedef struct sctp_rx {
    uint32_t cum_tsn; /* all up to here has arrived */
    uint32_t high_tsn;
    uint64_t *received; /* one bit each beyond cum_tsn */
    sctp_fragment **slots;
    size_t cap;
    sctp_fragment **begins; /* hash of stored ordered first fragments, by stream and SSN */
    size_t stored;          /* bytes, with their heads */
    size_t held;            /* bytes the application keeps */
    uint32_t window_told;
    uint32_t duplicates[SCTP_DUPLICATES];
    unsigned duplicate_count;
    unsigned unacked_packets;
    bool sack_now;
    p2p_time sack_at;
    uint16_t peer_streams; /* ids below this may come */
} sctp_rx;

/* sctp_reset.c */
typedef struct sctp_reset {
    sctp_stream *ready_first, *ready_last;
    uint16_t asked[SCTP_RESET_BATCH];
    size_t asked_count; /* 0: no request is out */
    uint32_t next_seq;  /* of the request that is out, or of the next */
    uint32_t last_tsn;
    p2p_time again_at;
    bool request_due;
    unsigned tries;
    uint32_t peer_seq; /* the request expected next */
    uint32_t answer_seq[2];
    uint32_t answer[2];
    unsigned answer_count; /* responses waiting to be sent */
    uint32_t last_result;
} sctp_reset;

typedef enum sctp_state {
    SCTP_IDLE,
    SCTP_COOKIE_WAIT,
    SCTP_COOKIE_ECHOED,
    SCTP_ESTABLISHED,
    SCTP_SHUTDOWN_PENDING,
    SCTP_SHUTDOWN_SENT,
    SCTP_SHUTDOWN_RECEIVED,
    SCTP_SHUTDOWN_ACK_SENT,
    SCTP_DEAD
} sctp_state;

/* sctp_handshake.c */
typedef struct sctp_handshake {
    uint8_t secret[32];
    uint32_t tsn; /* first TSN of this side */
    bool init_due, cookie_due, init_ack_due, shutdown_due;
    p2p_time again_at; /* INIT, COOKIE ECHO, SHUTDOWN, SHUTDOWN ACK */
    unsigned tries;
    uint8_t *cookie; /* of the peer, to echo */
    size_t cookie_len;
    p2p_sctp_init answer; /* INIT ACK to send */
    uint32_t answer_tag;
    p2p_time answer_at;
} sctp_handshake;

struct p2p_sctp {
    p2p_sctp_config config;
    sctp_state state;
    p2p_err error; /* what ended it */
    uint32_t local_tag, peer_tag;
    size_t payload; /* most bytes of one fragment that is sent */
    size_t block;   /* most bytes of one that is received: peers have their own idea of the MTU */
    bool zero_checksum;
    sctp_handshake handshake;
    sctp_streams streams;
    sctp_pool pool;
    sctp_tx tx;
    sctp_cc cc;
    sctp_loss loss;
    sctp_rx rx;
    sctp_reset reset;
    uint8_t *reply; /* chunks to send once, at most a packet of them */
    size_t reply_len;
    bool answered; /* a HEARTBEAT ACK came in the latest packet */
    uint8_t answer[P2P_SCTP_NONCE];
    uint8_t abort_cause; /* sctp_cause of the ABORT to send; 0: none */
    p2p_time trim_at;    /* when an idle association gives its pool back */
    uint64_t packets_in, packets_out, dropped;
};

/* --- sctp_assoc.c --- */

/* Ends the association for the peer's fault or the network's, tells it and the peer; returns err.
 */
p2p_err p2p_sctp_fail(p2p_sctp *a, p2p_err err, sctp_cause cause);
/* Ends it without an ABORT. */
p2p_err p2p_sctp_over(p2p_sctp *a, p2p_err err);
/* Room for a chunk that is sent once; what does not fit is left out. */
void p2p_sctp_reply(p2p_sctp *a, uint8_t type, uint8_t flags, p2p_bytes body);

static inline bool sctp_open(const p2p_sctp *a) {
    return a->state >= SCTP_ESTABLISHED && a->state < SCTP_DEAD;
}

/* --- sctp_handshake.c --- */
p2p_err p2p_sctp_on_init(p2p_sctp *a, p2p_bytes body, p2p_time now);
p2p_err p2p_sctp_on_init_ack(p2p_sctp *a, p2p_bytes body, p2p_time now);
p2p_err p2p_sctp_on_cookie_echo(p2p_sctp *a, p2p_bytes body, p2p_time now);
p2p_err p2p_sctp_on_cookie_ack(p2p_sctp *a);
p2p_err p2p_sctp_on_shutdown(p2p_sctp *a, uint8_t type, p2p_bytes body, p2p_time now);
/* The shutdown goes on when the last message is acknowledged. */
void p2p_sctp_shutdown_step(p2p_sctp *a, p2p_time now);
p2p_err p2p_sctp_handshake_tick(p2p_sctp *a, p2p_time now);
/* True when the packet must go out as it is. *tag is what stands in its header. */
bool p2p_sctp_handshake_write(p2p_sctp *a, p2p_writer *w, uint32_t *tag, bool *checksum);
void p2p_sctp_handshake_deinit(p2p_sctp *a);

/* --- sctp_pool.c --- */
sctp_fragment *p2p_sctp_take(p2p_sctp *a, size_t len);
void p2p_sctp_give(p2p_sctp *a, sctp_fragment *f);
void p2p_sctp_pool_trim(p2p_sctp *a);
size_t p2p_sctp_fragment_size(const p2p_sctp *a, bool small);

static inline void sctp_list_push(sctp_list *list, sctp_fragment *f) {
    f->next = NULL;
    f->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = f;
    else
        list->head = f;
    list->tail = f;
}

static inline void sctp_list_push_front(sctp_list *list, sctp_fragment *f) {
    f->prev = NULL;
    f->next = list->head;
    if (list->head != NULL)
        list->head->prev = f;
    else
        list->tail = f;
    list->head = f;
}

static inline void sctp_list_remove(sctp_list *list, sctp_fragment *f) {
    if (f->prev != NULL)
        f->prev->next = f->next;
    else
        list->head = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    else
        list->tail = f->prev;
}

/* --- sctp_stream.c --- */
sctp_stream *p2p_sctp_stream_find(p2p_sctp *a, uint16_t id);
const sctp_stream *p2p_sctp_stream_look(const p2p_sctp *a, uint16_t id);
/* Finds or makes: LIMIT, NO_MEMORY. */
p2p_err p2p_sctp_stream_get(p2p_sctp *a, uint16_t id, sctp_stream **out);
/* Frees a stream whose two directions are reset and acknowledged and that has nothing in the
 * window, and tells so. */
void p2p_sctp_stream_settle(p2p_sctp *a, sctp_stream *s);
void p2p_sctp_streams_deinit(p2p_sctp *a);

/* --- sctp_tx.c --- */
void p2p_sctp_tx_start(p2p_sctp *a, const p2p_sctp_init *peer);
/* DATA for the rest of the packet. */
void p2p_sctp_tx_write(p2p_sctp *a, p2p_writer *w, p2p_time now);
/* Takes a fragment out of the window for good. */
void p2p_sctp_tx_forget(p2p_sctp *a, sctp_fragment *f);
void p2p_sctp_tx_trim(p2p_sctp *a);
void p2p_sctp_tx_deinit(p2p_sctp *a);
/* Tells the streams that became writable. */
void p2p_sctp_tx_wake(p2p_sctp *a);
void p2p_sctp_assign_tsn(p2p_sctp *a, sctp_fragment *f);
/* Takes the head of a stream's queue, and the stream out of the schedule when it was the last. */
sctp_fragment *p2p_sctp_dequeue(p2p_sctp *a, sctp_stream *s);

static inline bool sctp_tx_empty(const p2p_sctp *a) {
    return a->tx.first_scheduled == NULL && a->tx.cum_acked + 1 == a->tx.next_tsn;
}

static inline sctp_fragment **sctp_tx_slot(p2p_sctp *a, uint32_t tsn) {
    return &a->tx.window[tsn & (a->tx.cap - 1)];
}

/* --- sctp_partial.c --- */
/* Whether a fragment's message is no longer worth sending. */
bool p2p_sctp_expired(const p2p_sctp *a, const sctp_fragment *f, p2p_time now);
/* Gives up the whole message a fragment in the window belongs to. */
void p2p_sctp_abandon(p2p_sctp *a, sctp_fragment *f);
/* Drops the message at the head of the stream's queue, of which nothing was sent. */
void p2p_sctp_drop_message(p2p_sctp *a, sctp_stream *s);
/* Moves forward_tsn over what is abandoned. */
void p2p_sctp_partial_step(p2p_sctp *a);
void p2p_sctp_partial_write(p2p_sctp *a, p2p_writer *w);

/* --- sctp_cc.c --- */
void p2p_sctp_cc_init(sctp_cc *cc, size_t mtu);
/* min_rtt: the shortest round trip; P2P_NEVER: none known. */
void p2p_sctp_cc_acked(
    sctp_cc *cc, size_t bytes, uint32_t cum_acked, p2p_time min_rtt, p2p_time srtt, p2p_time now);
void p2p_sctp_cc_lost(sctp_cc *cc, uint32_t last_sent);
void p2p_sctp_cc_timeout(sctp_cc *cc, uint32_t last_sent);
void p2p_sctp_cc_moved(sctp_cc *cc);

/* --- sctp_sack.c --- */
p2p_err p2p_sctp_on_sack(p2p_sctp *a, p2p_bytes body, p2p_time now);
/* The cumulative part alone, as SHUTDOWN carries it. */
p2p_err p2p_sctp_on_cum_ack(p2p_sctp *a, uint32_t cum_tsn, p2p_time now);

/* --- sctp_loss.c --- */
void p2p_sctp_loss_init(sctp_loss *loss);
/* Moves a fragment from the flight to those to be sent again. */
void p2p_sctp_mark_lost(p2p_sctp *a, sctp_fragment *f);
/* DATA went out: starts the timers. */
void p2p_sctp_loss_sent(p2p_sctp *a, p2p_time now);
/* An acknowledged fragment's evidence about time, before it is forgotten. */
void p2p_sctp_loss_observe(p2p_sctp *a, const sctp_fragment *f, p2p_time now);
/* After an acknowledgement: finds what is lost and sets the timers again. */
void p2p_sctp_loss_acked(p2p_sctp *a, bool progress, p2p_time now);
p2p_err p2p_sctp_loss_tick(p2p_sctp *a, p2p_time now);
p2p_time p2p_sctp_rto(const p2p_sctp *a);

/* --- sctp_rx.c --- */
void p2p_sctp_rx_start(p2p_sctp *a, const p2p_sctp_init *peer);
p2p_err p2p_sctp_on_data(p2p_sctp *a, uint8_t flags, p2p_bytes body);
p2p_err p2p_sctp_on_forward_tsn(p2p_sctp *a, p2p_bytes body);
/* Makes the rings reach `ahead` TSNs beyond the cumulative one. */
p2p_err p2p_sctp_rx_reserve(p2p_sctp *a, uint32_t ahead);
/* Gives memory back that an idle association does not need. */
void p2p_sctp_rx_trim(p2p_sctp *a);
/* Once for every packet that held DATA. */
void p2p_sctp_rx_packet_end(p2p_sctp *a, p2p_time now);
uint32_t p2p_sctp_rx_window(const p2p_sctp *a);
void p2p_sctp_rx_deinit(p2p_sctp *a);
/* --- sctp_rx_sack.c --- */
bool p2p_sctp_rx_sack_due(const p2p_sctp *a);
void p2p_sctp_rx_write_sack(p2p_sctp *a, p2p_writer *w);

static inline bool sctp_rx_has(const p2p_sctp *a, uint32_t tsn) {
    size_t at = tsn & (a->rx.cap - 1);
    return a->rx.received[at / 64] >> (at % 64) & 1;
}

static inline sctp_fragment *sctp_rx_stored(const p2p_sctp *a, uint32_t tsn) {
    if (a->rx.cap == 0)
        return NULL;
    sctp_fragment *f = a->rx.slots[tsn & (a->rx.cap - 1)];
    return f != NULL && f->tsn == tsn ? f : NULL;
}

/* --- sctp_reassembly.c --- */

/* A DATA chunk as it stands in the packet. */
typedef struct sctp_data {
    uint32_t tsn;
    uint16_t stream;
    uint16_t ssn;
    uint32_t ppid;
    uint8_t flags;
    p2p_bytes bytes;
} sctp_data;

/* Delivers the chunk and whatever it makes deliverable, or stores it. AGAIN: no room, as if it had
 * not come. */
p2p_err p2p_sctp_reassemble(p2p_sctp *a, const sctp_data *data);
/* FORWARD TSN: delivers or drops a stored fragment; skips the messages of a stream up to ssn. */
p2p_err p2p_sctp_skip_stored(p2p_sctp *a, sctp_fragment *f);
p2p_err p2p_sctp_skip_stream(p2p_sctp *a, uint16_t stream, uint16_t ssn);
/* The peer reset the stream: what is half-way will never end. */
void p2p_sctp_restart_stream(p2p_sctp *a, sctp_stream *s);
void p2p_sctp_begins_deinit(p2p_sctp *a);

/* --- sctp_reset.c --- */
void p2p_sctp_reset_start(p2p_sctp *a, const p2p_sctp_init *peer);
p2p_err p2p_sctp_on_reconfig(p2p_sctp *a, p2p_bytes body, p2p_time now);
/* The stream's queue is empty: a wanted reset may be asked for. */
void p2p_sctp_reset_ready(p2p_sctp *a, sctp_stream *s);
bool p2p_sctp_reset_due(const p2p_sctp *a);
void p2p_sctp_reset_write(p2p_sctp *a, p2p_writer *w, p2p_time now);
p2p_err p2p_sctp_reset_tick(p2p_sctp *a, p2p_time now);

#endif
