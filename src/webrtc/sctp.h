/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One SCTP association for data channels (RFC 8831): SCTP (RFC 9260) with partial reliability (RFC
 * 3758), stream reset (RFC 6525) and, when asked for, the zero checksum (RFC 9653), over DTLS. It
 * has no socket, clock or thread: packets come in by p2p_sctp_input and are pulled out by
 * p2p_sctp_output, in plain; the DTLS layer seals them outside.
 *
 * After every call that may have changed something (input, tick, send, reset, connect, shutdown,
 * release) call p2p_sctp_output until it says AGAIN, then sleep until p2p_sctp_deadline.
 * Acknowledgements are made when output is pulled, so feeding a whole batch of packets first gives
 * one for the batch.
 *
 * Events are calls made from input and tick only. Every function below may be called from an event
 * except p2p_sctp_free, p2p_sctp_input and p2p_sctp_tick.
 */
#ifndef P2P_WEBRTC_SCTP_H
#define P2P_WEBRTC_SCTP_H

#include <p2p/base.h>

typedef struct p2p_sctp p2p_sctp;

enum {
    P2P_SCTP_PORT = 5000, /* both ends; RFC 8831 leaves it to SDP, and everybody says 5000 */
    P2P_SCTP_MTU_MIN = 512,
    P2P_SCTP_MTU_MAX = 9000,
    P2P_SCTP_NONCE = 8
};

/* A part of a user message, as soon as it is in order. The parts of an ordered message come one
 * after the other, but messages of other streams, and unordered ones of the same, may come between.
 */
typedef struct p2p_sctp_piece {
    uint16_t stream;
    bool unordered;
    bool first;
    bool last;
    bool abandoned; /* last, without bytes: the peer gave the message up half-way */
    uint32_t ppid;
    p2p_bytes bytes; /* borrowed for the call */
    void *user;      /* what p2p_sctp_set_user said, else NULL */
} p2p_sctp_piece;

/* All of them must be set. */
typedef struct p2p_sctp_events {
    void (*opened)(void *ctx);
    void (*piece)(void *ctx, const p2p_sctp_piece *piece);
    /* The stream's queue fell to its low-water mark, or a send that had said AGAIN may be tried
     * again. */
    void (*writable)(void *ctx, uint16_t stream, void *user);
    /* The peer will send nothing more on this stream; everything it sent was delivered. */
    void (*peer_reset)(void *ctx, uint16_t stream, void *user);
    /* Both directions were reset and acknowledged: the id may be used again. REFUSED: the peer
     * denied the reset, and the id stays out of use. */
    void (*released)(void *ctx, uint16_t stream, void *user, p2p_err err);
    /* The association is over: RESET (abort by the peer), EOF (orderly shutdown), TIMEOUT, or the
     * peer's fault by name. Comes once, and not after p2p_sctp_abort. */
    void (*closed)(void *ctx, p2p_err err);
} p2p_sctp_events;

typedef struct p2p_sctp_config {
    const p2p_mem *mem;
    const p2p_random *random;
    const p2p_sctp_events *events;
    void *ctx;
    size_t mtu;            /* largest SCTP packet; what DTLS, UDP and IP add is already taken off */
    uint16_t max_streams;  /* offered to the peer as both counts of INIT */
    size_t max_live;       /* streams in use at a time */
    size_t receive_buffer; /* a_rwnd, and the most that waits for missing packets */
    size_t send_buffer;    /* memory of messages that are queued or not yet acknowledged */
    size_t max_message_in;
    size_t max_message_out;
    unsigned ack_every; /* packets for an acknowledgement; 2 as RFC 9260 says */
    bool zero_checksum; /* offer and use RFC 9653; only right over DTLS */
} p2p_sctp_config;

#define P2P_SCTP_DEFAULTS                                                                  \
    {                                                                                      \
        .mtu = 1200, .max_streams = 65535, .max_live = 1024, .receive_buffer = 5 << 20,    \
        .send_buffer = 4 << 20, .max_message_in = 257 << 10, .max_message_out = 256 << 10, \
        .ack_every = 2                                                                     \
    }

/* INVALID for a configuration that makes no sense, NO_MEMORY. Keeps pointers to mem, random,
 * events. */
P2P_NODISCARD p2p_err p2p_sctp_new(p2p_sctp **out, const p2p_sctp_config *config);
/* Without a word to the peer. Queued messages are dropped. */
void p2p_sctp_free(p2p_sctp *a);

/* Sends INIT. Both ends may do so at once. An end that does not only waits for the other's. */
P2P_NODISCARD p2p_err p2p_sctp_connect(p2p_sctp *a, p2p_time now);

/*
 * A packet as DTLS gave it; its bytes may be changed. P2P_OK also for what the RFC says to discard;
 * otherwise the error that ended the association, which `closed` has already told.
 */
p2p_err p2p_sctp_input(p2p_sctp *a, uint8_t *packet, size_t len, p2p_time now);
/* The next packet to send, at most `mtu` bytes; AGAIN when there is none now. cap must be at least
 * `mtu`. */
P2P_NODISCARD p2p_err p2p_sctp_output(
    p2p_sctp *a, uint8_t *dst, size_t cap, size_t *len, p2p_time now);
/* A packet of its own that asks the peer to send this nonce back (HEARTBEAT, RFC 9260
 * section 3.3.5): whoever does has received it, and is the peer. cap as above. STATE: not open. */
P2P_NODISCARD p2p_err p2p_sctp_ask(
    p2p_sctp *a, uint8_t *dst, size_t cap, size_t *len, const uint8_t nonce[P2P_SCTP_NONCE]);
/* Whether the packet that was given last had the answer to it. */
bool p2p_sctp_answered(const p2p_sctp *a, const uint8_t nonce[P2P_SCTP_NONCE]);
/* Packets take another path from now on, of which nothing is known; what is out counts as lost with
 * the old one. */
void p2p_sctp_moved(p2p_sctp *a, p2p_time now);
/* When to call p2p_sctp_tick; P2P_NEVER if nothing is waited for. */
p2p_time p2p_sctp_deadline(const p2p_sctp *a);
p2p_err p2p_sctp_tick(p2p_sctp *a, p2p_time now);

/* --- sending --- */

typedef struct p2p_sctp_options {
    bool unordered;
    bool limit_retransmits; /* partial reliability; ignored when the peer does not support it */
    uint16_t max_retransmits;
    p2p_time lifetime; /* how long after `now` it is still worth sending; 0: always */
} p2p_sctp_options;

/*
 * Queues a copy of a whole message; options may be NULL. INVALID (empty message, stream id too
 * high), TOO_BIG, STATE (not yet open, closing, stream being reset), LIMIT (too many streams),
 * NO_MEMORY, or AGAIN: the send buffer is full and `writable` will tell.
 */
P2P_NODISCARD p2p_err p2p_sctp_send(p2p_sctp *a, uint16_t stream, uint32_t ppid, p2p_bytes message,
    const p2p_sctp_options *options, p2p_time now);
/* Bytes of messages queued on the stream and not yet acknowledged. */
size_t p2p_sctp_buffered(const p2p_sctp *a, uint16_t stream);
/* `writable` comes when buffered falls from above to at most this; 0 at first. */
P2P_NODISCARD p2p_err p2p_sctp_set_low_water(p2p_sctp *a, uint16_t stream, size_t bytes);
/* A pointer handed back with the stream's events, until `released`. LIMIT, NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_sctp_set_user(p2p_sctp *a, uint16_t stream, void *user);
/* Whether the id is in use (known here and not yet released). */
bool p2p_sctp_live(const p2p_sctp *a, uint16_t stream);
/* After what is queued, tells the peer that nothing more comes on this stream (RFC 6525). */
P2P_NODISCARD p2p_err p2p_sctp_reset(p2p_sctp *a, uint16_t stream);

/* --- receiving --- */

/* Bytes of pieces that the receiver keeps, and lets go again. They shrink the window given to the
 * peer. */
void p2p_sctp_hold(p2p_sctp *a, size_t len);
void p2p_sctp_release(p2p_sctp *a, size_t len);

/* --- ending --- */

/* Sends what is queued, then ends in good order; `closed` says EOF. */
P2P_NODISCARD p2p_err p2p_sctp_shutdown(p2p_sctp *a, p2p_time now);
/* Ends at once; output gives one more packet, ABORT. */
void p2p_sctp_abort(p2p_sctp *a);

typedef struct p2p_sctp_info {
    bool open;
    bool closed;
    bool zero_checksum; /* packets go out without CRC */
    uint16_t streams;   /* ids below this may be used to send; 0 before open */
    uint16_t peer_streams;
    size_t live;        /* streams */
    size_t send_memory; /* bytes queued or unacknowledged, with their heads */
    size_t stored;      /* bytes received out of order */
    size_t pooled;      /* bytes kept for reuse */
    size_t cwnd;
    size_t in_flight;
    p2p_time min_rtt; /* 0: not yet known */
    unsigned backoff; /* time-outs in a row: the peer acknowledges nothing */
    uint64_t packets_in, packets_out;
    uint64_t dropped; /* packets discarded: checksum, tag, shape */
    uint64_t retransmitted;
} p2p_sctp_info;

void p2p_sctp_get_info(const p2p_sctp *a, p2p_sctp_info *info);
/* Of it, for who asks before each message. */
size_t p2p_sctp_send_memory(const p2p_sctp *a);
size_t p2p_sctp_cwnd(const p2p_sctp *a);

#endif
