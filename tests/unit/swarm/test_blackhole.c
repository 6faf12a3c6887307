/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/blackhole.h"

#include "base/bytes.h"
#include "support/check.h"

enum { N = P2P_BLACKHOLE_WINDOW, NEEDED = P2P_BLACKHOLE_SUCCESSES };

static void record(p2p_blackhole *hole, size_t count, bool success) {
    for (size_t i = 0; i < count; i++)
        p2p_blackhole_result(hole, success);
}

static void nothing_is_blocked_before_a_hundred_dials(void **state) {
    (void)state;
    p2p_blackhole hole = {0};
    for (size_t i = 0; i < N; i++) {
        check(p2p_blackhole_ask(&hole) == P2P_BLACKHOLE_OPEN && !p2p_blackhole_blocks(&hole));
        p2p_blackhole_result(&hole, false);
    }
    check(p2p_blackhole_blocks(&hole));
}

static void five_successes_in_a_hundred_are_enough_and_four_are_not(void **state) {
    (void)state;
    for (size_t good = 0; good <= NEEDED; good++) {
        p2p_blackhole hole = {0};
        record(&hole, good, true);
        record(&hole, N - good, false);
        check(p2p_blackhole_blocks(&hole) == (good < NEEDED));
    }
}

static void successes_fall_out_of_the_window(void **state) {
    (void)state;
    p2p_blackhole hole = {0};
    record(&hole, 3 * N, true);
    record(&hole, N - NEEDED, false);
    check(!p2p_blackhole_blocks(&hole));
    record(&hole, 1, false);
    check(p2p_blackhole_blocks(&hole));
}

static void every_hundredth_dial_is_a_probe(void **state) {
    (void)state;
    p2p_blackhole hole = {0};
    record(&hole, N, false);
    for (size_t i = 1; i <= 5 * (size_t)N; i++)
        check(
            p2p_blackhole_ask(&hole) == (i % N == 0 ? P2P_BLACKHOLE_PROBE : P2P_BLACKHOLE_BLOCKED));
}

static void a_failed_probe_changes_nothing_and_a_good_one_opens(void **state) {
    (void)state;
    p2p_blackhole hole = {0};
    record(&hole, N, false);
    for (size_t i = 0; i < N; i++)
        (void)p2p_blackhole_ask(&hole);
    record(&hole, 1, false);
    check(p2p_blackhole_blocks(&hole));
    check(p2p_blackhole_ask(&hole) == P2P_BLACKHOLE_BLOCKED);
    record(&hole, 1, true);
    check(p2p_blackhole_ask(&hole) == P2P_BLACKHOLE_OPEN);
    /* It has a whole window to prove itself. */
    record(&hole, N - 1, false);
    check(!p2p_blackhole_blocks(&hole));
    record(&hole, 1, false);
    check(p2p_blackhole_blocks(&hole));
}

static p2p_multiaddr parse(const char *text) {
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static const char UDP4[] = "/ip4/8.8.8.8/udp/1/quic-v1", UDP6[] = "/ip6/2a00::1/udp/1/quic-v1",
                  TCP4[] = "/ip4/8.8.8.8/tcp/1", TCP6[] = "/ip6/2a00::1/tcp/1";

static void only_direct_public_addresses_count(void **state) {
    (void)state;

    static const struct {
        const char *text;
        bool udp, ip6;
    } CASES[] = {
        {UDP4, true, false},
        {UDP6, true, true},
        {TCP4, false, false},
        {TCP6, false, true},
        {"/ip4/8.8.8.8/udp/1/webrtc-direct", true, false},
        {"/ip4/10.0.0.1/udp/1/quic-v1", false, false},
        {"/ip4/127.0.0.1/udp/1/quic-v1", false, false},
        {"/ip6/fd00::1/udp/1/quic-v1", false, false},
        {"/ip6/::1/tcp/1", false, false},
        {"/dns/example.org/udp/1/quic-v1", false, false},
        {"/ip6/2a00::1/udp/1/quic-v1/p2p-circuit", false, false},
    };

    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        p2p_multiaddr addr = parse(CASES[i].text);
        check(p2p_blackhole_concerns(P2P_BLACKHOLE_UDP, &addr) == CASES[i].udp);
        check(p2p_blackhole_concerns(P2P_BLACKHOLE_IP6, &addr) == CASES[i].ip6);
    }
}

static void results_go_to_every_kind_the_address_is_of(void **state) {
    (void)state;
    p2p_blackhole holes[P2P_BLACKHOLE_KINDS] = {{.count = 0}};
    p2p_multiaddr udp6 = parse(UDP6), tcp6 = parse(TCP6), tcp4 = parse(TCP4);
    p2p_blackhole_dialled(holes, &udp6, false);
    p2p_blackhole_dialled(holes, &tcp6, true);
    p2p_blackhole_dialled(holes, &tcp4, true);
    check(holes[P2P_BLACKHOLE_UDP].count == 1 && holes[P2P_BLACKHOLE_UDP].successes == 0);
    check(holes[P2P_BLACKHOLE_IP6].count == 2 && holes[P2P_BLACKHOLE_IP6].successes == 1);
}

static bool skips(p2p_blackhole *holes, p2p_blackhole_dial *dial, const char *text) {
    p2p_blackhole_kind kind = P2P_BLACKHOLE_KINDS;
    p2p_multiaddr addr = parse(text);
    bool skip = p2p_blackhole_skips(holes, dial, &addr, &kind);
    check(skip == (kind != P2P_BLACKHOLE_KINDS));
    return skip;
}

static void a_dial_counts_once_however_many_addresses_it_has(void **state) {
    (void)state;
    p2p_blackhole holes[P2P_BLACKHOLE_KINDS] = {{.count = 0}};
    record(&holes[P2P_BLACKHOLE_UDP], N, false);
    for (size_t i = 1; i <= N; i++) {
        p2p_blackhole_dial dial = {{false}, {P2P_BLACKHOLE_OPEN}};
        for (size_t j = 0; j < 5; j++)
            check(skips(holes, &dial, UDP4) == (i < N));
        check(!skips(holes, &dial, TCP4) && !skips(holes, &dial, TCP6));
        check(!skips(holes, &dial, "/ip4/192.168.1.1/udp/1/quic-v1"));
    }
}

static void an_address_of_both_kinds_is_probed_when_either_is(void **state) {
    (void)state;
    p2p_blackhole holes[P2P_BLACKHOLE_KINDS] = {{.count = 0}};
    record(&holes[P2P_BLACKHOLE_UDP], N, false);
    record(&holes[P2P_BLACKHOLE_IP6], N, false);
    holes[P2P_BLACKHOLE_IP6].skipped = N / 2; /* out of step */
    size_t probes = 0;
    for (size_t i = 0; i < N; i++) {
        p2p_blackhole_dial dial = {{false}, {P2P_BLACKHOLE_OPEN}};
        probes += !skips(holes, &dial, UDP6);
    }
    check(probes == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_blocked_before_a_hundred_dials),
        cmocka_unit_test(five_successes_in_a_hundred_are_enough_and_four_are_not),
        cmocka_unit_test(successes_fall_out_of_the_window),
        cmocka_unit_test(every_hundredth_dial_is_a_probe),
        cmocka_unit_test(a_failed_probe_changes_nothing_and_a_good_one_opens),
        cmocka_unit_test(only_direct_public_addresses_count),
        cmocka_unit_test(results_go_to_every_kind_the_address_is_of),
        cmocka_unit_test(a_dial_counts_once_however_many_addresses_it_has),
        cmocka_unit_test(an_address_of_both_kinds_is_probed_when_either_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
