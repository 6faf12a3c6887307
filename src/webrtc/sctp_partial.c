/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Partial reliability, the sender's half (RFC 3758, policies of RFC 7496): a message that was sent
 * often enough or has become too old is given up as a whole, and FORWARD TSN tells the peer not to
 * wait for it. A message of which nothing was sent yet just leaves the queue.
 */
#include "webrtc/sctp_assoc.h"

bool p2p_sctp_expired(const p2p_sctp *a, const sctp_fragment *f, p2p_time now) {
    return (f->expires < now || f->sends >= f->max_sends) && a->tx.peer_forward_tsn;
}

void p2p_sctp_drop_message(p2p_sctp *a, sctp_stream *s) {
    bool last = false;
    while (!last) {
        sctp_fragment *f = p2p_sctp_dequeue(a, s);
        last = f->flags & SCTP_END;
        p2p_sctp_tx_forget(a, f);
    }
}

static void give_up(p2p_sctp *a, sctp_fragment *f) {
    sctp_tx *tx = &a->tx;
    if (f->sending == SCTP_IN_FLIGHT) {
        sctp_list_remove(&tx->flight, f);
        tx->in_flight -= f->len;
    } else if (f->sending == SCTP_LOST) {
        sctp_list_remove(&tx->lost, f);
    }
    size_t at = f->tsn & (tx->cap - 1);
    tx->unacked[at / 64] &= ~(UINT64_C(1) << (at % 64));
    if (f->sending != SCTP_ABANDONED)
        tx->abandoned++;
    f->sending = SCTP_ABANDONED;
}

/*
 * The rest of a message that was sent in part. Its end uses up a TSN that is never sent, or the
 * first fragment of the next message would follow directly on one that has no end, which receivers
 * take for a violation.
 */
static void end_unsent(p2p_sctp *a, sctp_stream *s) {
    for (;;) {
        sctp_fragment *f = p2p_sctp_dequeue(a, s);
        if (f->flags & SCTP_END) {
            p2p_sctp_assign_tsn(a, f);
            give_up(a, f);
            return;
        }
        p2p_sctp_tx_forget(a, f);
    }
}

void p2p_sctp_abandon(p2p_sctp *a, sctp_fragment *f) {
    sctp_tx *tx = &a->tx;
    uint32_t tsn = f->tsn;
    while (!((*sctp_tx_slot(a, tsn))->flags & SCTP_BEGIN) && tsn - 1 != tx->cum_acked)
        tsn--;
    for (;; tsn++) {
        if (tsn == tx->next_tsn) {
            end_unsent(a, f->stream);
            break;
        }
        sctp_fragment *part = *sctp_tx_slot(a, tsn);
        give_up(a, part);
        if (part->flags & SCTP_END)
            break;
    }
    p2p_sctp_partial_step(a);
}

void p2p_sctp_partial_step(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    if (tx->abandoned == 0)
        return;
    while (tx->forward_tsn + 1 != tx->next_tsn &&
           (*sctp_tx_slot(a, tx->forward_tsn + 1))->sending == SCTP_ABANDONED) {
        tx->forward_tsn++;
        tx->forward_due = true;
    }
}

typedef struct skip {
    uint16_t stream, ssn;
} skip;

/* The last skipped SSN of each ordered stream; *reach is as far as the room allows to say. */
static size_t list_skips(
    p2p_sctp *a, skip skips[SCTP_FORWARD_STREAMS], size_t room, uint32_t *reach) {
    size_t count = 0;
    uint32_t tsn = a->tx.cum_acked;
    for (; tsn != a->tx.forward_tsn; tsn++) {
        const sctp_fragment *f = *sctp_tx_slot(a, tsn + 1);
        if (f->flags & SCTP_UNORDERED)
            continue;
        size_t i = 0;
        while (i < count && skips[i].stream != f->stream_id)
            i++;
        if (i == room)
            break;
        skips[i] = (skip){f->stream_id, f->ssn};
        count += i == count;
    }
    *reach = tsn;
    return count;
}

void p2p_sctp_partial_write(p2p_sctp *a, p2p_writer *w) {
    sctp_tx *tx = &a->tx;
    size_t fixed = SCTP_CHUNK_HEADER + 4, left = w->cap - w->len;
    if (!tx->forward_due || left < fixed + 4)
        return;
    tx->forward_due = false;
    if (tx->forward_tsn == tx->cum_acked)
        return;
    skip skips[SCTP_FORWARD_STREAMS];
    size_t room = (left - fixed) / 4;
    uint32_t reach;
    size_t count =
        list_skips(a, skips, room < SCTP_FORWARD_STREAMS ? room : SCTP_FORWARD_STREAMS, &reach);
    size_t chunk = p2p_sctp_begin_chunk(w, SCTP_FORWARD_TSN, 0);
    p2p_writer_u32(w, reach);
    for (size_t i = 0; i < count; i++) {
        p2p_writer_u16(w, skips[i].stream);
        p2p_writer_u16(w, skips[i].ssn);
    }
    p2p_sctp_end(w, chunk);
}
