/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Putting chunks in order, stream by stream (RFC 9260 section 6.5 and 6.6). An ordered chunk that
 * is next on its stream is delivered from the packet itself, without a copy; one that came early is
 * stored. Two things find it again in constant time: the ring, by TSN, for the next fragment of a
 * message, and a hash of first fragments, by stream and SSN, for the next message. Unordered
 * fragments are delivered when their whole message is there: each run of neighbours knows its other
 * end, so that joining two runs never walks.
 */
#include "base/check.h"
#include "base/mem.h"
#include "webrtc/sctp_assoc.h"

enum { BUCKETS = 512 };

static sctp_fragment **bucket(const p2p_sctp *a, uint16_t stream, uint16_t ssn) {
    uint32_t mixed = (((uint32_t)stream << 16 | ssn) ^ a->streams.seed) * UINT32_C(0x9e3779b1);
    return &a->rx.begins[mixed >> 16 & (BUCKETS - 1)];
}

void p2p_sctp_begins_deinit(p2p_sctp *a) {
    p2p_mem_free(a->config.mem, a->rx.begins, BUCKETS * sizeof(sctp_fragment *));
    a->rx.begins = NULL;
}

static sctp_fragment *find_begin(const p2p_sctp *a, uint16_t stream, uint16_t ssn) {
    if (a->rx.begins == NULL)
        return NULL;
    sctp_fragment *f = *bucket(a, stream, ssn);
    while (f != NULL && (f->stream_id != stream || f->ssn != ssn))
        f = f->next;
    return f;
}

static bool hashed(const sctp_fragment *f) {
    return (f->flags & (SCTP_BEGIN | SCTP_UNORDERED)) == SCTP_BEGIN;
}

/* Out of the ring and the hash, but not yet freed. */
static void detach(p2p_sctp *a, sctp_fragment *f) {
    INVARIANT(f != NULL);
    if (hashed(f)) {
        sctp_fragment **at = bucket(a, f->stream_id, f->ssn);
        while (*at != f)
            at = &(*at)->next;
        *at = f->next;
    }
    a->rx.slots[f->tsn & (a->rx.cap - 1)] = NULL;
    a->rx.stored -= p2p_sctp_fragment_size(a, f->small);
}

static void unstore(p2p_sctp *a, sctp_fragment *f) {
    detach(a, f);
    p2p_sctp_give(a, f);
}

/* AGAIN when there is no room: the chunk is dropped as if it had been lost. What comes next in line
 * is taken even then, or a buffer full of later fragments would never empty. */
static p2p_err store(p2p_sctp *a, const sctp_data *data, sctp_fragment **out) {
    sctp_rx *rx = &a->rx;
    size_t size = p2p_sctp_fragment_size(a, data->bytes.len <= SCTP_SMALL);
    bool full = rx->stored + size > a->config.receive_buffer;
    if ((full && data->tsn != rx->cum_tsn + 1) || data->bytes.len > a->block)
        return P2P_ERR_AGAIN;
    if (p2p_sctp_rx_reserve(a, data->tsn - rx->cum_tsn) != P2P_OK)
        return P2P_ERR_AGAIN;
    if (rx->begins == NULL)
        rx->begins = p2p_mem_alloc(a->config.mem, BUCKETS * sizeof(sctp_fragment *));
    sctp_fragment *f = rx->begins == NULL ? NULL : p2p_sctp_take(a, data->bytes.len);
    if (f == NULL)
        return P2P_ERR_AGAIN;
    f->tsn = f->run_other = data->tsn;
    f->run_bytes = (uint32_t)data->bytes.len;
    f->stream_id = data->stream;
    f->ssn = data->ssn;
    f->ppid = data->ppid;
    f->flags = data->flags;
    f->len = (uint16_t)data->bytes.len;
    memcpy(f->data, data->bytes.ptr, data->bytes.len);
    rx->slots[f->tsn & (rx->cap - 1)] = f;
    rx->stored += size;
    if (hashed(f)) {
        sctp_fragment **at = bucket(a, f->stream_id, f->ssn);
        f->next = *at;
        *at = f;
    }
    *out = f;
    return P2P_OK;
}

/* --- ordered --- */

static p2p_err deliver(p2p_sctp *a, sctp_stream *s, const sctp_data *data) {
    bool first = data->flags & SCTP_BEGIN, last = data->flags & SCTP_END;
    if (first) {
        s->message_len = 0;
        s->message_ppid = data->ppid;
    }
    s->message_len += data->bytes.len;
    if (s->message_len > a->config.max_message_in)
        return P2P_ERR_TOO_BIG;
    s->in_message = !last;
    s->next_tsn = data->tsn + 1;
    if (last)
        s->ssn_in++;
    p2p_sctp_piece piece = {.stream = s->id,
        .first = first,
        .last = last,
        .ppid = s->message_ppid,
        .bytes = data->bytes,
        .user = s->user};
    a->config.events->piece(a->config.ctx, &piece);
    return P2P_OK;
}

static void abandon_message(p2p_sctp *a, sctp_stream *s) {
    if (!s->in_message)
        return;
    s->in_message = false;
    p2p_sctp_piece piece = {
        .stream = s->id, .last = true, .abandoned = true, .ppid = s->message_ppid, .user = s->user};
    a->config.events->piece(a->config.ctx, &piece);
}

/* Delivers what is stored and now next. */
static p2p_err follow(p2p_sctp *a, sctp_stream *s) {
    while (a->rx.stored > 0 && a->state != SCTP_DEAD) {
        sctp_fragment *f =
            s->in_message ? sctp_rx_stored(a, s->next_tsn) : find_begin(a, s->id, s->ssn_in);
        if (f == NULL)
            return P2P_OK;
        if (s->in_message && (f->stream_id != s->id || f->flags & (SCTP_UNORDERED | SCTP_BEGIN)))
            return P2P_ERR_VIOLATION;
        detach(a, f);
        sctp_data data = {.tsn = f->tsn,
            .ppid = f->ppid,
            .flags = f->flags,
            .bytes = p2p_bytes_of(f->data, f->len)};
        p2p_err err = deliver(a, s, &data);
        p2p_sctp_give(a, f);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static p2p_err ordered(p2p_sctp *a, sctp_stream *s, const sctp_data *data) {
    bool begins = data->flags & SCTP_BEGIN;
    bool next = s->in_message ? data->tsn == s->next_tsn : begins && data->ssn == s->ssn_in;
    if (next) {
        if (s->in_message && (begins || data->ssn != s->ssn_in))
            return P2P_ERR_VIOLATION;
        p2p_err err = deliver(a, s, data);
        return err == P2P_OK ? follow(a, s) : err;
    }
    if (begins &&
        (sctp_ssn_before(data->ssn, s->ssn_in) || find_begin(a, s->id, data->ssn) != NULL))
        return P2P_ERR_VIOLATION;
    sctp_fragment *f;
    return store(a, data, &f);
}

/* --- unordered --- */

static void deliver_unordered(p2p_sctp *a, sctp_stream *s, const sctp_data *data) {
    p2p_sctp_piece piece = {.stream = s->id,
        .unordered = true,
        .first = data->flags & SCTP_BEGIN,
        .last = data->flags & SCTP_END,
        .ppid = data->ppid,
        .bytes = data->bytes,
        .user = s->user};
    a->config.events->piece(a->config.ctx, &piece);
}

static sctp_fragment *neighbour(const p2p_sctp *a, const sctp_fragment *f, uint32_t tsn) {
    sctp_fragment *other = sctp_rx_stored(a, tsn);
    bool same =
        other != NULL && other->stream_id == f->stream_id && (other->flags & SCTP_UNORDERED) != 0;
    return same ? other : NULL;
}

/* Joins f with the runs on its two sides; the first and last fragment of the whole. */
static void join(const p2p_sctp *a, sctp_fragment *f, sctp_fragment **first, sctp_fragment **last) {
    sctp_fragment *before = f->flags & SCTP_BEGIN ? NULL : neighbour(a, f, f->tsn - 1);
    sctp_fragment *after = f->flags & SCTP_END ? NULL : neighbour(a, f, f->tsn + 1);
    *first = *last = f;
    if (before != NULL && !(before->flags & SCTP_END))
        *first = sctp_rx_stored(a, before->run_other);
    if (after != NULL && !(after->flags & SCTP_BEGIN))
        *last = sctp_rx_stored(a, after->run_other);
    INVARIANT(*first != NULL && *last != NULL);
    uint32_t bytes = f->len;
    if (*first != f)
        bytes += (*first)->run_bytes;
    if (*last != f)
        bytes += after->run_bytes;
    (*first)->run_bytes = bytes;
    (*first)->run_other = (*last)->tsn;
    (*last)->run_other = (*first)->tsn;
}

static p2p_err unordered(p2p_sctp *a, sctp_stream *s, const sctp_data *data) {
    uint8_t whole = SCTP_BEGIN | SCTP_END;
    if (data->bytes.len > a->config.max_message_in)
        return P2P_ERR_TOO_BIG;
    if ((data->flags & whole) == whole) {
        deliver_unordered(a, s, data);
        return P2P_OK;
    }
    sctp_fragment *f, *first, *last;
    p2p_err err = store(a, data, &f);
    if (err != P2P_OK)
        return err;
    join(a, f, &first, &last);
    uint32_t end = last->tsn;
    if (first->run_bytes > a->config.max_message_in || end - first->tsn >= SCTP_WINDOW / 2)
        return P2P_ERR_TOO_BIG;
    if (!(first->flags & SCTP_BEGIN) || !(last->flags & SCTP_END))
        return P2P_OK;
    for (uint32_t tsn = first->tsn; tsn != end + 1 && a->state != SCTP_DEAD; tsn++) {
        f = sctp_rx_stored(a, tsn);
        detach(a, f);
        sctp_data part = {
            .ppid = f->ppid, .flags = f->flags, .bytes = p2p_bytes_of(f->data, f->len)};
        deliver_unordered(a, s, &part);
        p2p_sctp_give(a, f);
    }
    return P2P_OK;
}

p2p_err p2p_sctp_reassemble(p2p_sctp *a, const sctp_data *data) {
    sctp_stream *s;
    p2p_err err = p2p_sctp_stream_get(a, data->stream, &s);
    if (err == P2P_ERR_NO_MEMORY)
        return P2P_ERR_AGAIN;
    if (err != P2P_OK)
        return err;
    /*
     * Data on a stream the peer has reset: it may use the id again once it knows that both
     * directions are reset, which it can before this side does. Until then the chunk counts as
     * lost.
     */
    if (s->peer_reset)
        return s->resetting == SCTP_RESET_ASKED ? P2P_ERR_AGAIN : P2P_OK;
    return data->flags & SCTP_UNORDERED ? unordered(a, s, data) : ordered(a, s, data);
}

/* --- skipping --- */

/* A message that is stored in full, or in part, is delivered as far as it goes. */
p2p_err p2p_sctp_skip_stored(p2p_sctp *a, sctp_fragment *f) {
    sctp_stream *s = p2p_sctp_stream_find(a, f->stream_id);
    if (!hashed(f) || s == NULL || sctp_ssn_before(f->ssn, s->ssn_in)) {
        unstore(a, f);
        return P2P_OK;
    }
    abandon_message(a, s);
    s->ssn_in = f->ssn;
    return follow(a, s);
}

p2p_err p2p_sctp_skip_stream(p2p_sctp *a, uint16_t stream, uint16_t ssn) {
    sctp_stream *s;
    p2p_err err = p2p_sctp_stream_get(a, stream, &s);
    if (err != P2P_OK)
        return err;
    if (s->peer_reset || sctp_ssn_before(ssn, s->ssn_in))
        return P2P_OK;
    abandon_message(a, s);
    s->ssn_in = (uint16_t)(ssn + 1);
    return follow(a, s);
}

void p2p_sctp_restart_stream(p2p_sctp *a, sctp_stream *s) {
    abandon_message(a, s);
    s->ssn_in = 0;
}
