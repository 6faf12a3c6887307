/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is to happen and when: a heap by time, then by order of asking. The dice and the trace are
 * here, too, since a run repeats by these three.
 */
#include "base/bytes.h"
#include "sim/parts.h"

double world_chance(world *w) {
    return (double)(seeded_random_next(&w->random) >> 11) / 9007199254740992.0;
}

void sim_trace(world *w, uint64_t what) {
    w->trace = (w->trace ^ what) * UINT64_C(1099511628211);
}

void sim_trace_bytes(world *w, p2p_bytes bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.len; at += 8)
        sim_trace(w, p2p_load64(bytes.ptr + at));
    for (; at < bytes.len; at++)
        sim_trace(w, bytes.ptr[at]);
}

static bool before(const happening *a, const happening *b) {
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

happening *sim_schedule(
    world *w, arrival_kind k, p2p_time when, node *at, p2p_socket socket, p2p_bytes data) {
    happening *h = calloc(1, sizeof *h + data.len);
    h->when = when;
    h->order = ++w->next_order;
    h->kind = k;
    h->at = at;
    h->socket = socket;
    h->len = data.len;
    p2p_copy(h->data, data.ptr, data.len);
    if (w->heap_len == w->heap_cap) {
        w->heap_cap = w->heap_cap == 0 ? 64 : w->heap_cap * 2;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        w->heap = realloc(w->heap, w->heap_cap * sizeof w->heap[0]);
    }
    size_t slot = w->heap_len++;
    for (; slot > 0 && before(h, w->heap[(slot - 1) / 2]); slot = (slot - 1) / 2)
        w->heap[slot] = w->heap[(slot - 1) / 2];
    w->heap[slot] = h;
    return h;
}

happening *sim_pop(world *w) {
    happening *first = w->heap[0], *last = w->heap[--w->heap_len];
    size_t slot = 0, child;
    while ((child = 2 * slot + 1) < w->heap_len) {
        if (child + 1 < w->heap_len && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], last))
            break;
        w->heap[slot] = w->heap[child];
        slot = child;
    }
    w->heap[slot] = last;
    return first;
}
