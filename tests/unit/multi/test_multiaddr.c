/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/multiaddr.h>

#include "multi/protocol.h"
#include "support/check.h"

static p2p_multiaddr address(const char *text) {
    p2p_multiaddr addr = {0};
    if (text[0] != '\0')
        check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static void check_text(const p2p_multiaddr *addr, const char *want) {
    char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_multiaddr_format(text, sizeof text, addr);
    assert_string_equal(text, want);
}

static void bad_bytes_are_refused(void **state) {
    (void)state;

    static const struct {
        p2p_err err;
        const char *hex;
    } cases[] = {
        {P2P_ERR_MALFORMED, ""}, {P2P_ERR_MALFORMED, "04"}, {P2P_ERR_MALFORMED, "047f0000"},
        {P2P_ERR_MALFORMED, "047f00000106"}, {P2P_ERR_MALFORMED, "047f000001060f"},
        {P2P_ERR_MALFORMED, "84007f000001"}, /* not the shortest code */
        {P2P_ERR_MALFORMED, "80"},           /* half a code */
        {P2P_ERR_MALFORMED, "350361"},       /* name longer than the rest */
        {P2P_ERR_MALFORMED, "35810061"},     /* not the shortest length */
        {P2P_ERR_MALFORMED, "35ffffffffffffffff7f61"}, {P2P_ERR_MALFORMED, "3500"}, /* no name */
        {P2P_ERR_MALFORMED, "3503612f62"},       /* a slash in a name */
        {P2P_ERR_MALFORMED, "3503610062"},       /* a NUL in a name */
        {P2P_ERR_MALFORMED, "35031b5b6d"},       /* an escape sequence */
        {P2P_ERR_MALFORMED, "9003012f"},         /* the path "/" */
        {P2P_ERR_MALFORMED, "9003022f610601bb"}, /* something behind a path */
        {P2P_ERR_MALFORMED, "a50300"},           /* no multihash */
        {P2P_ERR_MALFORMED, "d203021220"},       /* a digest cut off */
        {P2P_ERR_MALFORMED,
            "a503221221c05877cbae039d70a5e600ea02c6f9f2942439285c9e344e26f8d280c850fad6"},
        {P2P_ERR_UNSUPPORTED, "047f000001ae02"}, /* /utp */
        {P2P_ERR_UNSUPPORTED, "00"}, {P2P_ERR_UNSUPPORTED, "ffffffff7f"},
        {P2P_OK, "047f000001910204d2"}, {P2P_OK, "350361c3a9"}, /* UTF-8 */
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[64];
        p2p_multiaddr addr;
        size_t len = from_hex(cases[i].hex, bytes, sizeof bytes);
        check_err(cases[i].err, p2p_multiaddr_decode(&addr, p2p_bytes_of(bytes, len)));
        check((addr.len == 0) == (cases[i].err != P2P_OK));
    }
    static uint8_t big[P2P_MULTIADDR_MAX + 1];
    p2p_multiaddr addr;
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_decode(&addr, p2p_bytes_of(big, sizeof big)));
}

static void components_are_walked_in_order(void **state) {
    (void)state;
    p2p_multiaddr addr = address("/ip4/192.0.2.1/udp/4001/quic-v1/p2p-circuit");
    static const p2p_proto_code codes[] = {P2P_IP4, P2P_UDP, P2P_QUIC_V1, P2P_P2P_CIRCUIT};
    static const char *const values[] = {"c0000201", "0fa1", "", ""};
    p2p_component part;
    size_t count = 0;
    for (size_t at = 0; p2p_multiaddr_next(&addr, &at, &part); count++) {
        check(part.code == codes[count]);
        check_bytes(part.value, values[count]);
    }
    check(count == 4);
    p2p_multiaddr none = {0};
    size_t at = 0;
    check(!p2p_multiaddr_next(&none, &at, &part));
}

static void finding_goes_on_behind_what_was_found(void **state) {
    (void)state;
    p2p_multiaddr addr = address("/tcp/1/tcp/2/ws/tcp/3");
    p2p_component part;
    size_t at = 0;
    for (uint16_t want = 1; want <= 3; want++) {
        check(p2p_multiaddr_find(&addr, P2P_TCP, &at, &part));
        check(p2p_load16(part.value.ptr) == want);
    }
    check(!p2p_multiaddr_find(&addr, P2P_TCP, &at, &part));
    check(p2p_multiaddr_find(&addr, P2P_TCP, NULL, &part) && p2p_load16(part.value.ptr) == 1);
    check(p2p_multiaddr_has(&addr, P2P_WS) && !p2p_multiaddr_has(&addr, P2P_WSS));
}

static void wss_is_tls_and_ws(void **state) {
    (void)state;

    static const struct {
        bool equal;
        const char *a;
        const char *b;
    } cases[] = {
        {true, "/tcp/1/wss", "/tcp/1/wss"},
        {true, "/tcp/1/wss", "/tcp/1/tls/ws"},
        {true, "/tcp/1/wss/p2p-circuit", "/tcp/1/tls/ws/p2p-circuit"},
        {true, "/wss/wss", "/tls/ws/wss"},
        {true, "", ""},
        {false, "/tcp/1/wss", "/tcp/1/ws"},
        {false, "/tcp/1/wss", "/tcp/1/tls"},
        {false, "/tcp/1/tls", "/tcp/1/wss"},
        {false, "/tcp/1/wss/ws", "/tcp/1/tls/ws"},
        {false, "/tcp/1/wss", "/tcp/2/wss"},
        {false, "/ip4/1.2.3.4", ""},
        {false, "/ip4/1.2.3.4", "/ip4/1.2.3.5"},
        {false, "/dns/a", "/dns/ab"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        p2p_multiaddr a = address(cases[i].a);
        p2p_multiaddr b = address(cases[i].b);
        check(p2p_multiaddr_equal(&a, &b) == cases[i].equal);
        check(p2p_multiaddr_equal(&b, &a) == cases[i].equal);
    }
}

static void pushing_checks_the_value(void **state) {
    (void)state;
    p2p_multiaddr addr = {0};
    check_ok(p2p_multiaddr_push(&addr, P2P_IP4, P2P_LITERAL("\x01\x02\x03\x04")));
    check_ok(p2p_multiaddr_push(&addr, P2P_TCP, P2P_LITERAL("\x01\xbb")));
    check_ok(p2p_multiaddr_push(&addr, P2P_TLS, (p2p_bytes){0}));
    check_ok(p2p_multiaddr_push(&addr, P2P_SNI, P2P_LITERAL("example.com")));
    check_text(&addr, "/ip4/1.2.3.4/tcp/443/tls/sni/example.com");
    p2p_multiaddr before = addr;
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, P2P_TCP, P2P_LITERAL("\x01")));
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, P2P_WS, P2P_LITERAL("\x01")));
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, P2P_SNI, P2P_LITERAL("a/b")));
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, P2P_P2P, P2P_LITERAL("peer")));
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, (p2p_proto_code)302, (p2p_bytes){0}));
    check_same(p2p_multiaddr_bytes(&addr), p2p_multiaddr_bytes(&before));
    check_ok(p2p_multiaddr_push(&addr, P2P_UNIX, P2P_LITERAL("/a/b")));
    check_err(P2P_ERR_INVALID, p2p_multiaddr_push(&addr, P2P_WS, (p2p_bytes){0}));
}

static void a_full_address_takes_no_more(void **state) {
    (void)state;
    static uint8_t name[P2P_MULTIADDR_MAX];
    p2p_multiaddr addr = {0};
    memset(name, 'a', sizeof name);
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_push(&addr, P2P_DNS, p2p_bytes_of(name, 510)));
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_push(&addr, P2P_DNS, p2p_bytes_of(name, sizeof name)));
    check_ok(p2p_multiaddr_push(&addr, P2P_DNS, p2p_bytes_of(name, 507)));
    p2p_multiaddr tail = address("/tcp/1");
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_encapsulate(&addr, &tail));
    check(addr.len == 510);
    check_ok(p2p_multiaddr_push(&addr, P2P_WS, (p2p_bytes){0}));
    check(addr.len == P2P_MULTIADDR_MAX);
}

static void encapsulating_appends(void **state) {
    (void)state;
    p2p_multiaddr addr = address("/ip4/127.0.0.1/udp/1234");
    p2p_multiaddr tail = address("/udp/5678");
    p2p_multiaddr none = {0};
    check_ok(p2p_multiaddr_encapsulate(&addr, &tail));
    check_text(&addr, "/ip4/127.0.0.1/udp/1234/udp/5678");
    check_ok(p2p_multiaddr_encapsulate(&addr, &none));
    check_ok(p2p_multiaddr_encapsulate(&tail, &tail));
    check_text(&tail, "/udp/5678/udp/5678");
    check_ok(p2p_multiaddr_encapsulate(&none, &tail));
    check_text(&none, "/udp/5678/udp/5678");
}

static void decapsulating_cuts_at_the_last(void **state) {
    (void)state;
    p2p_multiaddr addr = address("/ip4/127.0.0.1/udp/1234/quic-v1/udp/5678/ws");
    check(!p2p_multiaddr_decapsulate(&addr, P2P_TCP));
    check(p2p_multiaddr_decapsulate(&addr, P2P_UDP));
    check_text(&addr, "/ip4/127.0.0.1/udp/1234/quic-v1");
    check(p2p_multiaddr_decapsulate(&addr, P2P_IP4));
    check(addr.len == 0 && !p2p_multiaddr_decapsulate(&addr, P2P_IP4));
}

/* Whatever bytes are accepted keep their bytes, can be walked, printed, and read from that text. */
static void random_addresses_hold_together(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 11);
    static const uint8_t heads[][3] = {{4}, {6}, {0x29}, {0x2a, 2}, {0x35, 3}, {0x91, 2}, {0xdd, 3},
        {0xde, 3}, {0xa5, 3, 4}, {0xd2, 3, 5}, {0xe1, 3, 2}, {0x89, 6}, {0x90, 3, 2}};
    size_t good = 0;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[64];
        p2p_multiaddr addr;
        p2p_multiaddr again;
        char text[P2P_MULTIADDR_TEXT_MAX];
        size_t len = 1 + seeded_random_next(&random) % 40;
        random.random.fill(random.random.ctx, bytes, len);
        for (size_t i = 0; i + 3 < len; i += 3 + seeded_random_next(&random) % 8)
            memcpy(bytes + i, heads[seeded_random_next(&random) % P2P_COUNT(heads)], 3);
        if (p2p_multiaddr_decode(&addr, p2p_bytes_of(bytes, len)) != P2P_OK)
            continue;
        good++;
        check_same(p2p_multiaddr_bytes(&addr), p2p_bytes_of(bytes, len));
        check(p2p_multiaddr_format(text, sizeof text, &addr) < sizeof text);
        if (p2p_multiaddr_has(&addr, P2P_UNIX))
            continue; /* whose slashes at either end have several spellings */
        check_ok(p2p_multiaddr_parse(&again, text, NULL));
        check_same(p2p_multiaddr_bytes(&again), p2p_multiaddr_bytes(&addr));
    }
    check(good > 500);
}

static void names_and_codes_agree(void **state) {
    (void)state;
    size_t known = 0;
    for (unsigned code = 0; code < 1000; code++) {
        const p2p_proto *proto = p2p_proto_by_code(code);
        const char *name = p2p_proto_name((p2p_proto_code)code);
        check((proto == NULL) == (name == NULL));
        if (proto == NULL)
            continue;
        known++;
        check(proto->code == code && name == proto->name &&
              p2p_proto_by_name(p2p_bytes_text(proto->name)) == proto);
    }
    check(known == 33);
    check(p2p_proto_by_name(P2P_LITERAL("ipfs"))->code == P2P_P2P);
    assert_string_equal(p2p_proto_name(P2P_P2P), "p2p");
    check(p2p_proto_by_code(UINT64_C(1) << 32 | 4) == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_bytes_are_refused),
        cmocka_unit_test(components_are_walked_in_order),
        cmocka_unit_test(finding_goes_on_behind_what_was_found),
        cmocka_unit_test(wss_is_tls_and_ws),
        cmocka_unit_test(pushing_checks_the_value),
        cmocka_unit_test(a_full_address_takes_no_more),
        cmocka_unit_test(encapsulating_appends),
        cmocka_unit_test(decapsulating_cuts_at_the_last),
        cmocka_unit_test(random_addresses_hold_together),
        cmocka_unit_test(names_and_codes_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
