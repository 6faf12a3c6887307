/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "quic/window.h"

#include "support/check.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

/* A peer that always uses the whole window, over a path with this round trip. */
static size_t settled(size_t max, p2p_time rtt, p2p_time min_rtt) {
    p2p_quic_window window = {.size = 256 * KIB};
    p2p_time now = 0;
    for (int i = 0; i < 200; i++) {
        size_t len = window.size / 16;
        now += rtt / 16;
        p2p_quic_window_grow(&window, len, max, min_rtt, now);
    }
    return window.size;
}

static void a_long_path_gets_the_largest_window(void **state) {
    (void)state;
    check(settled(16 * MIB, 100 * P2P_MILLISECOND, 100 * P2P_MILLISECOND) == 16 * MIB);
}

static void waiting_in_queues_does_not_widen_it(void **state) {
    (void)state;
    /* What is read comes through a queue of 40 ms, the path itself takes 100 µs. */
    size_t size = settled(16 * MIB, 40 * P2P_MILLISECOND, P2P_MILLISECOND / 10);
    check(size >= MIB && size < 2 * MIB);
}

static void a_quiet_stream_keeps_its_window(void **state) {
    (void)state;
    p2p_quic_window window = {.size = 256 * KIB};
    for (p2p_time now = 0; now < 10; now++)
        check(p2p_quic_window_grow(&window, 1000, 16 * MIB, P2P_SECOND, now) == 0);
}

static void it_at_most_doubles_and_never_passes_the_maximum(void **state) {
    (void)state;
    p2p_quic_window window = {.size = 256 * KIB};
    check(p2p_quic_window_grow(&window, 128 * KIB, 600 * KIB, P2P_SECOND, 1) == 256 * KIB);
    check(p2p_quic_window_grow(&window, 256 * KIB, 600 * KIB, P2P_SECOND, 2) == 88 * KIB);
    check(p2p_quic_window_grow(&window, 600 * KIB, 600 * KIB, P2P_SECOND, 3) == 0);
    check(window.size == 600 * KIB);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_path_gets_the_largest_window),
        cmocka_unit_test(waiting_in_queues_does_not_widen_it),
        cmocka_unit_test(a_quiet_stream_keeps_its_window),
        cmocka_unit_test(it_at_most_doubles_and_never_passes_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
