/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/dcep.h"

#include "support/check.h"

static void open_has_the_bytes_of_the_rfc(void **state) {
    (void)state;
    uint8_t out[P2P_DCEP_MAX];
    size_t len;
    p2p_dcep_open open = {.reliability = P2P_LIMITED_LIFETIME,
        .unordered = true,
        .priority = 256,
        .limit = 1000,
        .label = P2P_LITERAL("ab"),
        .protocol = P2P_LITERAL("p")};
    check_ok(p2p_dcep_open_encode(out, &len, &open));
    check_bytes(p2p_bytes_of(out, len), "03 82 0100 000003e8 0002 0001 6162 70");
    p2p_dcep_open read;
    check_ok(p2p_dcep_open_decode(&read, p2p_bytes_of(out, len)));
    check(read.unordered && read.reliability == P2P_LIMITED_LIFETIME && read.limit == 1000);
    check_same(read.label, open.label);
    check_same(read.protocol, open.protocol);
}

static void bad_opens_are_refused(void **state) {
    (void)state;
    static const char *bad[] = {"", "03", "0300000000000000000000", "020000000000000000000000",
        "030300000000000000000000", "030000000000000000010000", "03000000000000000000000000"};
    for (size_t i = 0; i < P2P_COUNT(bad); i++) {
        uint8_t message[32];
        p2p_dcep_open open;
        size_t len = from_hex(bad[i], message, sizeof message);
        check_err(P2P_ERR_MALFORMED, p2p_dcep_open_decode(&open, p2p_bytes_of(message, len)));
    }
    static uint8_t name[12 + 256] = {3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    p2p_dcep_open open;
    check_err(P2P_ERR_TOO_BIG, p2p_dcep_open_decode(&open, p2p_bytes_of(name, sizeof name)));
    p2p_dcep_open mine = {.label = {name, 256}};
    uint8_t out[P2P_DCEP_MAX];
    size_t len;
    check_err(P2P_ERR_INVALID, p2p_dcep_open_encode(out, &len, &mine));
    p2p_dcep_type type;
    check_ok(p2p_dcep_type_of(P2P_LITERAL("\2"), &type));
    check(type == P2P_DCEP_ACK);
    check_err(P2P_ERR_MALFORMED, p2p_dcep_type_of(P2P_LITERAL("\4"), &type));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_has_the_bytes_of_the_rfc),
        cmocka_unit_test(bad_opens_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
