/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/error_code.h"

static void codes_map_to_the_window_and_back(void **state) {
    (void)state;

    static const struct {
        uint32_t code;
        uint64_t wire;
    } CASES[] = {
        {0, UINT64_C(0x52e4a40fa8db)}, /* seen from Chromium */
        {1, UINT64_C(0x52e4a40fa8dc)},
        {0x1d, UINT64_C(0x52e4a40fa8f8)},
        {0x1e, UINT64_C(0x52e4a40fa8fa)},
        {0x3b, UINT64_C(0x52e4a40fa917)},
        {0x3c, UINT64_C(0x52e4a40fa919)},
        {UINT32_MAX, UINT64_C(0x52e5ac983162)},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        uint32_t back;
        check(p2p_wt_code_to_wire(CASES[i].code) == CASES[i].wire);
        check(p2p_wt_code_from_wire(CASES[i].wire, &back) && back == CASES[i].code);
    }
}

static void every_code_near_the_edges_and_many_between_survive(void **state) {
    (void)state;
    seeded_random seeded;
    seeded_random_init(&seeded, 3);
    uint32_t back;
    for (uint32_t i = 0; i < 100000; i++) {
        const uint32_t codes[] = {i, UINT32_MAX - i, (uint32_t)seeded_random_next(&seeded)};
        for (size_t k = 0; k < 3; k++) {
            uint64_t wire = p2p_wt_code_to_wire(codes[k]);
            check((wire - 0x21) % 0x1f != 0);
            check(p2p_wt_code_from_wire(wire, &back) && back == codes[k]);
        }
    }
}

static void reserved_and_foreign_codes_are_no_application_codes(void **state) {
    (void)state;
    uint32_t code;
    size_t skipped = 0;
    for (uint64_t wire = P2P_WT_CODE_FIRST; wire < P2P_WT_CODE_FIRST + 31 * 1000; wire++)
        skipped += !p2p_wt_code_from_wire(wire, &code);
    check(skipped == 1000);
    check(!p2p_wt_code_from_wire(UINT64_C(0x52e4a40fa8f9), &code));
    check(!p2p_wt_code_from_wire(P2P_WT_CODE_FIRST - 1, &code));
    check(!p2p_wt_code_from_wire(P2P_WT_CODE_LAST + 1, &code));
    check(!p2p_wt_code_from_wire(0, &code));
    check(!p2p_wt_code_from_wire(0x10c, &code));
    check(!p2p_wt_code_from_wire(UINT64_MAX, &code));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_map_to_the_window_and_back),
        cmocka_unit_test(every_code_near_the_edges_and_many_between_survive),
        cmocka_unit_test(reserved_and_foreign_codes_are_no_application_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
