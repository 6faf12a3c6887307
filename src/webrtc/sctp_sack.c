/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Acknowledgements that arrive (RFC 9260 section 6.2.1). Gap blocks are laid over the bitmap of
 * unacknowledged TSNs, 64 at a time, so a block that was reported before costs next to nothing.
 * Acknowledging what was never sent ends the association. A peer may take back what it reported in
 * gap blocks; that shows when the cumulative TSN stops in front of such a fragment.
 */
#include "webrtc/sctp_assoc.h"

enum { FIXED = 12, BLOCK = 4, MAX_QUARTERS = 8 };

static size_t take_from_lists(p2p_sctp *a, sctp_fragment *f, p2p_time now) {
    if (f->sending == SCTP_IN_FLIGHT) {
        sctp_list_remove(&a->tx.flight, f);
        a->tx.in_flight -= f->len;
    } else if (f->sending == SCTP_LOST) {
        sctp_list_remove(&a->tx.lost, f);
    } else {
        return 0;
    }
    p2p_sctp_loss_observe(a, f, now);
    return f->len;
}

/* Everything up to cum_tsn has arrived and leaves the window. The bytes that were news. */
static size_t ack_up_to(p2p_sctp *a, uint32_t cum_tsn, p2p_time now) {
    sctp_tx *tx = &a->tx;
    size_t acked = 0;
    while (tx->cum_acked != cum_tsn) {
        uint32_t tsn = ++tx->cum_acked;
        size_t at = tsn & (tx->cap - 1);
        sctp_fragment *f = tx->window[at];
        tx->window[at] = NULL;
        tx->unacked[at / 64] &= ~(UINT64_C(1) << (at % 64));
        acked += take_from_lists(a, f, now);
        if (f->sending == SCTP_ABANDONED)
            tx->abandoned--;
        p2p_sctp_tx_forget(a, f);
    }
    if (sctp_before(tx->forward_tsn, tx->cum_acked))
        tx->forward_tsn = tx->cum_acked;
    return acked;
}

static size_t ack_gap(p2p_sctp *a, uint32_t from, uint32_t to, p2p_time now) {
    sctp_tx *tx = &a->tx;
    size_t acked = 0;
    for (uint64_t left = (uint64_t)(to - from) + 1; left > 0;) {
        size_t at = from & (tx->cap - 1), shift = at % 64;
        size_t span = 64 - shift < left ? 64 - shift : (size_t)left;
        uint64_t mask = (span == 64 ? UINT64_MAX : (UINT64_C(1) << span) - 1) << shift;
        uint64_t news = tx->unacked[at / 64] & mask;
        tx->unacked[at / 64] &= ~mask;
        for (; news != 0; news &= news - 1) {
            sctp_fragment *f = tx->window[(at & ~(size_t)63) + (size_t)__builtin_ctzll(news)];
            acked += take_from_lists(a, f, now);
            f->sending = SCTP_ACKED;
        }
        from += (uint32_t)span;
        left -= span;
    }
    return acked;
}

/* Blocks must rise; AGAIN from the first that does not, for which there is no use. */
static p2p_err ack_gaps(
    p2p_sctp *a, p2p_bytes blocks, uint32_t cum_tsn, size_t *acked, p2p_time now) {
    uint32_t reach = a->tx.next_tsn - 1 - cum_tsn;
    uint32_t last = 0;
    for (size_t i = 0; i + BLOCK <= blocks.len; i += BLOCK) {
        uint32_t from = p2p_load16(blocks.ptr + i), to = p2p_load16(blocks.ptr + i + 2);
        if (to > reach)
            return P2P_ERR_VIOLATION;
        if (from <= last || to < from)
            return P2P_OK;
        *acked += ack_gap(a, cum_tsn + from, cum_tsn + to, now);
        last = to;
    }
    return P2P_OK;
}

/* The peer dropped what it had reported: all reports in gap blocks are worth nothing now. */
static void take_back(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    for (uint32_t tsn = tx->cum_acked + 1; tsn != tx->next_tsn; tsn++) {
        size_t at = tsn & (tx->cap - 1);
        sctp_fragment *f = tx->window[at];
        if (f->sending != SCTP_ACKED)
            continue;
        tx->unacked[at / 64] |= UINT64_C(1) << (at % 64);
        f->sending = SCTP_LOST;
        sctp_list_push(&tx->lost, f);
    }
}

static void finish(p2p_sctp *a, size_t acked, bool progress, p2p_time now) {
    sctp_tx *tx = &a->tx;
    if (tx->cum_acked + 1 != tx->next_tsn &&
        (*sctp_tx_slot(a, tx->cum_acked + 1))->sending == SCTP_ACKED)
        take_back(a);
    p2p_sctp_partial_step(a);
    p2p_sctp_cc_acked(&a->cc, acked, tx->cum_acked, a->loss.min_rtt, a->loss.srtt, now);
    p2p_sctp_loss_acked(a, progress || acked > 0, now);
    p2p_sctp_shutdown_step(a, now);
}

p2p_err p2p_sctp_on_sack(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    if (!sctp_open(a))
        return P2P_OK;
    if (body.len < FIXED)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    uint32_t cum_tsn = p2p_load32(body.ptr);
    size_t blocks = p2p_load16(body.ptr + 8), duplicates = p2p_load16(body.ptr + 10);
    if (body.len < FIXED + BLOCK * (blocks + duplicates))
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    if (sctp_before(cum_tsn, a->tx.cum_acked))
        return P2P_OK; /* overtaken by a newer one */
    if (!sctp_before(cum_tsn, a->tx.next_tsn))
        return p2p_sctp_fail(a, P2P_ERR_VIOLATION, SCTP_CAUSE_PROTOCOL_VIOLATION);
    bool progress = cum_tsn != a->tx.cum_acked;
    a->tx.peer_window = p2p_load32(body.ptr + 4);
    size_t acked = ack_up_to(a, cum_tsn, now);
    p2p_bytes gaps = p2p_bytes_of(body.ptr + FIXED, BLOCK * blocks);
    if (ack_gaps(a, gaps, cum_tsn, &acked, now) != P2P_OK)
        return p2p_sctp_fail(a, P2P_ERR_VIOLATION, SCTP_CAUSE_PROTOCOL_VIOLATION);
    /* Something was sent twice for nothing: packets come later than was thought. */
    if (duplicates > 0 && a->loss.reorder_quarters < MAX_QUARTERS)
        a->loss.reorder_quarters++;
    finish(a, acked, progress, now);
    return P2P_OK;
}

p2p_err p2p_sctp_on_cum_ack(p2p_sctp *a, uint32_t cum_tsn, p2p_time now) {
    if (sctp_before(cum_tsn, a->tx.cum_acked))
        return P2P_OK;
    if (!sctp_before(cum_tsn, a->tx.next_tsn))
        return p2p_sctp_fail(a, P2P_ERR_VIOLATION, SCTP_CAUSE_PROTOCOL_VIOLATION);
    bool progress = cum_tsn != a->tx.cum_acked;
    finish(a, ack_up_to(a, cum_tsn, now), progress, now);
    return P2P_OK;
}
