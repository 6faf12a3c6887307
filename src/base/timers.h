/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Timers of one host: a binary heap of pointers to timers that live in their owners. The host asks
 * for the earliest deadline and runs what is due; nothing here reads a clock.
 */
#ifndef P2P_BASE_TIMERS_H
#define P2P_BASE_TIMERS_H

#include <p2p/base.h>

typedef struct p2p_timer p2p_timer;

struct p2p_timer {
    void (*fire)(p2p_timer *timer, p2p_time now);
    p2p_time when;
    size_t slot; /* 1-based place in the heap; 0: not set */
};

typedef struct p2p_timers {
    const p2p_mem *mem;
    p2p_timer **heap;
    size_t count, cap; /* set timers; entries of the block, whose first is unused */
    size_t expected;   /* timers that may be set: each has a place */
    p2p_time earliest; /* while timers run: no timer is set to an earlier time than this */
} p2p_timers;

void p2p_timers_init(p2p_timers *timers, const p2p_mem *mem);
void p2p_timers_deinit(p2p_timers *timers);

/*
 * Makes room for one more timer, so that setting it cannot fail later. Every owner of a timer calls
 * it once when it is made and p2p_timers_forget once when it goes.
 */
P2P_NODISCARD p2p_err p2p_timers_expect(
    p2p_timers *timers, p2p_timer *timer, void (*fire)(p2p_timer *, p2p_time));
void p2p_timers_forget(p2p_timers *timers, p2p_timer *timer);

/* Sets or moves it; P2P_NEVER clears it. */
void p2p_timer_set(p2p_timers *timers, p2p_timer *timer, p2p_time when);

static inline bool p2p_timer_is_set(const p2p_timer *timer) {
    return timer->slot != 0;
}

/* The earliest deadline, P2P_NEVER if there is none. */
p2p_time p2p_timers_next(const p2p_timers *timers);
/* Fires all that are due at `now`, each cleared before it fires. One that is set to a time <= now
 * meanwhile is set to the nanosecond after it: it fires in a later call. */
void p2p_timers_run(p2p_timers *timers, p2p_time now);

#endif
