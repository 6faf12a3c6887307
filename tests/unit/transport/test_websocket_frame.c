/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "transport/websocket_frame.h"

static void masking_equals_the_definition_at_every_length_and_offset(void **state) {
    (void)state;
    const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t data[200 + 8];
    for (size_t align = 0; align < 8; align++)
        for (size_t len = 0; len <= 200; len += len < 70 ? 1 : 13)
            for (uint64_t offset = 0; offset < 9; offset++) {
                for (size_t i = 0; i < len; i++)
                    data[align + i] = (uint8_t)(i * 7);
                p2p_ws_mask(data + align, len, key, offset);
                for (size_t i = 0; i < len; i++)
                    check(data[align + i] == ((uint8_t)(i * 7) ^ key[(i + offset) % 4]));
            }
}

/* RFC 6455 section 5.7 */
static void the_masked_hello_of_the_rfc(void **state) {
    (void)state;
    uint8_t text[] = "Hello";
    p2p_ws_mask(text, 5, (const uint8_t[4]){0x37, 0xfa, 0x21, 0x3d}, 0);
    check_bytes(p2p_bytes_of(text, 5), "7f9f4d5158");
}

static void heads_use_the_shortest_length(void **state) {
    (void)state;

    static const struct {
        uint64_t len;
        const char *server;
        const char *client;
    } CASES[] = {
        {0, "8200", "8280 01020304"},
        {125, "827d", "82fd 01020304"},
        {126, "827e007e", "82fe007e 01020304"},
        {127, "827e007f", "82fe007f 01020304"},
        {128, "827e0080", "82fe0080 01020304"},
        {65535, "827effff", "82feffff 01020304"},
        {65536, "827f0000000000010000", "82ff0000000000010000 01020304"},
    };

    const uint8_t key[4] = {1, 2, 3, 4};
    uint8_t head[P2P_WS_HEAD_MAX];
    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        size_t n = p2p_ws_head_encode(head, P2P_WS_SERVER, P2P_WS_BINARY, CASES[i].len, key);
        check(n == p2p_ws_head_len(P2P_WS_SERVER, CASES[i].len));
        check_bytes(p2p_bytes_of(head, n), CASES[i].server);
        n = p2p_ws_head_encode(head, P2P_WS_CLIENT, P2P_WS_BINARY, CASES[i].len, key);
        check(n == p2p_ws_head_len(P2P_WS_CLIENT, CASES[i].len));
        check_bytes(p2p_bytes_of(head, n), CASES[i].client);
    }
}

/* Autobahn 7.7 and 7.9, with the codes registered since */
static void close_codes_are_those_of_the_registry(void **state) {
    (void)state;
    static const unsigned GOOD[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
        1013, 1014, 3000, 3999, 4000, 4999};
    static const unsigned BAD[] = {
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};
    for (size_t i = 0; i < P2P_COUNT(GOOD); i++)
        check(p2p_ws_code_valid(GOOD[i]));
    for (size_t i = 0; i < P2P_COUNT(BAD); i++)
        check(!p2p_ws_code_valid(BAD[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masking_equals_the_definition_at_every_length_and_offset),
        cmocka_unit_test(the_masked_hello_of_the_rfc),
        cmocka_unit_test(heads_use_the_shortest_length),
        cmocka_unit_test(close_codes_are_those_of_the_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
