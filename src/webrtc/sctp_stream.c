/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The streams that are in use, found by id. There may be 65 535 ids but only max_live streams at a
 * time, so this is a hash table with linear probing that grows with use; ids are peer-chosen, hence
 * the seed.
 */
#include "base/check.h"
#include "base/mem.h"
#include "webrtc/sctp_assoc.h"

enum { FIRST_CAP = 16 };

static size_t home(const sctp_streams *streams, uint16_t id) {
    uint32_t mixed = (id ^ streams->seed) * UINT32_C(0x9e3779b1);
    return (mixed ^ mixed >> 15) & (streams->cap - 1);
}

static sctp_stream *find(const sctp_streams *streams, uint16_t id) {
    if (streams->cap == 0)
        return NULL;
    for (size_t at = home(streams, id);; at = (at + 1) & (streams->cap - 1)) {
        sctp_stream *s = streams->slots[at];
        if (s == NULL || s->id == id)
            return s;
    }
}

const sctp_stream *p2p_sctp_stream_look(const p2p_sctp *a, uint16_t id) {
    return find(&a->streams, id);
}

sctp_stream *p2p_sctp_stream_find(p2p_sctp *a, uint16_t id) {
    sctp_streams *streams = &a->streams;
    if (streams->last != NULL && streams->last->id == id)
        return streams->last;
    sctp_stream *s = find(streams, id);
    if (s != NULL)
        streams->last = s;
    return s;
}

static void place(sctp_streams *streams, sctp_stream *s) {
    size_t at = home(streams, s->id);
    while (streams->slots[at] != NULL)
        at = (at + 1) & (streams->cap - 1);
    streams->slots[at] = s;
}

static p2p_err grow(p2p_sctp *a) {
    sctp_streams *streams = &a->streams;
    size_t old_cap = streams->cap;
    sctp_stream **old = streams->slots;
    size_t cap = old_cap == 0 ? FIRST_CAP : old_cap * 2;
    sctp_stream **slots = p2p_mem_alloc(a->config.mem, cap * sizeof(sctp_stream *));
    if (slots == NULL)
        return P2P_ERR_NO_MEMORY;
    streams->slots = slots;
    streams->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i] != NULL)
            place(streams, old[i]);
    }
    p2p_mem_free(a->config.mem, old, old_cap * sizeof(sctp_stream *));
    return P2P_OK;
}

p2p_err p2p_sctp_stream_get(p2p_sctp *a, uint16_t id, sctp_stream **out) {
    sctp_stream *s = p2p_sctp_stream_find(a, id);
    *out = s;
    if (s != NULL)
        return P2P_OK;
    if (a->streams.count >= a->config.max_live)
        return P2P_ERR_LIMIT;
    if (a->streams.count * 2 >= a->streams.cap) {
        p2p_err err = grow(a);
        if (err != P2P_OK)
            return err;
    }
    s = p2p_mem_alloc(a->config.mem, sizeof *s);
    if (s == NULL)
        return P2P_ERR_NO_MEMORY;
    s->id = id;
    place(&a->streams, s);
    a->streams.count++;
    a->streams.last = s;
    *out = s;
    return P2P_OK;
}

/* Closes the hole by moving back what had been pushed behind it. */
static void take_out(sctp_streams *streams, const sctp_stream *s) {
    size_t mask = streams->cap - 1;
    size_t hole = home(streams, s->id);
    while (streams->slots[hole] != s)
        hole = (hole + 1) & mask;
    for (size_t at = (hole + 1) & mask; streams->slots[at] != NULL; at = (at + 1) & mask) {
        size_t wanted = home(streams, streams->slots[at]->id);
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            streams->slots[hole] = streams->slots[at];
            hole = at;
        }
    }
    streams->slots[hole] = NULL;
    streams->count--;
    if (streams->last == s)
        streams->last = NULL;
}

void p2p_sctp_stream_settle(p2p_sctp *a, sctp_stream *s) {
    if (s->resetting != SCTP_RESET_DONE || !s->peer_reset || s->outstanding > 0 || s->blocked ||
        s->waking)
        return;
    INVARIANT(s->queue.head == NULL && !s->scheduled);
    uint16_t id = s->id;
    void *user = s->user;
    take_out(&a->streams, s);
    p2p_mem_free(a->config.mem, s, sizeof *s);
    a->config.events->released(a->config.ctx, id, user, P2P_OK);
}

void p2p_sctp_streams_deinit(p2p_sctp *a) {
    for (size_t i = 0; i < a->streams.cap; i++) {
        if (a->streams.slots[i] != NULL)
            p2p_mem_free(a->config.mem, a->streams.slots[i], sizeof(sctp_stream));
    }
    p2p_mem_free(a->config.mem, a->streams.slots, a->streams.cap * sizeof(sctp_stream *));
}
