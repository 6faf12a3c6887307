/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "mux/yamux_frame.h"

/* spec: yamux #framing: all fields are encoded in network order. */
static void headers_are_twelve_big_endian_bytes(void **state) {
    (void)state;

    static const struct {
        p2p_yamux_frame frame;
        const char *hex;
    } cases[] = {
        {{P2P_YAMUX_DATA, P2P_YAMUX_SYN, 1, 5}, "00 00 0001 00000001 00000005"},
        {{P2P_YAMUX_WINDOW, P2P_YAMUX_ACK, 0x01020304, 0xfffffffe}, "00 01 0002 01020304 fffffffe"},
        {{P2P_YAMUX_PING, P2P_YAMUX_SYN, 0, 0xdeadbeef}, "00 02 0001 00000000 deadbeef"},
        {{P2P_YAMUX_GOAWAY, 0, 0, 0x1003}, "00 03 0000 00000000 00001003"},
        {{P2P_YAMUX_DATA, P2P_YAMUX_FIN | P2P_YAMUX_RST, 7, 0}, "00 00 000c 00000007 00000000"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[P2P_YAMUX_HEADER_LEN];
        p2p_yamux_frame back;
        p2p_yamux_frame_encode(&cases[i].frame, bytes);
        check_bytes(p2p_bytes_of(bytes, sizeof bytes), cases[i].hex);
        check_ok(p2p_yamux_frame_decode(&back, bytes));
        check(back.type == cases[i].frame.type && back.flags == cases[i].frame.flags);
        check(back.stream == cases[i].frame.stream && back.length == cases[i].frame.length);
    }
}

/* spec: yamux #version-field: the field is always set to 0. */
static void other_versions_and_types_are_refused(void **state) {
    (void)state;
    p2p_yamux_frame frame;
    uint8_t bytes[P2P_YAMUX_HEADER_LEN] = {0};
    for (unsigned v = 1; v < 256; v++) {
        bytes[0] = (uint8_t)v;
        check_err(P2P_ERR_MALFORMED, p2p_yamux_frame_decode(&frame, bytes));
    }
    bytes[0] = 0;
    for (unsigned t = 4; t < 256; t++) {
        bytes[1] = (uint8_t)t;
        check_err(P2P_ERR_MALFORMED, p2p_yamux_frame_decode(&frame, bytes));
    }
}

static void unknown_flags_are_kept(void **state) {
    (void)state;
    p2p_yamux_frame frame;
    uint8_t bytes[P2P_YAMUX_HEADER_LEN] = {0, 1, 0xff, 0xf0};
    check_ok(p2p_yamux_frame_decode(&frame, bytes));
    check(frame.flags == 0xfff0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_twelve_big_endian_bytes),
        cmocka_unit_test(other_versions_and_types_are_refused),
        cmocka_unit_test(unknown_flags_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
