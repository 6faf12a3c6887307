/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/certhash.h"

static p2p_bytes hash_of(uint8_t fill, uint8_t hash[P2P_CERTHASH_LEN]) {
    uint8_t digest[32];
    memset(digest, fill, sizeof digest);
    p2p_certhash_of_digest(hash, digest);
    return p2p_bytes_of(hash, P2P_CERTHASH_LEN);
}

static void only_sha256_multihashes_count_as_such(void **state) {
    (void)state;
    uint8_t hash[P2P_CERTHASH_LEN];
    p2p_bytes good = hash_of(9, hash);
    check(p2p_certhash_is_sha256(good));
    check(!p2p_certhash_is_sha256(p2p_bytes_of(hash, 33)));
    hash[0] = 0x13;
    check(!p2p_certhash_is_sha256(good));
    hash[0] = 0x12;
    hash[1] = 31;
    check(!p2p_certhash_is_sha256(good));
    check(!p2p_certhash_is_sha256((p2p_bytes){0}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_sha256_multihashes_count_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
