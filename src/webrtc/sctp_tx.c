/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sending side: messages are cut into fragments when they are queued, each in a block of its
 * own that is referred to by the stream's queue, then by the window (indexed by TSN) and the flight
 * or the lost list, and goes back to the pool when acknowledged. A payload is copied once into its
 * block and once into each packet.
 *
 * Without I-DATA the fragments of a message must have consecutive TSNs, so streams take turns by
 * whole messages (RFC 8831 section 6.4). There is no Nagle delay: what is queued goes out when
 * output is pulled.
 */
#include "base/check.h"
#include "base/mem.h"
#include "webrtc/sctp_assoc.h"

void p2p_sctp_tx_start(p2p_sctp *a, const p2p_sctp_init *peer) {
    sctp_tx *tx = &a->tx;
    tx->peer_window = peer->window;
    tx->peer_streams =
        peer->in_streams < a->config.max_streams ? peer->in_streams : a->config.max_streams;
    tx->peer_forward_tsn = peer->forward_tsn;
    tx->peer_reconfig = peer->reconfig;
}

/* Doubles the window. False: it has its largest size, or there is no memory. */
static bool grow_window(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    size_t cap = tx->cap == 0 ? SCTP_WINDOW_FIRST : tx->cap * 2;
    if (cap > SCTP_WINDOW)
        return false;
    sctp_fragment **window = p2p_mem_alloc(a->config.mem, cap * sizeof(sctp_fragment *));
    uint64_t *unacked = p2p_mem_alloc(a->config.mem, cap / 8);
    if (window == NULL || unacked == NULL) {
        p2p_mem_free(a->config.mem, window, cap * sizeof(sctp_fragment *));
        p2p_mem_free(a->config.mem, unacked, cap / 8);
        return false;
    }
    for (uint32_t tsn = tx->cum_acked + 1; tsn != tx->next_tsn; tsn++) {
        size_t old = tsn & (tx->cap - 1), at = tsn & (cap - 1);
        window[at] = tx->window[old];
        unacked[at / 64] |= (tx->unacked[old / 64] >> (old % 64) & 1) << (at % 64);
    }
    p2p_mem_free(a->config.mem, tx->window, tx->cap * sizeof(sctp_fragment *));
    p2p_mem_free(a->config.mem, tx->unacked, tx->cap / 8);
    tx->window = window;
    tx->unacked = unacked;
    tx->cap = cap;
    return true;
}

void p2p_sctp_tx_trim(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    if (!sctp_tx_empty(a))
        return;
    p2p_mem_free(a->config.mem, tx->window, tx->cap * sizeof(sctp_fragment *));
    p2p_mem_free(a->config.mem, tx->unacked, tx->cap / 8);
    tx->window = NULL;
    tx->unacked = NULL;
    tx->cap = 0;
}

static void free_list(p2p_sctp *a, sctp_fragment *f) {
    while (f != NULL) {
        sctp_fragment *next = f->next;
        p2p_sctp_give(a, f);
        f = next;
    }
}

void p2p_sctp_tx_deinit(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    for (uint32_t tsn = tx->cum_acked + 1; tx->cap > 0 && tsn != tx->next_tsn; tsn++)
        p2p_sctp_give(a, *sctp_tx_slot(a, tsn));
    for (size_t i = 0; i < a->streams.cap; i++) {
        if (a->streams.slots[i] != NULL)
            free_list(a, a->streams.slots[i]->queue.head);
    }
    p2p_mem_free(a->config.mem, tx->window, tx->cap * sizeof(sctp_fragment *));
    p2p_mem_free(a->config.mem, tx->unacked, tx->cap / 8);
}

/* --- queueing --- */

static void schedule(sctp_tx *tx, sctp_stream *s) {
    s->scheduled = true;
    s->next_scheduled = NULL;
    if (tx->last_scheduled != NULL)
        tx->last_scheduled->next_scheduled = s;
    else
        tx->first_scheduled = s;
    tx->last_scheduled = s;
}

/* Only the first is ever taken out. */
static void unschedule_first(sctp_tx *tx) {
    sctp_stream *s = tx->first_scheduled;
    tx->first_scheduled = s->next_scheduled;
    if (tx->first_scheduled == NULL)
        tx->last_scheduled = NULL;
    s->scheduled = false;
}

static size_t queue_cost(const p2p_sctp *a, size_t len) {
    size_t tail = len % a->payload;
    size_t cost = len / a->payload * p2p_sctp_fragment_size(a, false);
    return tail == 0 ? cost : cost + p2p_sctp_fragment_size(a, tail <= SCTP_SMALL);
}

static void apply_options(sctp_fragment *f, const p2p_sctp_options *options, p2p_time now) {
    f->expires = P2P_NEVER;
    f->max_sends = UINT32_MAX;
    if (options == NULL)
        return;
    if (options->lifetime > 0 && options->lifetime < P2P_NEVER - now)
        f->expires = now + options->lifetime;
    if (options->limit_retransmits)
        f->max_sends = (uint32_t)options->max_retransmits + 1;
}

/* The message as a list of fragments; nothing is kept when memory runs out. */
static p2p_err cut(p2p_sctp *a, sctp_list *list, sctp_stream *s, uint32_t ppid, p2p_bytes message,
    const p2p_sctp_options *options, p2p_time now) {
    uint8_t unordered = options != NULL && options->unordered ? SCTP_UNORDERED : 0;
    for (size_t at = 0; at < message.len;) {
        size_t len = message.len - at < a->payload ? message.len - at : a->payload;
        sctp_fragment *f = p2p_sctp_take(a, len);
        if (f == NULL) {
            free_list(a, list->head);
            return P2P_ERR_NO_MEMORY;
        }
        apply_options(f, options, now);
        f->stream = s;
        f->stream_id = s->id;
        f->ppid = ppid;
        f->len = (uint16_t)len;
        f->sends = 0;
        f->sending = SCTP_QUEUED;
        f->flags = unordered | (at == 0 ? SCTP_BEGIN : 0);
        memcpy(f->data, message.ptr + at, len);
        sctp_list_push(list, f);
        at += len;
    }
    INVARIANT(list->tail != NULL); /* an empty message is refused before */
    list->tail->flags |= SCTP_END;
    return P2P_OK;
}

static void append(sctp_list *queue, const sctp_list *more) {
    if (queue->tail == NULL) {
        *queue = *more;
        return;
    }
    queue->tail->next = more->head;
    more->head->prev = queue->tail;
    queue->tail = more->tail;
}

p2p_err p2p_sctp_send(p2p_sctp *a, uint16_t stream, uint32_t ppid, p2p_bytes message,
    const p2p_sctp_options *options, p2p_time now) {
    sctp_tx *tx = &a->tx;
    if (a->state != SCTP_ESTABLISHED)
        return P2P_ERR_STATE;
    if (message.len == 0 || stream >= tx->peer_streams)
        return P2P_ERR_INVALID;
    if (message.len > a->config.max_message_out)
        return P2P_ERR_TOO_BIG;
    sctp_stream *s;
    p2p_err err = p2p_sctp_stream_get(a, stream, &s);
    if (err != P2P_OK)
        return err;
    if (s->resetting != SCTP_RESET_NONE)
        return P2P_ERR_STATE;
    size_t cost = queue_cost(a, message.len);
    if (tx->memory > 0 && tx->memory + cost > a->config.send_buffer) {
        if (!s->blocked) {
            s->blocked = true;
            s->next_blocked = tx->blocked;
            tx->blocked = s;
        }
        return P2P_ERR_AGAIN;
    }
    if (tx->cap == 0 && !grow_window(a))
        return P2P_ERR_NO_MEMORY;
    sctp_list list = {NULL, NULL};
    err = cut(a, &list, s, ppid, message, options, now);
    if (err != P2P_OK)
        return err;
    append(&s->queue, &list);
    tx->memory += cost;
    s->buffered += message.len;
    if (!s->scheduled)
        schedule(tx, s);
    a->trim_at = P2P_NEVER;
    return P2P_OK;
}

/* --- writing packets --- */

sctp_fragment *p2p_sctp_dequeue(p2p_sctp *a, sctp_stream *s) {
    sctp_tx *tx = &a->tx;
    INVARIANT(s == tx->first_scheduled);
    sctp_fragment *f = s->queue.head;
    sctp_list_remove(&s->queue, f);
    if (f->flags & SCTP_END) {
        unschedule_first(tx);
        if (s->queue.head != NULL)
            schedule(tx, s);
        else if (s->resetting == SCTP_RESET_WANTED)
            p2p_sctp_reset_ready(a, s);
    }
    return f;
}

/* A closed window is probed, with pauses (RFC 9260 section 6.1 A): the timer lets one packet pass.
 */
static void await_window(p2p_sctp *a, p2p_time now) {
    if (a->loss.rto_at == P2P_NEVER)
        a->loss.rto_at = now + p2p_sctp_rto(a);
}

/* Whether the congestion window and the peer's window have room. */
static bool may_send(p2p_sctp *a, const sctp_fragment *f, p2p_time now) {
    size_t in_flight = a->tx.in_flight;
    if (a->loss.push)
        return true;
    if (in_flight > 0 && in_flight + f->len > a->cc.cwnd) {
        a->cc.limited = true;
        a->tx.immediate = true;
        return false;
    }
    if (f->sending == SCTP_QUEUED && in_flight + f->len > a->tx.peer_window) {
        a->tx.immediate = true;
        await_window(a, now);
        return false;
    }
    return true;
}

static bool fits(const sctp_fragment *f, const p2p_writer *w) {
    return SCTP_DATA_HEADER + sctp_padded(f->len) <= w->cap - w->len;
}

/* The lost fragment to send next, with those given up on the way put aside. */
static sctp_fragment *next_lost(p2p_sctp *a, const p2p_writer *w, p2p_time now) {
    for (;;) {
        sctp_fragment *f = a->tx.lost.head;
        if (f == NULL)
            return NULL;
        if (!p2p_sctp_expired(a, f, now)) {
            if (!fits(f, w) || !may_send(a, f, now))
                return NULL;
            sctp_list_remove(&a->tx.lost, f);
            a->tx.retransmitted++;
            return f;
        }
        p2p_sctp_abandon(a, f);
    }
}

void p2p_sctp_assign_tsn(p2p_sctp *a, sctp_fragment *f) {
    sctp_tx *tx = &a->tx;
    sctp_stream *s = f->stream;
    f->tsn = tx->next_tsn++;
    f->ssn = f->flags & SCTP_UNORDERED ? 0 : s->ssn_out;
    if ((f->flags & (SCTP_END | SCTP_UNORDERED)) == SCTP_END)
        s->ssn_out++;
    s->outstanding++;
    size_t at = f->tsn & (tx->cap - 1);
    tx->window[at] = f;
    tx->unacked[at / 64] |= UINT64_C(1) << (at % 64);
}

/* The head of the first stream's queue, with its TSN. One slot of the window stays free for
 * p2p_sctp_abandon. */
static sctp_fragment *next_new(p2p_sctp *a, const p2p_writer *w, p2p_time now) {
    sctp_tx *tx = &a->tx;
    for (;;) {
        sctp_stream *s = tx->first_scheduled;
        if (s == NULL)
            return NULL;
        sctp_fragment *f = s->queue.head;
        if ((f->flags & SCTP_BEGIN) && p2p_sctp_expired(a, f, now)) {
            p2p_sctp_drop_message(a, s);
            continue;
        }
        if (!fits(f, w) || !may_send(a, f, now))
            return NULL;
        if (tx->next_tsn - tx->cum_acked > tx->cap - 1 && !grow_window(a))
            return NULL;
        p2p_sctp_dequeue(a, s);
        p2p_sctp_assign_tsn(a, f);
        return f;
    }
}

static void write_chunk(p2p_writer *w, const sctp_fragment *f) {
    uint8_t *p = w->base + w->len;
    p[0] = SCTP_DATA;
    p[1] = f->flags;
    p2p_store16(p + 2, (uint16_t)(SCTP_DATA_HEADER + f->len));
    p2p_store32(p + 4, f->tsn);
    p2p_store16(p + 8, f->stream_id);
    p2p_store16(p + 10, f->ssn);
    p2p_store32(p + 12, f->ppid);
    size_t padded = sctp_padded(f->len);
    memcpy(p + SCTP_DATA_HEADER, f->data, f->len);
    for (size_t i = f->len; i < padded; i++)
        p[SCTP_DATA_HEADER + i] = 0;
    w->len += SCTP_DATA_HEADER + padded;
}

void p2p_sctp_tx_write(p2p_sctp *a, p2p_writer *w, p2p_time now) {
    sctp_tx *tx = &a->tx;
    uint8_t *last = NULL;
    bool idle = tx->flight.head == NULL;
    tx->immediate = false;
    for (;;) {
        sctp_fragment *f = next_lost(a, w, now);
        if (f == NULL && tx->lost.head == NULL)
            f = next_new(a, w, now);
        if (f == NULL)
            break;
        last = w->base + w->len;
        write_chunk(w, f);
        f->sending = SCTP_IN_FLIGHT;
        f->sent_at = now;
        if (f->sends < UINT16_MAX)
            f->sends++;
        tx->in_flight += f->len;
        sctp_list_push(&tx->flight, f);
    }
    if (last == NULL)
        return;
    /* RFC 7053: whoever is stopped by a window wants to hear soon, not after the peer's delay. */
    if (tx->immediate || tx->blocked != NULL || a->state != SCTP_ESTABLISHED)
        last[1] |= SCTP_IMMEDIATE;
    a->loss.push = false;
    if (idle)
        a->loss.rto_at = P2P_NEVER;
    p2p_sctp_loss_sent(a, now);
}

/* --- after acknowledgement --- */

void p2p_sctp_tx_forget(p2p_sctp *a, sctp_fragment *f) {
    sctp_tx *tx = &a->tx;
    sctp_stream *s = f->stream;
    size_t before = s->buffered;
    s->buffered -= f->len;
    tx->memory -= p2p_sctp_fragment_size(a, f->small);
    if (before > s->low_water && s->buffered <= s->low_water && !s->waking) {
        s->waking = true;
        s->next_waking = tx->waking;
        tx->waking = s;
    }
    if (f->sending != SCTP_QUEUED) {
        s->outstanding--;
        p2p_sctp_stream_settle(a, s);
    }
    p2p_sctp_give(a, f);
}

/* Waits for a quarter of the buffer, so that the waiting streams are not woken for every packet. */
static void wake_blocked(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    if (tx->memory > a->config.send_buffer / 4 * 3)
        return;
    while (tx->blocked != NULL) {
        sctp_stream *s = tx->blocked;
        tx->blocked = s->next_blocked;
        s->blocked = false;
        if (!s->waking) {
            s->waking = true;
            s->next_waking = tx->waking;
            tx->waking = s;
        }
    }
}

void p2p_sctp_tx_wake(p2p_sctp *a) {
    sctp_tx *tx = &a->tx;
    if (tx->blocked != NULL)
        wake_blocked(a);
    while (tx->waking != NULL) {
        sctp_stream *s = tx->waking;
        tx->waking = s->next_waking;
        s->waking = false;
        if (s->resetting == SCTP_RESET_NONE && a->state == SCTP_ESTABLISHED)
            a->config.events->writable(a->config.ctx, s->id, s->user);
        p2p_sctp_stream_settle(a, s);
    }
}

size_t p2p_sctp_buffered(const p2p_sctp *a, uint16_t stream) {
    const sctp_stream *s = p2p_sctp_stream_look(a, stream);
    return s == NULL ? 0 : s->buffered;
}

p2p_err p2p_sctp_set_low_water(p2p_sctp *a, uint16_t stream, size_t bytes) {
    sctp_stream *s;
    p2p_err err = p2p_sctp_stream_get(a, stream, &s);
    if (err == P2P_OK)
        s->low_water = bytes;
    return err;
}
