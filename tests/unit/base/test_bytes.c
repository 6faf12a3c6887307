/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"

#include "support/check.h"

static void loads_undo_stores(void **state) {
    (void)state;
    uint8_t raw[8];
    p2p_store16(raw, 0x8182);
    check_bytes(p2p_bytes_of(raw, 2), "8182");
    check(p2p_load16(raw) == 0x8182);
    p2p_store32(raw, 0x81828384);
    check_bytes(p2p_bytes_of(raw, 4), "81828384");
    check(p2p_load32(raw) == 0x81828384);
    p2p_store64(raw, UINT64_C(0x8182838485868788));
    check_bytes(p2p_bytes_of(raw, 8), "8182838485868788");
    check(p2p_load64(raw) == UINT64_C(0x8182838485868788));
    p2p_store64le(raw, UINT64_C(0x8182838485868788));
    check_bytes(p2p_bytes_of(raw, 8), "8887868584838281");
}

static void views_compare_by_content(void **state) {
    (void)state;
    p2p_bytes nothing = {0};
    check(p2p_bytes_equal(nothing, P2P_LITERAL("")));
    check(p2p_bytes_equal(P2P_LITERAL("ab"), p2p_bytes_text("ab")));
    check(!p2p_bytes_equal(P2P_LITERAL("ab"), P2P_LITERAL("ac")));
    check(!p2p_bytes_equal(P2P_LITERAL("ab"), P2P_LITERAL("a")));
    check(p2p_bytes_start(P2P_LITERAL("abc"), P2P_LITERAL("ab")));
    check(p2p_bytes_start(nothing, nothing) && p2p_bytes_start(P2P_LITERAL("a"), nothing));
    check(!p2p_bytes_start(P2P_LITERAL("a"), P2P_LITERAL("ab")));
    check(!p2p_bytes_start(P2P_LITERAL("ab"), P2P_LITERAL("b")));
}

static void secrets_compare_in_every_bit(void **state) {
    (void)state;
    uint8_t a[8] = {0};
    uint8_t b[8] = {0};
    check(p2p_same_secret(a, b, sizeof a) && p2p_same_secret(a, b, 0));
    for (size_t bit = 0; bit < 64; bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(!p2p_same_secret(a, b, sizeof a));
        b[bit / 8] = 0;
    }
}

static void a_wiped_secret_is_zero(void **state) {
    (void)state;
    uint8_t secret[6] = "12345";
    p2p_wipe(secret, 4);
    check_bytes(p2p_bytes_of(secret, 6), "00000000 3500");
    p2p_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_undo_stores),
        cmocka_unit_test(views_compare_by_content),
        cmocka_unit_test(secrets_compare_in_every_bit),
        cmocka_unit_test(a_wiped_secret_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
