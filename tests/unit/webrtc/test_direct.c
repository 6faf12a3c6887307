/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"
#include "transport/transport.h"

#define HASH "/certhash/uEiCiV6wH_HTUdwaxHVTflv32XKcQMCNptB-kU_dELgqg_w"
/* The same digest as SHA2-512/256 would name it: a hash that no WebRTC certificate is checked by.
 */
#define OTHER_HASH "/certhash/uFSCiV6wH_HTUdwaxHVTflv32XKcQMCNptB-kU_dELgqg_w"

static p2p_multiaddr parse(const char *text) {
    p2p_multiaddr addr;
    char why[128];
    if (p2p_multiaddr_parse(&addr, text, why) != P2P_OK)
        fail_msg("%s: %s", text, why);
    return addr;
}

static bool can_dial(const char *text) {
    p2p_multiaddr addr = parse(text);
    return p2p_webrtc_direct.can_dial(&addr);
}

static bool can_listen(const char *text) {
    p2p_multiaddr addr = parse(text);
    return p2p_webrtc_direct.can_listen(&addr);
}

static void addresses_with_a_hash_can_be_dialled(void **state) {
    (void)state;
    check(can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" HASH));
    check(can_dial("/ip6/2001:db8::1/udp/4001/webrtc-direct" HASH));
    check(can_dial("/ip6zone/eth0/ip6/fe80::1/udp/4001/webrtc-direct" HASH));
    check(can_dial("/dns4/example.org/udp/4001/webrtc-direct" HASH));
    check(can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" HASH HASH));
    check(can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" OTHER_HASH HASH));
}

static void other_addresses_cannot(void **state) {
    (void)state;
    check(!can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct"));
    check(!can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" OTHER_HASH));
    check(!can_dial("/ip4/192.0.2.1/tcp/4001"));
    check(!can_dial("/ip4/192.0.2.1/udp/4001/quic-v1"));
    check(!can_dial("/ip4/192.0.2.1/udp/4001/quic-v1/webtransport" HASH));
    check(!can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" HASH
                    "/p2p/12D3KooWPbgsPvJ6Q4nXfPA8GSh9Rn8N4AzAavWiZ3z4QFrPFyWb"));
    check(!can_dial("/ip4/192.0.2.1/udp/4001/webrtc-direct" HASH "/p2p-circuit"));
}

static void addresses_without_a_hash_can_be_listened_on(void **state) {
    (void)state;
    check(can_listen("/ip4/0.0.0.0/udp/0/webrtc-direct"));
    check(can_listen("/ip6/::/udp/4001/webrtc-direct"));
    check(!can_listen("/ip4/0.0.0.0/udp/0/webrtc-direct" HASH));
    check(!can_listen("/dns4/example.org/udp/4001/webrtc-direct"));
    check(!can_listen("/ip4/0.0.0.0/udp/0/quic-v1"));
    check(!can_listen("/ip4/0.0.0.0/tcp/0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_with_a_hash_can_be_dialled),
        cmocka_unit_test(other_addresses_cannot),
        cmocka_unit_test(addresses_without_a_hash_can_be_listened_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
