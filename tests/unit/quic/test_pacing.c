/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "quic/pacing.h"

/* 100 packets in flight over 100 ms. */
static const p2p_quic_rate STEADY = {
    .window = 120000, .rtt = 100 * P2P_MILLISECOND, .packet = 1200, .slow_start = false};

static uint64_t spend_all(p2p_quic_pacer *pacer, const p2p_quic_rate *rate, p2p_time now) {
    uint64_t left = p2p_quic_pacer_fill(pacer, rate, now);
    p2p_quic_pacer_spend(pacer, (size_t)left);
    return left;
}

static void ten_packets_may_go_at_once(void **state) {
    (void)state;
    p2p_quic_pacer pacer = {0};
    check(spend_all(&pacer, &STEADY, P2P_SECOND) == 12000);
    check(p2p_quic_pacer_fill(&pacer, &STEADY, P2P_SECOND) == 0);
    /* A silence fills it, and no more. */
    check(spend_all(&pacer, &STEADY, 9 * P2P_SECOND) == 12000);
}

/* RFC 9002 §7.7: the window over the round trip, and a little more. */
static void in_a_round_trip_a_little_more_than_the_window_goes(void **state) {
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        p2p_quic_rate rate = STEADY;
        p2p_quic_pacer pacer = {0};
        p2p_time now = P2P_SECOND;
        uint64_t sent = 0;
        rate.slow_start = slow;
        spend_all(&pacer, &rate, now);
        for (p2p_time end = now + rate.rtt; now < end; now += P2P_MILLISECOND / 4)
            sent += spend_all(&pacer, &rate, now);
        double ratio = (double)sent / (double)rate.window;
        check(slow ? ratio > 1.95 && ratio < 2.05 : ratio > 1.2 && ratio < 1.3);
    }
}

static void at_the_next_wake_up_there_is_something_to_send(void **state) {
    (void)state;
    for (uint64_t window = 2400; window < (UINT64_C(1) << 33); window *= 3) {
        p2p_quic_rate rate = STEADY;
        p2p_quic_pacer pacer = {0};
        rate.window = window;
        spend_all(&pacer, &rate, P2P_SECOND);
        p2p_time next = p2p_quic_pacer_next(&pacer, &rate);
        check(next > P2P_SECOND && next <= P2P_SECOND + rate.rtt + 1);
        check(p2p_quic_pacer_fill(&pacer, &rate, next) >= rate.packet);
    }
}

/* What is spent beyond the rest is forgiven: acknowledgements go whatever the bucket says. */
static void there_is_no_debt(void **state) {
    (void)state;
    p2p_quic_pacer pacer = {0};
    p2p_quic_pacer_fill(&pacer, &STEADY, 0);
    p2p_quic_pacer_spend(&pacer, 1000000);
    check(p2p_quic_pacer_fill(&pacer, &STEADY, 10 * P2P_MILLISECOND) == 12000);
}

static void rates_without_measure_do_no_harm(void **state) {
    (void)state;
    const p2p_quic_rate odd[] = {{0}, {.window = UINT64_MAX / 4, .rtt = 0, .packet = 65000},
        {.window = 1, .rtt = P2P_NEVER / 2, .packet = 1200}};
    for (size_t i = 0; i < P2P_COUNT(odd); i++) {
        p2p_quic_pacer pacer = {0};
        p2p_quic_pacer_fill(&pacer, &odd[i], 5);
        p2p_quic_pacer_spend(&pacer, 100);
        check(p2p_quic_pacer_next(&pacer, &odd[i]) > 5);
        p2p_quic_pacer_fill(&pacer, &odd[i], P2P_SECOND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_packets_may_go_at_once),
        cmocka_unit_test(in_a_round_trip_a_little_more_than_the_window_goes),
        cmocka_unit_test(at_the_next_wake_up_there_is_something_to_send),
        cmocka_unit_test(there_is_no_debt),
        cmocka_unit_test(rates_without_measure_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
