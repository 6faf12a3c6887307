/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/timers.h"

#include "support/check.h"

enum { MANY = 200 };

typedef struct probe {
    p2p_timer timer;
    p2p_timers *timers;
    size_t fired;
    p2p_time fired_at;
    p2p_time again; /* set itself to this when it fires; 0: no */
} probe;

static size_t order[MANY * 4], order_len;
static probe probes[MANY];

static void fire(p2p_timer *timer, p2p_time now) {
    probe *p = (probe *)(void *)timer;
    check(!p2p_timer_is_set(timer));
    p->fired++;
    p->fired_at = now;
    if (order_len < sizeof order / sizeof order[0])
        order[order_len++] = (size_t)(p - probes);
    if (p->again > 0)
        p2p_timer_set(p->timers, timer, p->again);
}

static void start(p2p_timers *timers, faulty_mem *mem, size_t count) {
    faulty_mem_init(mem);
    memset(probes, 0, sizeof probes);
    order_len = 0;
    p2p_timers_init(timers, &mem->mem);
    for (size_t i = 0; i < count; i++) {
        probes[i].timers = timers;
        check_ok(p2p_timers_expect(timers, &probes[i].timer, fire));
    }
}

static void stop(p2p_timers *timers, faulty_mem *mem, size_t count) {
    for (size_t i = 0; i < count; i++)
        p2p_timers_forget(timers, &probes[i].timer);
    check(timers->expected == 0 && timers->count == 0);
    p2p_timers_deinit(timers);
    check(mem->live_blocks == 0);
}

static void timers_fire_in_order_of_time_whatever_the_order_of_setting(void **state) {
    (void)state;
    p2p_timers timers;
    faulty_mem mem;
    seeded_random random;
    seeded_random_init(&random, 3);
    start(&timers, &mem, MANY);
    for (size_t round = 0; round < 20; round++) {
        p2p_time when[MANY];
        for (size_t i = 0; i < MANY; i++) {
            when[i] = 1 + seeded_random_next(&random) % 1000;
            p2p_timer_set(&timers, &probes[i].timer, when[i]);
        }
        for (size_t i = 0; i < MANY; i += 3) { /* moved, and some cleared */
            when[i] = i % 2 == 0 ? 1 + seeded_random_next(&random) % 1000 : P2P_NEVER;
            p2p_timer_set(&timers, &probes[i].timer, when[i]);
        }
        order_len = 0;
        for (p2p_time next; (next = p2p_timers_next(&timers)) != P2P_NEVER;)
            p2p_timers_run(&timers, next);
        size_t expected = 0;
        for (size_t i = 0; i < MANY; i++)
            expected += when[i] != P2P_NEVER;
        check(order_len == expected);
        for (size_t i = 1; i < order_len; i++)
            check(when[order[i - 1]] <= when[order[i]]);
    }
    stop(&timers, &mem, MANY);
}

static void only_what_is_due_fires(void **state) {
    (void)state;
    p2p_timers timers;
    faulty_mem mem;
    start(&timers, &mem, 2);
    p2p_timer_set(&timers, &probes[0].timer, 10);
    p2p_timer_set(&timers, &probes[1].timer, 11);
    check(p2p_timers_next(&timers) == 10);
    p2p_timers_run(&timers, 9);
    check(probes[0].fired == 0);
    p2p_timers_run(&timers, 10);
    check(probes[0].fired == 1 && probes[1].fired == 0);
    check(p2p_timers_next(&timers) == 11);
    p2p_timer_set(&timers, &probes[1].timer, P2P_NEVER);
    check(p2p_timers_next(&timers) == P2P_NEVER);
    p2p_timers_run(&timers, 1000);
    check(probes[1].fired == 0);
    stop(&timers, &mem, 2);
}

static void one_that_sets_itself_into_the_past_lets_the_others_fire(void **state) {
    (void)state;
    p2p_timers timers;
    faulty_mem mem;
    start(&timers, &mem, 3);
    probes[0].again = 1;
    for (size_t i = 0; i < 3; i++)
        p2p_timer_set(&timers, &probes[i].timer, 1 + i);
    p2p_timers_run(&timers, 10);
    check(probes[0].fired == 1 && probes[1].fired == 1 && probes[2].fired == 1);
    check(p2p_timers_next(&timers) == 11);
    p2p_timers_run(&timers, 11);
    check(probes[0].fired == 2);
    stop(&timers, &mem, 3);
}

static void a_jump_of_hours_fires_each_once(void **state) {
    (void)state;
    p2p_timers timers;
    faulty_mem mem;
    start(&timers, &mem, MANY);
    for (size_t i = 0; i < MANY; i++) {
        probes[i].again = 5 * 3600 * P2P_SECOND + i + 1;
        p2p_timer_set(&timers, &probes[i].timer, i + 1);
    }
    p2p_timers_run(&timers, 5 * 3600 * P2P_SECOND);
    for (size_t i = 0; i < MANY; i++)
        check(probes[i].fired == 1 && p2p_timer_is_set(&probes[i].timer));
    stop(&timers, &mem, MANY);
}

static probe *victim;

static void clear_victim(p2p_timer *timer, p2p_time now) {
    (void)now;
    p2p_timer_set(((probe *)(void *)timer)->timers, &victim->timer, P2P_NEVER);
}

static void a_timer_may_clear_another_that_is_due(void **state) {
    (void)state;
    p2p_timers timers;
    faulty_mem mem;
    start(&timers, &mem, 2);
    probes[0].timer.fire = clear_victim;
    victim = &probes[1];
    p2p_timer_set(&timers, &probes[0].timer, 1);
    p2p_timer_set(&timers, &probes[1].timer, 2);
    p2p_timers_run(&timers, 5);
    check(probes[1].fired == 0);
    stop(&timers, &mem, 2);
}

static p2p_err expect_many(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_timers timers;
    p2p_err err = P2P_OK;
    size_t made = 0;
    p2p_timers_init(&timers, mem);
    memset(probes, 0, sizeof probes);
    for (; made < MANY && err == P2P_OK; made++)
        err = p2p_timers_expect(&timers, &probes[made].timer, fire);
    if (err != P2P_OK)
        made--;
    /* Whoever got a place can use it, however many others did not. */
    for (size_t i = 0; i < made; i++)
        p2p_timer_set(&timers, &probes[i].timer, 5 + i);
    check(timers.count == made);
    for (size_t i = 0; i < MANY; i++)
        p2p_timers_forget(&timers, &probes[i].timer);
    p2p_timers_deinit(&timers);
    return err;
}

static void expecting_fails_cleanly_without_memory(void **state) {
    (void)state;
    sweep_allocations(expect_many, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time_whatever_the_order_of_setting),
        cmocka_unit_test(only_what_is_due_fires),
        cmocka_unit_test(one_that_sets_itself_into_the_past_lets_the_others_fire),
        cmocka_unit_test(a_jump_of_hours_fires_each_once),
        cmocka_unit_test(a_timer_may_clear_another_that_is_due),
        cmocka_unit_test(expecting_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
