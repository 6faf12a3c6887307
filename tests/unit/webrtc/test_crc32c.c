/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/crc32c.h"

#include "support/check.h"

static void the_check_value_is_right(void **state) {
    (void)state;
    const uint8_t *digits = (const uint8_t *)"123456789";
    check(p2p_crc32c(digits, 9) == 0xe3069283);
    check(p2p_crc32c_portable(digits, 9) == 0xe3069283);
}

/* RFC 3720 B.4: 32 zero bytes, 32 bytes of ones, 32 incrementing bytes. */
static void the_iscsi_examples_are_right(void **state) {
    (void)state;
    uint8_t block[32] = {0};
    check(p2p_crc32c(block, sizeof block) == 0x8a9136aa);
    memset(block, 0xff, sizeof block);
    check(p2p_crc32c(block, sizeof block) == 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        block[i] = (uint8_t)i;
    check(p2p_crc32c(block, sizeof block) == 0x46dd794e);
}

static void every_length_agrees_with_one_bit_at_a_time(void **state) {
    (void)state;
    seeded_random seeded;
    seeded_random_init(&seeded, 7);
    static uint8_t data[5000];
    seeded.random.fill(&seeded, data, sizeof data);
    uint32_t crc = 0xffffffff;
    for (size_t len = 0; len < sizeof data; len++) {
        if (p2p_crc32c(data, len) != (uint32_t)~crc ||
            p2p_crc32c_portable(data, len) != (uint32_t)~crc)
            fail_msg("length %zu", len);
        crc ^= data[len];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
}

static void alignment_does_not_matter(void **state) {
    (void)state;
    static uint8_t data[1400];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31);
    for (size_t at = 0; at < 16; at++)
        check(p2p_crc32c(data + at, 1200) == p2p_crc32c_portable(data + at, 1200));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_is_right),
        cmocka_unit_test(the_iscsi_examples_are_right),
        cmocka_unit_test(every_length_agrees_with_one_bit_at_a_time),
        cmocka_unit_test(alignment_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
