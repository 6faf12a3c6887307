/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/rank.h"

#include "base/bytes.h"
#include "support/check.h"

typedef struct expected {
    const char *addr;
    unsigned delay_ms;
} expected;

/* Ranks the addresses in the order given and compares; `want` ends with a NULL address. */
static void rank_gives(const char *const *addrs, const expected *want) {
    p2p_multiaddr parsed[P2P_RANK_MAX];
    p2p_ranked ranked[P2P_RANK_MAX];
    size_t count = 0, i = 0;
    for (; addrs[count] != NULL; count++)
        check_ok(p2p_multiaddr_parse(&parsed[count], addrs[count], NULL));
    size_t got = p2p_rank(parsed, count, ranked);
    for (; want[i].addr != NULL; i++) {
        check(i < got);
        assert_string_equal(addrs[ranked[i].index], want[i].addr);
        if (ranked[i].delay != want[i].delay_ms * P2P_MILLISECOND)
            fail_msg("%s after %llu ms, not %u", want[i].addr,
                (unsigned long long)(ranked[i].delay / P2P_MILLISECOND), want[i].delay_ms);
    }
    check(got == i);
}

static void quic_comes_before_tcp_and_ip6_before_ip4(void **state) {
    (void)state;
    rank_gives((const char *[]){"/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1",
                   "/ip6/2606:4700::1/tcp/1", "/ip6/2606:4700::1/udp/1/quic-v1", NULL},
        (expected[]){{"/ip6/2606:4700::1/udp/1/quic-v1", 0}, {"/ip4/1.2.3.4/udp/1/quic-v1", 250},
            {"/ip6/2606:4700::1/tcp/1", 500}, {"/ip4/1.2.3.4/tcp/1", 750}, {NULL, 0}});
}

static void private_addresses_run_beside_public_ones_with_short_delays(void **state) {
    (void)state;
    rank_gives((const char *[]){"/ip4/1.2.3.4/tcp/1", "/ip4/10.0.0.1/tcp/1",
                   "/ip4/192.168.1.1/tcp/1", "/ip4/8.8.8.8/tcp/2", NULL},
        (expected[]){{"/ip4/1.2.3.4/tcp/1", 0}, {"/ip4/10.0.0.1/tcp/1", 0},
            {"/ip4/192.168.1.1/tcp/1", 30}, {"/ip4/8.8.8.8/tcp/2", 250}, {NULL, 0}});
}

static void relays_wait_for_direct_addresses(void **state) {
    (void)state;
    static const char RELAY[] = "/ip4/1.2.3.4/tcp/1/p2p/"
                                "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit";
    rank_gives((const char *[]){RELAY, "/ip4/5.6.7.8/tcp/1", NULL},
        (expected[]){{"/ip4/5.6.7.8/tcp/1", 0}, {RELAY, 500}, {NULL, 0}});
    rank_gives((const char *[]){RELAY, NULL}, (expected[]){{RELAY, 0}, {NULL, 0}});
}

static void what_a_plainer_address_makes_superfluous_is_left_out(void **state) {
    (void)state;
    rank_gives(
        (const char *[]){"/ip4/1.2.3.4/udp/1/quic-v1/webtransport", "/ip4/1.2.3.4/udp/1/quic-v1",
            "/ip4/1.2.3.4/tcp/2/ws", "/ip4/1.2.3.4/tcp/2", "/ip4/1.2.3.4/tcp/3/ws", NULL},
        (expected[]){{"/ip4/1.2.3.4/udp/1/quic-v1", 0}, {"/ip4/1.2.3.4/tcp/2", 250},
            {"/ip4/1.2.3.4/tcp/3/ws", 500}, {NULL, 0}});
}

static void webrtc_waits_a_second_longer(void **state) {
    (void)state;
    rank_gives((const char *[]){"/ip4/1.2.3.4/udp/9/webrtc-direct", "/ip4/1.2.3.4/tcp/1", NULL},
        (expected[]){
            {"/ip4/1.2.3.4/tcp/1", 0}, {"/ip4/1.2.3.4/udp/9/webrtc-direct", 1250}, {NULL, 0}});
    rank_gives((const char *[]){"/ip4/1.2.3.4/udp/9/webrtc-direct", NULL},
        (expected[]){{"/ip4/1.2.3.4/udp/9/webrtc-direct", 0}, {NULL, 0}});
}

static void none_and_too_many_are_taken_as_they_are(void **state) {
    (void)state;
    static p2p_multiaddr addrs[P2P_RANK_MAX + 5];
    p2p_ranked ranked[P2P_RANK_MAX + 5];
    check(p2p_rank(NULL, 0, ranked) == 0);
    for (size_t i = 0; i < P2P_RANK_MAX + 5; i++) {
        char text[64];
        snprintf(text, sizeof text, "/ip4/1.2.3.4/tcp/%zu", i + 1);
        check_ok(p2p_multiaddr_parse(&addrs[i], text, NULL));
    }
    check(p2p_rank(addrs, P2P_RANK_MAX + 5, ranked) == P2P_RANK_MAX);
    for (size_t i = 0; i < P2P_RANK_MAX; i++)
        check(ranked[i].index == i && ranked[i].delay == i * 250 * P2P_MILLISECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quic_comes_before_tcp_and_ip6_before_ip4),
        cmocka_unit_test(private_addresses_run_beside_public_ones_with_short_delays),
        cmocka_unit_test(relays_wait_for_direct_addresses),
        cmocka_unit_test(what_a_plainer_address_makes_superfluous_is_left_out),
        cmocka_unit_test(webrtc_waits_a_second_longer),
        cmocka_unit_test(none_and_too_many_are_taken_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
