/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "multi/multihash.h"

#include "support/check.h"

/* Lines of multiformats/multihash tests/values/test_cases.csv: full and truncated digests of the
 * empty string. */
static const struct {
    uint64_t code;
    const char *hex;
} CASES[] = {
    {0x11, "110ada39a3ee5e6b4b0d3255"},
    {0x11, "1114da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {0x12, "120ae3b0c44298fc1c149afb"},
    {0x12, "1214e3b0c44298fc1c149afbf4c8996fb92427ae41e4"},
    {0x12, "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {0x13, "130acf83e1357eefb8bdf154"},
    {0x13, "1320cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"},
    {0x13, "1340cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8"
           "318d2877eec2f63b931bd47417a81a538327af927da3e"},
    {0x14, "1420a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"},
};

static void published_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        uint8_t bytes[128];
        uint8_t again[128];
        p2p_multihash hash;
        size_t len = from_hex(CASES[i].hex, bytes, sizeof bytes);
        check_ok(p2p_multihash_decode(&hash, p2p_bytes_of(bytes, len)));
        check(hash.code == CASES[i].code && hash.digest.len == len - 2);
        p2p_writer w = p2p_writer_of(again, sizeof again);
        p2p_multihash_encode(&w, hash.code, hash.digest);
        check_bytes(p2p_writer_view(&w), CASES[i].hex);
        for (size_t cut = 0; cut < len; cut++)
            check_err(P2P_ERR_MALFORMED, p2p_multihash_decode(&hash, p2p_bytes_of(bytes, cut)));
        check_err(P2P_ERR_MALFORMED, p2p_multihash_decode(&hash, p2p_bytes_of(bytes, len + 1)));
    }
}

static void digests_are_not_longer_than_their_function_makes_them(void **state) {
    (void)state;
    static const uint8_t heads[][2] = {{0x11, 21}, {0x12, 33}, {0x13, 65}, {0x14, 127}};
    for (size_t i = 0; i < P2P_COUNT(heads); i++) {
        uint8_t bytes[140] = {heads[i][0], heads[i][1]};
        p2p_multihash hash;
        check_err(P2P_ERR_MALFORMED,
            p2p_multihash_decode(&hash, p2p_bytes_of(bytes, (size_t)heads[i][1] + 2)));
        bytes[1]--;
        check_ok(p2p_multihash_decode(&hash, p2p_bytes_of(bytes, (size_t)heads[i][1] + 1)));
    }
}

static void varints_are_minimal(void **state) {
    (void)state;
    static const char *const bad[] = {"920020", "12a000", "ffffffffffffffffffff0100"};
    for (size_t i = 0; i < P2P_COUNT(bad); i++) {
        uint8_t bytes[64] = {0};
        p2p_multihash hash;
        size_t len = from_hex(bad[i], bytes, sizeof bytes);
        check_err(P2P_ERR_MALFORMED, p2p_multihash_decode(&hash, p2p_bytes_of(bytes, len)));
        check_err(P2P_ERR_MALFORMED, p2p_multihash_decode(&hash, p2p_bytes_of(bytes, len + 32)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(digests_are_not_longer_than_their_function_makes_them),
        cmocka_unit_test(varints_are_minimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
