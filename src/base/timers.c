/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * `expected` timers hold a place in the block whether set or not; so the heap never grows in
 * p2p_timer_set, which is called from paths that have no way to report a failure.
 */
#include "base/timers.h"

#include "base/check.h"
#include "base/mem.h"

enum { HEAP_FIRST = 16 };

void p2p_timers_init(p2p_timers *timers, const p2p_mem *mem) {
    *timers = (p2p_timers){.mem = mem};
}

void p2p_timers_deinit(p2p_timers *timers) {
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    p2p_mem_free(timers->mem, timers->heap, timers->cap * sizeof(timers->heap[0]));
    p2p_timers_init(timers, timers->mem);
}

p2p_err p2p_timers_expect(
    p2p_timers *timers, p2p_timer *timer, void (*fire)(p2p_timer *, p2p_time)) {
    if (timers->expected + 2 > timers->cap) {
        size_t cap = timers->cap == 0 ? HEAP_FIRST : timers->cap * 2;
        p2p_timer **heap = p2p_mem_resize(
            /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
            timers->mem, timers->heap, timers->cap * sizeof(heap[0]), cap * sizeof(heap[0]));
        if (heap == NULL)
            return P2P_ERR_NO_MEMORY;
        timers->heap = heap;
        timers->cap = cap;
    }
    timers->expected++;
    *timer = (p2p_timer){.fire = fire, .when = P2P_NEVER};
    return P2P_OK;
}

static void place(p2p_timers *timers, size_t slot, p2p_timer *timer) {
    timers->heap[slot] = timer;
    timer->slot = slot;
}

static void sift_up(p2p_timers *timers, size_t slot, p2p_timer *timer) {
    while (slot > 1 && timers->heap[slot / 2]->when > timer->when) {
        place(timers, slot, timers->heap[slot / 2]);
        slot /= 2;
    }
    place(timers, slot, timer);
}

static void sift_down(p2p_timers *timers, size_t slot, p2p_timer *timer) {
    for (size_t child; (child = 2 * slot) <= timers->count; slot = child) {
        if (child < timers->count && timers->heap[child + 1]->when < timers->heap[child]->when)
            child++;
        if (timers->heap[child]->when >= timer->when)
            break;
        place(timers, slot, timers->heap[child]);
    }
    place(timers, slot, timer);
}

static void clear(p2p_timers *timers, p2p_timer *timer) {
    size_t slot = timer->slot;
    p2p_timer *last = timers->heap[timers->count--];
    timer->slot = 0;
    timer->when = P2P_NEVER;
    if (last == timer)
        return;
    if (slot > 1 && timers->heap[slot / 2]->when > last->when)
        sift_up(timers, slot, last);
    else
        sift_down(timers, slot, last);
}

void p2p_timer_set(p2p_timers *timers, p2p_timer *timer, p2p_time when) {
    if (when < timers->earliest)
        when = timers->earliest;
    if (timer->when == when)
        return;
    INVARIANT(timer->fire != NULL);
    if (timer->slot != 0)
        clear(timers, timer);
    if (when == P2P_NEVER)
        return;
    timer->when = when;
    sift_up(timers, ++timers->count, timer);
}

void p2p_timers_forget(p2p_timers *timers, p2p_timer *timer) {
    if (timer->fire == NULL)
        return; /* never expected: its owner failed half-way */
    p2p_timer_set(timers, timer, P2P_NEVER);
    timers->expected--;
    timer->fire = NULL;
}

p2p_time p2p_timers_next(const p2p_timers *timers) {
    return timers->count == 0 ? P2P_NEVER : timers->heap[1]->when;
}

void p2p_timers_run(p2p_timers *timers, p2p_time now) {
    /* Without this bound a timer that sets itself into the past would fire for ever, or in the
     * place of another that is due. */
    timers->earliest = now + 1;
    while (timers->count > 0 && timers->heap[1]->when <= now) {
        p2p_timer *timer = timers->heap[1];
        clear(timers, timer);
        timer->fire(timer, now);
    }
    timers->earliest = 0;
}
