/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Pacing (RFC 9002 §7.7): a bucket that fills at a little more than the rate at which the
 * congestion window lets bytes go. A full one lets a burst of ten packets through, RFC 9002's
 * initial window, so that acknowledgements that come in clumps are answered at once.
 */
#ifndef P2P_QUIC_PACING_H
#define P2P_QUIC_PACING_H

#include <p2p/base.h>

/* What the congestion controller says. */
typedef struct p2p_quic_rate {
    uint64_t window; /* bytes */
    p2p_time rtt;    /* smoothed */
    size_t packet;   /* the longest, bytes */
    bool slow_start;
} p2p_quic_rate;

/* Zeroed memory is a full bucket. */
typedef struct p2p_quic_pacer {
    p2p_time filled; /* when `left` was true */
    uint64_t left;   /* bytes that may go now */
    bool started;
} p2p_quic_pacer;

/* Puts in what was earned since the last call; how many bytes may go. */
uint64_t p2p_quic_pacer_fill(p2p_quic_pacer *pacer, const p2p_quic_rate *rate, p2p_time now);
/* Bytes went; more than there were is no debt. */
void p2p_quic_pacer_spend(p2p_quic_pacer *pacer, size_t len);
/* When an empty bucket holds enough again to be worth a wake-up. */
p2p_time p2p_quic_pacer_next(const p2p_quic_pacer *pacer, const p2p_quic_rate *rate);

#endif
