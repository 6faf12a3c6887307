/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "multi/cid.h"

#include "support/check.h"

static const char V0[] = "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";

static void version_0_is_a_bare_hash(void **state) {
    (void)state;
    p2p_cid cid;
    p2p_cid again;
    uint8_t bytes[P2P_CID_MAX];
    char text[P2P_CID_TEXT_MAX];
    check_ok(p2p_cid_parse(&cid, p2p_bytes_text(V0)));
    check(cid.version == 0 && cid.codec == P2P_CODEC_DAG_PB && cid.hash_len == 34);
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_cid_encode(&w, &cid);
    check(w.len == 34);
    check_ok(p2p_cid_decode(&again, p2p_writer_view(&w)));
    check(again.version == 0);
    check(p2p_cid_format(text, sizeof text, &again, P2P_BASE32) == 46);
    assert_string_equal(text, V0);
}

static void version_1_in_any_base(void **state) {
    (void)state;
    static const char base32[] = "bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm";
    static const char base36[] = "k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl7";
    p2p_cid old;
    p2p_cid cid;
    p2p_cid again;
    uint8_t bytes[P2P_CID_MAX];
    char text[P2P_CID_TEXT_MAX];
    check_ok(p2p_cid_parse(&old, p2p_bytes_text(V0)));
    check_ok(p2p_cid_parse(&cid, p2p_bytes_text(base32)));
    check(cid.version == 1 && cid.codec == P2P_CODEC_LIBP2P_KEY);
    check_same(p2p_cid_hash(&cid), p2p_cid_hash(&old));
    check(p2p_cid_format(text, sizeof text, &cid, P2P_BASE36) == strlen(base36));
    assert_string_equal(text, base36);
    check_ok(p2p_cid_parse(&again, p2p_bytes_text(base36)));
    check_same(p2p_cid_hash(&again), p2p_cid_hash(&cid));
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_cid_encode(&w, &cid);
    check(w.len == 36 && bytes[0] == 1 && bytes[1] == 0x72);
    check_ok(p2p_cid_make(&again, P2P_CODEC_LIBP2P_KEY, p2p_cid_hash(&old)));
    p2p_cid_format(text, sizeof text, &again, P2P_BASE32);
    assert_string_equal(text, base32);
}

static void what_is_no_cid_is_refused(void **state) {
    (void)state;

    static const struct {
        p2p_err err;
        const char *hex;
    } cases[] = {
        {P2P_ERR_MALFORMED, ""},
        {P2P_ERR_MALFORMED, "01"},
        {P2P_ERR_MALFORMED, "0155"},
        {P2P_ERR_MALFORMED, "01551220"},
        {P2P_ERR_MALFORMED, "0055000100"},
        {P2P_ERR_MALFORMED, "8100550000"},
        {P2P_ERR_MALFORMED, "01 d500 0000"},
        {P2P_ERR_UNSUPPORTED, "02550000"},
        {P2P_ERR_UNSUPPORTED,
            "1221 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {P2P_OK, "01550000"},
        {P2P_OK, "01d5010000"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[64];
        p2p_cid cid;
        size_t len = from_hex(cases[i].hex, bytes, sizeof bytes);
        check_err(cases[i].err, p2p_cid_decode(&cid, p2p_bytes_of(bytes, len)));
    }
    static const char *const texts[] = {"", "Qm", "b",
        "zQmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC", /* version 0 with a prefix */
        "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNK0"};
    for (size_t i = 0; i < P2P_COUNT(texts); i++) {
        p2p_cid cid;
        check(p2p_cid_parse(&cid, p2p_bytes_text(texts[i])) != P2P_OK);
    }
}

static void the_longest_cid_has_room(void **state) {
    (void)state;
    uint8_t hash[P2P_MULTIHASH_MAX + 1] = {0, P2P_MULTIHASH_MAX - 2};
    uint8_t bytes[P2P_CID_MAX];
    char text[P2P_CID_TEXT_MAX];
    p2p_cid cid;
    p2p_cid again;
    check_ok(p2p_cid_make(&cid, (UINT64_C(1) << 63) - 1, p2p_bytes_of(hash, P2P_MULTIHASH_MAX)));
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_cid_encode(&w, &cid);
    check_ok(p2p_writer_end(&w));
    size_t len = p2p_cid_format(text, sizeof text, &cid, P2P_BASE16);
    check(len == sizeof text - 1);
    check_ok(p2p_cid_parse(&again, p2p_bytes_of(text, len)));
    check(again.codec == cid.codec);
    hash[1]++;
    check_err(P2P_ERR_MALFORMED, p2p_cid_make(&cid, 1, p2p_bytes_of(hash, sizeof hash)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_0_is_a_bare_hash),
        cmocka_unit_test(version_1_in_any_base),
        cmocka_unit_test(what_is_no_cid_is_refused),
        cmocka_unit_test(the_longest_cid_has_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
