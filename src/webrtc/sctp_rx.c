/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which TSNs have arrived (RFC 9260 section 6.2) and what FORWARD TSN skips (RFC 3758 section 3.6).
 * While packets come in order there is only a number; the first gap allocates a bitmap and a ring
 * of stored fragments, both indexed by TSN, that grow up to SCTP_WINDOW. A TSN beyond half of that
 * is dropped as if it had been lost.
 *
 * An ordered fragment that has everything before it is delivered, and an unordered one waits only
 * for the rest of its own message, whose TSNs are consecutive. So when the cumulative TSN passes a
 * stored fragment that fits neither, the peer numbers its messages wrongly, and the association
 * ends: nothing can pile up below the cumulative TSN.
 */
#include "base/mem.h"
#include "webrtc/sctp_assoc.h"

/* RFC 9260 allows up to 500 ms; browsers use 20, and a sender's timers reckon with 200 at most. */
static const p2p_time ACK_DELAY = 20 * P2P_MILLISECOND;

enum { DATA_FIXED = SCTP_DATA_HEADER - SCTP_CHUNK_HEADER, MAX_AHEAD = SCTP_WINDOW / 2 };

void p2p_sctp_rx_start(p2p_sctp *a, const p2p_sctp_init *peer) {
    sctp_rx *rx = &a->rx;
    rx->cum_tsn = rx->high_tsn = peer->tsn - 1;
    rx->peer_streams =
        peer->out_streams < a->config.max_streams ? peer->out_streams : a->config.max_streams;
    rx->window_told = p2p_sctp_rx_window(a);
}

uint32_t p2p_sctp_rx_window(const p2p_sctp *a) {
    size_t used = a->rx.held + a->rx.stored;
    return used < a->config.receive_buffer ? (uint32_t)(a->config.receive_buffer - used) : 0;
}

static void free_rings(p2p_sctp *a) {
    sctp_rx *rx = &a->rx;
    p2p_mem_free(a->config.mem, rx->received, rx->cap / 8);
    p2p_mem_free(a->config.mem, rx->slots, rx->cap * sizeof(sctp_fragment *));
    rx->received = NULL;
    rx->slots = NULL;
    rx->cap = 0;
}

void p2p_sctp_rx_deinit(p2p_sctp *a) {
    for (size_t i = 0; i < a->rx.cap; i++) {
        if (a->rx.slots[i] != NULL)
            p2p_sctp_give(a, a->rx.slots[i]);
    }
    free_rings(a);
    p2p_sctp_begins_deinit(a);
}

void p2p_sctp_rx_trim(p2p_sctp *a) {
    if (a->rx.stored > 0 || a->rx.cum_tsn != a->rx.high_tsn)
        return;
    free_rings(a);
    p2p_sctp_begins_deinit(a);
}

/* Stored TSNs at and below the cumulative one: the head of an unordered message that is still
 * arriving. */
static uint32_t behind(const p2p_sctp *a) {
    const sctp_fragment *f = sctp_rx_stored(a, a->rx.cum_tsn);
    return f == NULL ? 0 : a->rx.cum_tsn - f->run_other + 1;
}

p2p_err p2p_sctp_rx_reserve(p2p_sctp *a, uint32_t ahead) {
    sctp_rx *rx = &a->rx;
    uint32_t back = behind(a);
    size_t cap = rx->cap == 0 ? SCTP_WINDOW_FIRST : rx->cap;
    while (cap < (size_t)back + ahead + 1)
        cap *= 2;
    if (cap == rx->cap)
        return P2P_OK;
    uint64_t *received = p2p_mem_alloc(a->config.mem, cap / 8);
    sctp_fragment **slots = p2p_mem_alloc(a->config.mem, cap * sizeof(sctp_fragment *));
    if (received == NULL || slots == NULL) {
        p2p_mem_free(a->config.mem, received, cap / 8);
        p2p_mem_free(a->config.mem, slots, cap * sizeof(sctp_fragment *));
        return P2P_ERR_NO_MEMORY;
    }
    for (uint32_t tsn = rx->cum_tsn - back; rx->cap > 0 && tsn != rx->high_tsn + 1; tsn++) {
        size_t at = tsn & (cap - 1);
        slots[at] = sctp_rx_stored(a, tsn);
        if (sctp_before(rx->cum_tsn, tsn) && sctp_rx_has(a, tsn))
            received[at / 64] |= UINT64_C(1) << (at % 64);
    }
    free_rings(a);
    rx->received = received;
    rx->slots = slots;
    rx->cap = cap;
    return P2P_OK;
}

/* A TSN joins those that have arrived without a gap: see the head of this file. */
static p2p_err pass(p2p_sctp *a, uint32_t tsn) {
    if (a->rx.stored == 0)
        return P2P_OK;
    const sctp_fragment *f = sctp_rx_stored(a, tsn), *before = sctp_rx_stored(a, tsn - 1);
    if (f == NULL)
        return before == NULL ? P2P_OK : P2P_ERR_VIOLATION;
    if (!(f->flags & SCTP_UNORDERED))
        return P2P_ERR_VIOLATION;
    bool begins = f->flags & SCTP_BEGIN;
    bool right = before == NULL ? begins : !begins && before->stream_id == f->stream_id;
    return right ? P2P_OK : P2P_ERR_VIOLATION;
}

static p2p_err advance(p2p_sctp *a) {
    sctp_rx *rx = &a->rx;
    while (rx->cum_tsn != rx->high_tsn && sctp_rx_has(a, rx->cum_tsn + 1)) {
        size_t at = ++rx->cum_tsn & (rx->cap - 1);
        rx->received[at / 64] &= ~(UINT64_C(1) << (at % 64));
        p2p_err err = pass(a, rx->cum_tsn);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static p2p_err mark(p2p_sctp *a, uint32_t tsn) {
    sctp_rx *rx = &a->rx;
    bool gaps = rx->cum_tsn != rx->high_tsn;
    if (sctp_before(rx->high_tsn, tsn))
        rx->high_tsn = tsn;
    if (tsn == rx->cum_tsn + 1) {
        rx->cum_tsn = tsn;
        rx->sack_now |= gaps;
        p2p_err err = pass(a, tsn);
        return err == P2P_OK && gaps ? advance(a) : err;
    }
    size_t at = tsn & (rx->cap - 1);
    rx->received[at / 64] |= UINT64_C(1) << (at % 64);
    rx->sack_now = true;
    return P2P_OK;
}

static void note_duplicate(sctp_rx *rx, uint32_t tsn) {
    if (rx->duplicate_count < SCTP_DUPLICATES)
        rx->duplicates[rx->duplicate_count++] = tsn;
    rx->sack_now = true;
}

static void report_stream(p2p_sctp *a, uint16_t stream) {
    uint8_t cause[8] = {0, SCTP_CAUSE_INVALID_STREAM, 0, sizeof cause};
    p2p_store16(cause + 4, stream);
    p2p_sctp_reply(a, SCTP_ERROR, 0, p2p_bytes_of(cause, sizeof cause));
}

static p2p_err take(p2p_sctp *a, const sctp_data *data) {
    sctp_rx *rx = &a->rx;
    uint32_t ahead = data->tsn - rx->cum_tsn;
    if ((int32_t)ahead <= 0) {
        note_duplicate(rx, data->tsn);
        return P2P_OK;
    }
    if (!sctp_before(rx->high_tsn, data->tsn) && sctp_rx_has(a, data->tsn)) {
        note_duplicate(rx, data->tsn);
        return P2P_OK;
    }
    /* Dropped without a trace when too far ahead or without memory: the peer sends it again. */
    rx->sack_now |= ahead > 1;
    if (ahead > MAX_AHEAD || (ahead > 1 && p2p_sctp_rx_reserve(a, ahead) != P2P_OK))
        return P2P_OK;
    if (data->stream >= rx->peer_streams) {
        report_stream(a, data->stream);
        return mark(a, data->tsn);
    }
    p2p_err err = p2p_sctp_reassemble(a, data);
    if (err == P2P_ERR_AGAIN || a->state == SCTP_DEAD)
        return P2P_OK;
    return err == P2P_OK ? mark(a, data->tsn) : err;
}

p2p_err p2p_sctp_on_data(p2p_sctp *a, uint8_t flags, p2p_bytes body) {
    if (!sctp_open(a))
        return P2P_OK;
    if (body.len < DATA_FIXED)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    if (body.len == DATA_FIXED)
        return p2p_sctp_fail(a, P2P_ERR_VIOLATION, SCTP_CAUSE_NO_USER_DATA);
    sctp_data data = {.tsn = p2p_load32(body.ptr),
        .stream = p2p_load16(body.ptr + 4),
        .ssn = p2p_load16(body.ptr + 6),
        .ppid = p2p_load32(body.ptr + 8),
        .flags = flags,
        .bytes = p2p_bytes_of(body.ptr + DATA_FIXED, body.len - DATA_FIXED)};
    a->rx.sack_now |= (flags & SCTP_IMMEDIATE) != 0;
    p2p_err err = take(a, &data);
    return err == P2P_OK ? P2P_OK : p2p_sctp_fail(a, err, SCTP_CAUSE_PROTOCOL_VIOLATION);
}

/* What is stored up to new_cum is delivered or dropped. At most the rings' size, however far it
 * jumps. */
static p2p_err skip_to(p2p_sctp *a, uint32_t new_cum) {
    sctp_rx *rx = &a->rx;
    uint32_t end = sctp_before(new_cum, rx->high_tsn) ? new_cum : rx->high_tsn;
    for (uint32_t tsn = rx->cum_tsn - behind(a); rx->cap > 0 && tsn != end + 1; tsn++) {
        size_t at = tsn & (rx->cap - 1);
        rx->received[at / 64] &= ~(UINT64_C(1) << (at % 64));
        sctp_fragment *f = sctp_rx_stored(a, tsn);
        p2p_err err = f == NULL ? P2P_OK : p2p_sctp_skip_stored(a, f);
        if (err != P2P_OK || a->state == SCTP_DEAD)
            return err;
    }
    rx->cum_tsn = new_cum;
    if (sctp_before(rx->high_tsn, new_cum))
        rx->high_tsn = new_cum;
    return P2P_OK;
}

static p2p_err forward(p2p_sctp *a, uint32_t new_cum, p2p_bytes skips) {
    p2p_err err = skip_to(a, new_cum);
    for (size_t i = 0; err == P2P_OK && i + 4 <= skips.len; i += 4) {
        uint16_t stream = p2p_load16(skips.ptr + i);
        if (stream < a->rx.peer_streams && a->state != SCTP_DEAD)
            err = p2p_sctp_skip_stream(a, stream, p2p_load16(skips.ptr + i + 2));
    }
    if (err != P2P_OK || a->state == SCTP_DEAD)
        return err;
    return advance(a);
}

p2p_err p2p_sctp_on_forward_tsn(p2p_sctp *a, p2p_bytes body) {
    if (!sctp_open(a))
        return P2P_OK;
    if (body.len < 4 || body.len % 4 != 0)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    a->rx.sack_now = true;
    uint32_t new_cum = p2p_load32(body.ptr);
    if (!sctp_before(a->rx.cum_tsn, new_cum))
        return P2P_OK;
    p2p_err err = forward(a, new_cum, p2p_bytes_of(body.ptr + 4, body.len - 4));
    return err == P2P_OK ? P2P_OK : p2p_sctp_fail(a, err, SCTP_CAUSE_PROTOCOL_VIOLATION);
}

void p2p_sctp_rx_packet_end(p2p_sctp *a, p2p_time now) {
    a->rx.unacked_packets++;
    if (a->rx.sack_at == P2P_NEVER)
        a->rx.sack_at = now + ACK_DELAY;
}

void p2p_sctp_hold(p2p_sctp *a, size_t len) {
    a->rx.held += len;
}

/* The peer learns of a window that has opened again by an eighth; it may have stopped at less. */
void p2p_sctp_release(p2p_sctp *a, size_t len) {
    a->rx.held -= len < a->rx.held ? len : a->rx.held;
    uint32_t window = p2p_sctp_rx_window(a);
    if (sctp_open(a) && window > a->rx.window_told &&
        window - a->rx.window_told >= a->config.receive_buffer / 8)
        a->rx.sack_now = true;
}
