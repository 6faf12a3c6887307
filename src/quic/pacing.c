/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The rates are Linux's for TCP: twice the window in a round trip during slow start, or the window
 * could not double; a quarter more than the window afterwards, so that pacing itself never holds
 * the connection below its window.
 *
 * ngtcp2's own pacing stays off. It has one rate for both, makes every batch wait for the one
 * before even after a silence, and costs a tenth of the goodput at a loss of one per cent.
 */
#include "quic/pacing.h"

enum { BURST_PACKETS = 10, WAKE_PACKETS = 2, MUCH = 1 << 30 };

/* Timers and the scheduler are no finer than this, so a bucket holds as much as this long brings.
 */
static const p2p_time GRAIN = P2P_MILLISECOND;

/* Bytes that go in `time`. */
static uint64_t earned(const p2p_quic_rate *rate, p2p_time time) {
    double factor = rate->slow_start ? 2 : 1.25;
    double rtt = rate->rtt > 0 ? (double)rate->rtt : 1;
    double bytes = factor * (double)rate->window / rtt * (double)time;
    return bytes < MUCH ? (uint64_t)bytes : MUCH;
}

static uint64_t depth(const p2p_quic_rate *rate) {
    uint64_t burst = BURST_PACKETS * (uint64_t)rate->packet, grain = earned(rate, GRAIN);
    return burst > grain ? burst : grain;
}

uint64_t p2p_quic_pacer_fill(p2p_quic_pacer *pacer, const p2p_quic_rate *rate, p2p_time now) {
    uint64_t most = depth(rate);
    p2p_time passed = now - pacer->filled;
    if (!pacer->started || passed >= rate->rtt) /* in which the whole window goes */
        pacer->left = most;
    else
        pacer->left += earned(rate, passed);
    if (pacer->left > most)
        pacer->left = most;
    pacer->filled = now;
    pacer->started = true;
    return pacer->left;
}

void p2p_quic_pacer_spend(p2p_quic_pacer *pacer, size_t len) {
    pacer->left -= len < pacer->left ? len : pacer->left;
}

p2p_time p2p_quic_pacer_next(const p2p_quic_pacer *pacer, const p2p_quic_rate *rate) {
    uint64_t wanted = WAKE_PACKETS * (uint64_t)rate->packet, grain = earned(rate, GRAIN) / 2;
    if (wanted < grain)
        wanted = grain;
    double per_byte = (double)GRAIN / ((double)earned(rate, GRAIN) + 1);
    return pacer->filled + (p2p_time)((double)wanted * per_byte) + 1;
}
