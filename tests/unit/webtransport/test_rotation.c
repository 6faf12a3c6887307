/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/rotation.h"

enum { DAY = 86400, START = 1790000000 };

/* spec: webtransport #certificates: the validity of the certificate MUST be at most 14 days. */
static void the_validity_is_fourteen_days_and_not_a_second_more(void **state) {
    (void)state;
    p2p_wt_validity v = p2p_wt_rotation_validity(P2P_LITERAL("key"), 1500);
    check(v.not_after - v.not_before + 1 == 14 * DAY); /* both ends count */
    check(v.not_after - v.not_before < 14 * DAY);
}

/* Sixty days minute by minute, seen by peers whose clocks are up to an hour off. */
static void at_every_moment_every_clock_sees_a_valid_certificate(void **state) {
    (void)state;
    for (uint8_t k = 0; k < 40; k++) {
        p2p_bytes key = p2p_bytes_of(&k, 1);
        int64_t switches = 0;
        p2p_wt_rotation before = p2p_wt_rotation_at(key, START);
        for (int64_t t = START; t < START + 60 * DAY; t += 60) {
            p2p_wt_rotation now = p2p_wt_rotation_at(key, t);
            p2p_wt_validity v = p2p_wt_rotation_validity(key, now.current);
            check(v.not_before <= t - P2P_WT_SKEW_SECONDS);
            check(v.not_after >= t + P2P_WT_SKEW_SECONDS);
            check(now.last == now.current - 1 && now.next == now.current + 1);
            check(now.switch_at > t && now.switch_at <= t + P2P_WT_CERT_PERIOD);
            if (now.current != before.current) {
                check(now.current == before.next && now.last == before.current);
                check(t >= before.switch_at && t - 60 < before.switch_at);
                switches++;
            }
            before = now;
        }
        check(switches == 4 || switches == 5);
    }
}

static void the_switch_happens_at_its_second(void **state) {
    (void)state;
    p2p_bytes key = P2P_LITERAL("some host key");
    p2p_wt_rotation now = p2p_wt_rotation_at(key, START);
    check(p2p_wt_rotation_at(key, now.switch_at - 1).current == now.current);
    p2p_wt_rotation then = p2p_wt_rotation_at(key, now.switch_at);
    check(then.current == now.next);
    p2p_wt_validity old = p2p_wt_rotation_validity(key, now.current);
    p2p_wt_validity new = p2p_wt_rotation_validity(key, then.current);
    check(new.not_before + P2P_WT_SKEW_SECONDS == now.switch_at);
    check(old.not_after + 1 - P2P_WT_SKEW_SECONDS == now.switch_at);
}

/* An address learned at any moment names current and next; until it is a full period old, the
 * certificate served is one of them, and the Noise list (last, current, next) names both. */
static void an_address_outlives_a_switch(void **state) {
    (void)state;
    p2p_bytes key = P2P_LITERAL("some host key");
    for (int64_t learned = START; learned < START + 30 * DAY; learned += 3600) {
        p2p_wt_rotation then = p2p_wt_rotation_at(key, learned);
        for (int64_t age = 0; age < P2P_WT_CERT_PERIOD; age += 7200) {
            p2p_wt_rotation now = p2p_wt_rotation_at(key, learned + age);
            check(now.current == then.current || now.current == then.next);
            check(then.current >= now.last && then.next <= now.next);
        }
    }
}

static void a_restart_changes_nothing_and_hosts_differ(void **state) {
    (void)state;
    bool differ = false;
    p2p_wt_rotation a = p2p_wt_rotation_at(P2P_LITERAL("host a"), START);
    p2p_wt_rotation again = p2p_wt_rotation_at(P2P_LITERAL("host a"), START + 1);
    check(a.switch_at == again.switch_at && a.current == again.current);
    for (uint8_t k = 0; k < 10; k++)
        differ = differ || p2p_wt_rotation_at(p2p_bytes_of(&k, 1), START).switch_at != a.switch_at;
    check(differ);
    /* Published addresses depend on these numbers staying what they are. */
    check(p2p_wt_rotation_validity(P2P_LITERAL("host a"), 0).not_before == 1019280);
}

static void times_before_the_first_certificate_count_downwards(void **state) {
    (void)state;
    p2p_bytes key = P2P_LITERAL("host a");
    p2p_wt_rotation now = p2p_wt_rotation_at(key, -100 * DAY);
    p2p_wt_validity v = p2p_wt_rotation_validity(key, now.current);
    check(now.current < 0);
    check(v.not_before + 3600 <= -100 * DAY && v.not_after - 3600 >= -100 * DAY);
    check(now.switch_at > -100 * DAY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_validity_is_fourteen_days_and_not_a_second_more),
        cmocka_unit_test(at_every_moment_every_clock_sees_a_valid_certificate),
        cmocka_unit_test(the_switch_happens_at_its_second),
        cmocka_unit_test(an_address_outlives_a_switch),
        cmocka_unit_test(a_restart_changes_nothing_and_hosts_differ),
        cmocka_unit_test(times_before_the_first_certificate_count_downwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
