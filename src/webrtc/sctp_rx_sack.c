/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Writing acknowledgements (RFC 9260 section 6.2). One is due after every second packet, at once
 * when there is a gap or a duplicate, and after a delay otherwise; being made only when output is
 * pulled, one covers a whole batch of packets.
 */
#include "webrtc/sctp_assoc.h"

bool p2p_sctp_rx_sack_due(const p2p_sctp *a) {
    const sctp_rx *rx = &a->rx;
    if (!sctp_open(a))
        return false;
    if (rx->sack_now || rx->unacked_packets >= a->config.ack_every)
        return true;
    /* It rides for free on data that goes out anyway. */
    bool data = a->tx.lost.head != NULL || a->tx.first_scheduled != NULL;
    return rx->unacked_packets > 0 && data && a->tx.in_flight < a->cc.cwnd;
}

/* The first TSN from `tsn` on, up to one past the highest, whose bit is `set`. */
static uint32_t scan(const sctp_rx *rx, uint32_t tsn, bool set) {
    while (!sctp_before(rx->high_tsn, tsn)) {
        size_t at = tsn & (rx->cap - 1), shift = at % 64;
        uint64_t word = set ? rx->received[at / 64] : ~rx->received[at / 64];
        word >>= shift;
        if (word != 0) {
            tsn += (uint32_t)__builtin_ctzll(word);
            break;
        }
        tsn += (uint32_t)(64 - shift);
    }
    return sctp_before(rx->high_tsn, tsn) ? rx->high_tsn + 1 : tsn;
}

static uint16_t write_gaps(const sctp_rx *rx, p2p_writer *w, size_t room) {
    uint16_t count = 0;
    uint32_t tsn = rx->cum_tsn + 1;
    for (; room >= 4 && rx->cum_tsn != rx->high_tsn; room -= 4) {
        uint32_t from = scan(rx, tsn, true);
        if (sctp_before(rx->high_tsn, from))
            break;
        tsn = scan(rx, from, false);
        p2p_writer_u16(w, (uint16_t)(from - rx->cum_tsn));
        p2p_writer_u16(w, (uint16_t)(tsn - 1 - rx->cum_tsn));
        count++;
    }
    return count;
}

void p2p_sctp_rx_write_sack(p2p_sctp *a, p2p_writer *w) {
    sctp_rx *rx = &a->rx;
    size_t fixed = SCTP_CHUNK_HEADER + 12, left = w->cap - w->len;
    if (left < fixed + 4 * (size_t)SCTP_DUPLICATES)
        return;
    size_t chunk = p2p_sctp_begin_chunk(w, SCTP_SACK, 0);
    rx->window_told = p2p_sctp_rx_window(a);
    p2p_writer_u32(w, rx->cum_tsn);
    p2p_writer_u32(w, rx->window_told);
    p2p_writer_u16(w, 0);
    p2p_writer_u16(w, (uint16_t)rx->duplicate_count);
    uint16_t gaps = write_gaps(rx, w, left - fixed - 4 * (size_t)rx->duplicate_count);
    p2p_store16(w->base + chunk + 12, gaps);
    for (unsigned i = 0; i < rx->duplicate_count; i++)
        p2p_writer_u32(w, rx->duplicates[i]);
    p2p_sctp_end(w, chunk);
    rx->duplicate_count = 0;
    rx->unacked_packets = 0;
    rx->sack_now = false;
    rx->sack_at = P2P_NEVER;
}
