/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "multi/ip.h"

#include <arpa/inet.h>

#include "support/check.h"

static void ip4_texts(void **state) {
    (void)state;
    uint8_t ip[4];
    char text[P2P_IP_TEXT_MAX];
    check(p2p_ip4_parse(ip, P2P_LITERAL("192.0.2.255")));
    check_bytes(p2p_bytes_of(ip, 4), "c00002ff");
    check(p2p_ip4_format(text, ip) == 11);
    assert_string_equal(text, "192.0.2.255");
    static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", ".1.2.3",
        "1..2.3", "256.1.1.1", "1.1.1.1000", "01.2.3.4", "1.2.3.04", "0x1.2.3.4", "-1.2.3.4",
        " 1.2.3.4", "1.2.3.4 ", "1.2.3.a", "9999999999.1.1.1"};
    for (size_t i = 0; i < P2P_COUNT(bad); i++)
        check(!p2p_ip4_parse(ip, p2p_bytes_text(bad[i])));
}

/* The right column is RFC 5952's form. */
static void ip6_texts(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"2001:DB8::0001", "2001:db8::1"},
        {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
        {"::ffff:c000:201", "::ffff:192.0.2.1"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:7.8.9.10", "1:2:3:4:5:6:708:90a"},
        {"fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"},
        {"2601:9:4f81:9700:803e:ca65:66e8:c21", "2601:9:4f81:9700:803e:ca65:66e8:c21"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t ip[16];
        uint8_t reference[16];
        char text[P2P_IP_TEXT_MAX];
        check(p2p_ip6_parse(ip, p2p_bytes_text(cases[i][0])));
        check(inet_pton(AF_INET6, cases[i][0], reference) == 1);
        check_same(p2p_bytes_of(ip, 16), p2p_bytes_of(reference, 16));
        check(p2p_ip6_format(text, ip) == strlen(cases[i][1]));
        assert_string_equal(text, cases[i][1]);
    }
    static const char *const bad[] = {"", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1::2::3", "1:", ":1", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "12345::", "g::", "::1.2.3",
        "::1.2.3.4.5", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "::1%eth0", "fe80::1 ", "::1/64",
        "1:2:3:4::5:6:7:8", "1.2.3.4"};
    for (size_t i = 0; i < P2P_COUNT(bad); i++) {
        uint8_t ip[16];
        check(!p2p_ip6_parse(ip, p2p_bytes_text(bad[i])));
    }
}

/* Any run of letters that may stand in an address: the system's parser must agree. */
static void random_texts_are_judged_like_the_system_does(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 5);
    size_t good = 0;
    for (int round = 0; round < 200000; round++) {
        char text[24];
        uint8_t ip[16];
        uint8_t reference[16];
        size_t len = seeded_random_next(&random) % 20;
        for (size_t i = 0; i < len; i++)
            text[i] = ":::::1f0."[seeded_random_next(&random) % 9];
        text[len] = '\0';
        bool want = inet_pton(AF_INET6, text, reference) == 1;
        check(p2p_ip6_parse(ip, p2p_bytes_of(text, len)) == want);
        if (want) {
            check_same(p2p_bytes_of(ip, 16), p2p_bytes_of(reference, 16));
            good++;
        }
    }
    check(good > 100);
}

static void random_addresses_round_trip(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 6);
    for (int round = 0; round < 20000; round++) {
        uint8_t ip[16];
        uint8_t back[16];
        char text[P2P_IP_TEXT_MAX];
        random.random.fill(random.random.ctx, ip, sizeof ip);
        uint64_t zeros = seeded_random_next(&random);
        for (size_t i = 0; i < sizeof ip; i++) {
            if (zeros >> (i / 2) & 1)
                ip[i] = 0;
        }
        size_t len = p2p_ip6_format(text, ip);
        check(len < sizeof text && p2p_ip6_parse(back, p2p_bytes_of(text, len)));
        check_same(p2p_bytes_of(back, 16), p2p_bytes_of(ip, 16));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_texts),
        cmocka_unit_test(ip6_texts),
        cmocka_unit_test(random_texts_are_judged_like_the_system_does),
        cmocka_unit_test(random_addresses_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
