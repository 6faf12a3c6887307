/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"

#include "support/check.h"

static void the_c_library_serves_by_default(void **state) {
    (void)state;
    const p2p_mem mem = {0};
    uint8_t *block = p2p_mem_alloc(&mem, 100);
    for (size_t i = 0; i < 100; i++)
        check(block[i] == 0);
    memset(block, 7, 100);
    block = p2p_mem_resize(&mem, block, 100, 1000);
    check(block[99] == 7);
    p2p_mem_free(&mem, block, 1000);
    p2p_mem_free(&mem, NULL, 0);
}

static void a_copy_is_ones_own(void **state) {
    (void)state;
    faulty_mem faulty;
    faulty_mem_init(&faulty);
    uint8_t *copy = p2p_mem_copy(&faulty.mem, P2P_LITERAL("abc"));
    check_same(p2p_bytes_of(copy, 3), P2P_LITERAL("abc"));
    check(faulty.live_bytes == 3);
    p2p_mem_free(&faulty.mem, copy, 3);
    check(faulty.live_blocks == 0);
    check(p2p_mem_copy(&faulty.mem, (p2p_bytes){0}) == NULL);
}

static void refusal_is_null(void **state) {
    (void)state;
    faulty_mem faulty;
    faulty_mem_init(&faulty);
    faulty.fail_at = 1;
    check(p2p_mem_alloc(&faulty.mem, 10) == NULL);
    faulty.fail_at = 2;
    check(p2p_mem_copy(&faulty.mem, P2P_LITERAL("abc")) == NULL);
    check(faulty.live_blocks == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_c_library_serves_by_default),
        cmocka_unit_test(a_copy_is_ones_own),
        cmocka_unit_test(refusal_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
