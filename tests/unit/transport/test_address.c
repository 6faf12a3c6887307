/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transport/address.h"

#include "support/check.h"

static void a_host_and_a_port_are_the_beginning(void **state) {
    (void)state;

    static const struct {
        const char *text;
        p2p_proto_code transport;
        const char *rest; /* NULL: it does not begin so */
    } ROWS[] = {
        {"/ip4/192.0.2.1/tcp/4001", P2P_TCP, ""},
        {"/ip6/2001:db8::1/tcp/4001/ws", P2P_TCP, "/ws"},
        {"/ip6zone/eth0/ip6/fe80::1/udp/4001/quic-v1", P2P_UDP, "/quic-v1"},
        {"/dns/example.org/udp/4001/webrtc-direct", P2P_UDP, "/webrtc-direct"},
        {"/dns4/example.org/tcp/443/tls/ws", P2P_TCP, "/tls/ws"},
        {"/dns6/example.org/tcp/443", P2P_TCP, ""},
        {"/ip4/192.0.2.1/tcp/4001", P2P_UDP, NULL},
        {"/ip4/192.0.2.1/udp/4001", P2P_TCP, NULL},
        {"/ip4/192.0.2.1", P2P_TCP, NULL},
        {"/dnsaddr/example.org/tcp/4001", P2P_TCP, NULL},
        {"/memory/7", P2P_TCP, NULL},
        {"/tcp/4001", P2P_TCP, NULL},
    };

    for (size_t i = 0; i < P2P_COUNT(ROWS); i++) {
        p2p_multiaddr addr, rest = {0};
        size_t at;
        check_ok(p2p_multiaddr_parse(&addr, ROWS[i].text, NULL));
        check(p2p_addr_begins(&addr, ROWS[i].transport, &at) == (ROWS[i].rest != NULL));
        if (ROWS[i].rest == NULL)
            continue;
        if (ROWS[i].rest[0] != 0)
            check_ok(p2p_multiaddr_parse(&rest, ROWS[i].rest, NULL));
        check_same(
            p2p_bytes_of(addr.bytes + at, addr.len - at), p2p_bytes_of(rest.bytes, rest.len));
    }
    p2p_multiaddr empty = {0};
    size_t at;
    check(!p2p_addr_begins(&empty, P2P_TCP, &at));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_host_and_a_port_are_the_beginning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
