/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/certhash_list.h"

static p2p_bytes hash_of(uint8_t fill, uint8_t hash[P2P_CERTHASH_LEN]) {
    uint8_t digest[32];
    memset(digest, fill, sizeof digest);
    p2p_certhash_of_digest(hash, digest);
    return p2p_bytes_of(hash, P2P_CERTHASH_LEN);
}

static void the_list_is_field_one_repeated(void **state) {
    (void)state;
    uint8_t a[P2P_CERTHASH_LEN];
    uint8_t b[P2P_CERTHASH_LEN];
    uint8_t out[100];
    p2p_bytes hashes[] = {hash_of(0xaa, a), hash_of(0xbb, b)};
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_certhash_list_put(&w, hashes, 2);
    check_ok(p2p_writer_end(&w));
    check_bytes(p2p_writer_view(&w),
        "0a22 1220 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "0a22 1220 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
}

/* spec: webtransport #security-handshake: every hash that was dialled is one the peer vouches for.
 */
static void every_dialled_hash_must_be_listed(void **state) {
    (void)state;
    uint8_t a[P2P_CERTHASH_LEN];
    uint8_t b[P2P_CERTHASH_LEN];
    uint8_t c[P2P_CERTHASH_LEN];
    uint8_t out[200];
    p2p_bytes listed[] = {hash_of(1, a), hash_of(2, b), {0}};
    p2p_bytes dialled[] = {hash_of(2, b), hash_of(1, a), hash_of(3, c)};
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_certhash_list_put(&w, listed, 2);
    p2p_bytes extensions = p2p_writer_view(&w);
    check_ok(p2p_certhash_list_check(extensions, dialled, 0));
    check_ok(p2p_certhash_list_check(extensions, dialled, 1));
    check_ok(p2p_certhash_list_check(extensions, dialled, 2));
    check_err(P2P_ERR_BAD_CERTIFICATE, p2p_certhash_list_check(extensions, dialled, 3));
    check_err(P2P_ERR_BAD_CERTIFICATE, p2p_certhash_list_check((p2p_bytes){0}, dialled, 1));
    p2p_bytes cut = p2p_bytes_of(dialled[0].ptr, 33);
    check_err(P2P_ERR_BAD_CERTIFICATE, p2p_certhash_list_check(extensions, &cut, 1));
}

static void other_fields_are_skipped_and_bad_bytes_refused(void **state) {
    (void)state;
    uint8_t bytes[64];
    static const uint8_t HASH[] = {0x12, 0x01, 0x77};
    p2p_bytes dialled = p2p_bytes_of(HASH, sizeof HASH);
    size_t len = from_hex("1206 2f79616d7578 1801 0a03 120177 2203 616263", bytes, 64);
    check_ok(p2p_certhash_list_check(p2p_bytes_of(bytes, len), &dialled, 1));
    len = from_hex("0a04 120177", bytes, 64);
    check_err(P2P_ERR_MALFORMED, p2p_certhash_list_check(p2p_bytes_of(bytes, len), &dialled, 1));
    len = from_hex("0801", bytes, 64); /* field 1, but a number */
    check_err(P2P_ERR_MALFORMED, p2p_certhash_list_check(p2p_bytes_of(bytes, len), &dialled, 1));
}

static void a_list_without_end_is_refused(void **state) {
    (void)state;
    uint8_t bytes[2 * (P2P_CERTHASH_LIST_MAX + 1)];
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a;
        bytes[i + 1] = 0;
    }
    check_ok(p2p_certhash_list_check(p2p_bytes_of(bytes, sizeof bytes - 2), NULL, 0));
    check_err(
        P2P_ERR_VIOLATION, p2p_certhash_list_check(p2p_bytes_of(bytes, sizeof bytes), NULL, 0));
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
        cmocka_unit_test(the_list_is_field_one_repeated),
        cmocka_unit_test(every_dialled_hash_must_be_listed),
        cmocka_unit_test(other_fields_are_skipped_and_bad_bytes_refused),
        cmocka_unit_test(a_list_without_end_is_refused),
        cmocka_unit_test(only_sha256_multihashes_count_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
