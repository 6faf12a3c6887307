/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The congestion window alone: acknowledgements by hand, at times by hand. */
#include "support/check.h"
#include "webrtc/sctp_assoc.h"

enum { MTU = 1000 };

/* A round trip in which all of the window was acknowledged, in packets. */
static void round_trip(sctp_cc *cc, p2p_time rtt, p2p_time *now) {
    *now += rtt;
    for (size_t acked = 0, all = cc->cwnd; acked < all; acked += MTU) {
        cc->limited = true;
        p2p_sctp_cc_acked(cc, MTU, 1, rtt, rtt, *now);
    }
}

/* At a window of so many packets, just after a loss there. */
static void lose_at(sctp_cc *cc, size_t packets) {
    p2p_sctp_cc_init(cc, MTU);
    cc->cwnd = packets * MTU;
    p2p_sctp_cc_lost(cc, 0);
}

static void it_doubles_until_the_first_loss(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND;
    p2p_sctp_cc_init(&cc, MTU);
    for (size_t packets = 10; packets < 1000; packets *= 2) {
        check(cc.cwnd == packets * MTU);
        round_trip(&cc, 50 * P2P_MILLISECOND, &now);
    }
}

static void a_round_of_losses_shrinks_it_once(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_sctp_cc_init(&cc, MTU);
    cc.cwnd = 100 * MTU;
    p2p_sctp_cc_lost(&cc, 50);
    p2p_sctp_cc_lost(&cc, 60);
    check(cc.cwnd == 70 * MTU);
    p2p_sctp_cc_acked(&cc, MTU, 49, 0, 0, P2P_SECOND);
    p2p_sctp_cc_lost(&cc, 70);
    check(cc.cwnd == 70 * MTU);
    p2p_sctp_cc_acked(&cc, MTU, 50, 0, 0, P2P_SECOND);
    p2p_sctp_cc_lost(&cc, 80);
    check(cc.cwnd == 49 * MTU);
    for (uint32_t i = 0; i < 50; i++) {
        p2p_sctp_cc_acked(&cc, MTU, 1000 + i, 0, 0, P2P_SECOND);
        p2p_sctp_cc_lost(&cc, 1000 + i);
    }
    check(cc.cwnd == 4 * MTU);
}

/* RFC 9438 section 4.2: K = cbrt((W_max - cwnd) / C), here cbrt(300 / 0.4) = 9.086 s. */
static void it_is_back_after_k_and_slow_around_it(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND, rtt = 200 * P2P_MILLISECOND;
    size_t before = 0;
    lose_at(&cc, 1000);
    while (now < P2P_SECOND + 8 * P2P_SECOND)
        round_trip(&cc, rtt, &now);
    check(cc.cwnd > 995 * MTU && cc.cwnd < 1000 * MTU);
    while (now < P2P_SECOND + 10 * P2P_SECOND)
        round_trip(&cc, rtt, &now);
    check(cc.cwnd > 998 * MTU && cc.cwnd < 1003 * MTU);
    before = cc.cwnd;
    while (now < P2P_SECOND + 20 * P2P_SECOND)
        round_trip(&cc, rtt, &now);
    check(cc.cwnd > before + 300 * MTU); /* C (20 - K)^3 = 520 */
}

/* Reno with a factor of 7/10 gains 9/17 of a packet a round trip. */
static void reno_is_followed_where_it_is_faster(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND;
    lose_at(&cc, 100);
    for (int i = 0; i < 34; i++)
        round_trip(&cc, P2P_MILLISECOND, &now);
    if (cc.cwnd < (70 + 17) * MTU || cc.cwnd > (70 + 19) * MTU)
        fail_msg("%zu bytes", cc.cwnd);
}

static void a_rest_earns_nothing(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND, rtt = 100 * P2P_MILLISECOND;
    lose_at(&cc, 1000);
    round_trip(&cc, rtt, &now);
    size_t before = cc.cwnd;
    for (int i = 0; i < 600; i++) { /* a minute of little to send */
        now += rtt;
        p2p_sctp_cc_acked(&cc, MTU, 1, rtt, rtt, now);
    }
    check(cc.cwnd == before);
    round_trip(&cc, rtt, &now);
    check(cc.cwnd < before + 40 * MTU);
}

static void who_lost_below_the_last_loss_makes_room(void **state) {
    (void)state;
    sctp_cc cc;
    lose_at(&cc, 1000);
    p2p_sctp_cc_acked(&cc, MTU, 1, 0, 0, P2P_SECOND);
    p2p_sctp_cc_lost(&cc, 2); /* at 700: W_max is 700 * 1.7 / 2 */
    check(cc.cwnd == 490 * MTU && cc.w_max == 595 * MTU);
}

static void a_time_out_begins_anew_with_one_packet(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND;
    p2p_sctp_cc_init(&cc, MTU);
    cc.cwnd = 100 * MTU;
    for (int i = 0; i < 3; i++) {
        p2p_sctp_cc_timeout(&cc, 1);
        check(cc.cwnd == MTU && cc.ssthresh == 70 * MTU);
    }
    for (int i = 0; i < 6; i++)
        round_trip(&cc, P2P_MILLISECOND, &now);
    check(cc.cwnd >= 64 * MTU && cc.cwnd <= 72 * MTU);
}

static void a_queue_of_a_second_is_not_made_longer(void **state) {
    (void)state;
    const p2p_time shortest = 40 * P2P_MILLISECOND;
    sctp_cc cc;
    p2p_sctp_cc_init(&cc, MTU);
    for (int avoiding = 0; avoiding < 2; avoiding++) {
        size_t before = cc.cwnd;
        for (unsigned i = 0; i < 100; i++) {
            cc.limited = true;
            p2p_sctp_cc_acked(&cc, MTU, 1, shortest, shortest + P2P_SECOND + 1, i * P2P_SECOND);
        }
        check(cc.cwnd == before);
        cc.limited = true;
        p2p_sctp_cc_acked(&cc, MTU, 1, shortest, shortest + P2P_SECOND, 100 * P2P_SECOND);
        check(cc.cwnd > before);
        lose_at(&cc, 10);
        p2p_sctp_cc_acked(&cc, MTU, 1, shortest, shortest, P2P_SECOND);
    }
}

static void it_has_a_maximum_however_long_it_grows(void **state) {
    (void)state;
    sctp_cc cc;
    p2p_time now = P2P_SECOND;
    lose_at(&cc, 60000);
    for (int hour = 0; hour < 10000; hour++) {
        now += 3600 * P2P_SECOND;
        cc.limited = true;
        p2p_sctp_cc_acked(&cc, 1000 * MTU, 1, 3600 * P2P_SECOND, 3600 * P2P_SECOND, now);
        check(cc.cwnd >= 40000 * MTU && cc.cwnd <= (size_t)64 << 20);
    }
    check(cc.cwnd == (size_t)64 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_doubles_until_the_first_loss),
        cmocka_unit_test(a_round_of_losses_shrinks_it_once),
        cmocka_unit_test(it_is_back_after_k_and_slow_around_it),
        cmocka_unit_test(reno_is_followed_where_it_is_faster),
        cmocka_unit_test(a_rest_earns_nothing),
        cmocka_unit_test(who_lost_below_the_last_loss_makes_room),
        cmocka_unit_test(a_time_out_begins_anew_with_one_packet),
        cmocka_unit_test(a_queue_of_a_second_is_not_made_longer),
        cmocka_unit_test(it_has_a_maximum_however_long_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
