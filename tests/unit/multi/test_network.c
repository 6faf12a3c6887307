/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/multiaddr.h>

#include "multi/ip.h"
#include "support/check.h"

static p2p_sockaddr ip(const char *text) {
    p2p_sockaddr addr = {.port = 4001};
    addr.family = p2p_ip4_parse(addr.ip, p2p_bytes_text(text)) ? 4 : 6;
    if (addr.family == 6)
        check(p2p_ip6_parse(addr.ip, p2p_bytes_text(text)));
    return addr;
}

/* The letters: p public, l loopback, u unspecified, k link local; none of them: merely special.
 * First and last address of the registries' ranges, and their neighbours. */
static const char *const RANGES[][2] = {
    {"0.0.0.0", "u"},
    {"0.255.255.255", ""},
    {"1.0.0.0", "p"},
    {"9.255.255.255", "p"},
    {"10.0.0.0", ""},
    {"10.255.255.255", ""},
    {"11.0.0.0", "p"},
    {"100.63.255.255", "p"},
    {"100.64.0.0", ""},
    {"100.127.255.255", ""},
    {"100.128.0.0", "p"},
    {"127.0.0.1", "l"},
    {"127.255.255.255", "l"},
    {"128.0.0.0", "p"},
    {"169.253.255.255", "p"},
    {"169.254.0.0", "k"},
    {"169.254.255.255", "k"},
    {"172.15.255.255", "p"},
    {"172.16.0.0", ""},
    {"172.31.255.255", ""},
    {"172.32.0.0", "p"},
    {"192.0.0.1", ""},
    {"192.0.1.0", "p"},
    {"192.0.2.1", ""},
    {"192.88.99.1", ""},
    {"192.167.255.255", "p"},
    {"192.168.0.0", ""},
    {"192.168.255.255", ""},
    {"192.169.0.0", "p"},
    {"198.17.255.255", "p"},
    {"198.18.0.0", ""},
    {"198.19.255.255", ""},
    {"198.20.0.0", "p"},
    {"198.51.100.7", ""},
    {"203.0.113.7", ""},
    {"223.255.255.255", "p"},
    {"224.0.0.1", ""},
    {"240.0.0.0", ""},
    {"255.255.255.255", ""},
    {"::", "u"},
    {"::1", "l"},
    {"::2", ""},
    {"1fff::1", ""},
    {"2000::1", "p"},
    {"2001::1", ""},
    {"2001:1ff:ffff::1", ""},
    {"2001:200::1", "p"},
    {"2001:db8::1", ""},
    {"2001:db9::1", "p"},
    {"2002::1", ""},
    {"2003::1", "p"},
    {"2a00:1450::1", "p"},
    {"3fff:fff::1", ""},
    {"3fff:1000::1", "p"},
    {"4000::1", ""},
    {"fc00::1", ""},
    {"fd12:3456::1", ""},
    {"fe7f::1", ""},
    {"fe80::1", "k"},
    {"febf::1", "k"},
    {"fec0::1", ""},
    {"ff02::1", ""},
    {"::ffff:1.1.1.1", "p"},
    {"::ffff:127.0.0.1", "l"},
    {"::ffff:0.0.0.0", "u"},
    {"::ffff:169.254.1.1", "k"},
    {"::ffff:10.0.0.1", ""},
    {"64:ff9b::1.1.1.1", "p"},
    {"64:ff9b::10.0.0.1", ""},
    {"64:ff9b:1::1.1.1.1", ""},
};

static void every_range_has_its_ends(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(RANGES); i++) {
        p2p_sockaddr addr = ip(RANGES[i][0]);
        const char *want = RANGES[i][1];
        if (p2p_sockaddr_is_public(&addr) != (strchr(want, 'p') != NULL) ||
            p2p_sockaddr_is_loopback(&addr) != (strchr(want, 'l') != NULL) ||
            p2p_sockaddr_is_unspecified(&addr) != (strchr(want, 'u') != NULL) ||
            p2p_sockaddr_is_link_local(&addr) != (strchr(want, 'k') != NULL))
            fail_msg("%s is not '%s'", RANGES[i][0], want);
    }
    p2p_sockaddr none = {0};
    check(!p2p_sockaddr_is_public(&none) && !p2p_sockaddr_is_loopback(&none));
    check(!p2p_sockaddr_is_unspecified(&none) && !p2p_sockaddr_is_link_local(&none));
}

static void equality_looks_at_what_counts(void **state) {
    (void)state;
    p2p_sockaddr a = ip("192.0.2.1");
    p2p_sockaddr b = a;
    b.ip[7] = 9;
    b.scope = 3;
    check(p2p_sockaddr_equal(&a, &b)); /* neither belongs to an IPv4 address */
    b.port++;
    check(!p2p_sockaddr_equal(&a, &b));
    b = ip("::ffff:192.0.2.1");
    check(!p2p_sockaddr_equal(&a, &b));
    a = b;
    check(p2p_sockaddr_equal(&a, &b));
    b.scope = 3;
    check(!p2p_sockaddr_equal(&a, &b));
    b = a;
    b.ip[15] ^= 1;
    check(!p2p_sockaddr_equal(&a, &b));
}

static void socket_addresses_go_both_ways(void **state) {
    (void)state;

    static const struct {
        const char *ip;
        uint32_t scope;
        p2p_proto_code transport;
        const char *text;
    } cases[] = {
        {"192.0.2.1", 0, P2P_TCP, "/ip4/192.0.2.1/tcp/4001"},
        {"192.0.2.1", 0, P2P_UDP, "/ip4/192.0.2.1/udp/4001"},
        {"2001:db8::1", 0, P2P_UDP, "/ip6/2001:db8::1/udp/4001"},
        {"fe80::1", 12, P2P_TCP, "/ip6zone/12/ip6/fe80::1/tcp/4001"},
        {"fe80::1", UINT32_MAX, P2P_TCP, "/ip6zone/4294967295/ip6/fe80::1/tcp/4001"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        p2p_sockaddr from = ip(cases[i].ip);
        p2p_sockaddr to;
        p2p_multiaddr addr;
        p2p_proto_code transport;
        char text[P2P_MULTIADDR_TEXT_MAX];
        from.scope = cases[i].scope;
        p2p_multiaddr_from_sockaddr(&addr, &from, cases[i].transport);
        p2p_multiaddr_format(text, sizeof text, &addr);
        assert_string_equal(text, cases[i].text);
        check(p2p_multiaddr_to_sockaddr(&addr, &to, &transport));
        check(p2p_sockaddr_equal(&from, &to) && transport == cases[i].transport);
    }
}

static void only_an_ip_and_a_port_make_a_socket_address(void **state) {
    (void)state;

    static const struct {
        bool good;
        const char *text;
    } cases[] = {
        {true, "/ip4/1.2.3.4/tcp/1/ws"},
        {true, "/ip4/1.2.3.4/udp/1/quic-v1/p2p-circuit"},
        {true, "/ip6zone/eth0/ip6/fe80::1/udp/1"},
        {false, "/ip4/1.2.3.4"},
        {false, "/ip4/1.2.3.4/sctp/1"},
        {false, "/ip4/1.2.3.4/ipcidr/24/tcp/1"},
        {false, "/dns/example.com/tcp/1"},
        {false, "/tcp/1"},
        {false, "/ip6zone/eth0"},
        {false, "/ip6zone/eth0/ip4/1.2.3.4/tcp/1"},
        {false, "/p2p-circuit"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        p2p_multiaddr addr;
        p2p_sockaddr to = {0};
        p2p_proto_code transport;
        check_ok(p2p_multiaddr_parse(&addr, cases[i].text, NULL));
        check(p2p_multiaddr_to_sockaddr(&addr, &to, &transport) == cases[i].good);
        check((to.family != 0) == cases[i].good);
        check(to.scope == 0);
    }
    p2p_multiaddr none = {0};
    p2p_sockaddr to;
    p2p_proto_code transport;
    check(!p2p_multiaddr_to_sockaddr(&none, &to, &transport));
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, "/ip6zone/4294967296/ip6/fe80::1/udp/1", NULL));
    check(p2p_multiaddr_to_sockaddr(&addr, &to, &transport) && to.scope == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_has_its_ends),
        cmocka_unit_test(equality_looks_at_what_counts),
        cmocka_unit_test(socket_addresses_go_both_ways),
        cmocka_unit_test(only_an_ip_and_a_port_make_a_socket_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
