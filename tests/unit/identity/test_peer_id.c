/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "identity/identity.h"

#include "support/check.h"

/* Ids as they stand in the tests of go-multiaddr and in the peer-ids spec. */
static const struct {
    const char *base58;
    const char *cids[2];
} IDS[] = {
    {"QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
        {"k2k4r8oqamigqdo6o7hsbfwd45y70oyynp98usk7zmyfrzpqxh1pohl7",
            "bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm"}},
    {"12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV",
        {"k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs",
            "bafzaajaiaejcalj543iwv2d7pkjt7ykvefrkfu7qjfi6sduakhso4lay6abn2d5u"}},
};

/* spec: peer-ids #string-representation: implementations MUST support parsing both forms of peer
 * ids. */
static void every_text_form_is_the_same_id(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(IDS); i++) {
        char text[P2P_PEER_ID_TEXT_MAX];
        p2p_peer_id id;
        p2p_peer_id same;
        check_ok(p2p_peer_id_parse(&id, IDS[i].base58));
        check(p2p_peer_id_format(text, sizeof text, &id) == strlen(IDS[i].base58));
        assert_string_equal(text, IDS[i].base58);
        check(p2p_peer_id_format_cid(text, sizeof text, &id) == strlen(IDS[i].cids[0]));
        assert_string_equal(text, IDS[i].cids[0]);
        for (size_t k = 0; k < 2; k++) {
            check_ok(p2p_peer_id_parse(&same, IDS[i].cids[k]));
            check(p2p_peer_id_equal(&id, &same));
        }
    }
}

static void other_texts_are_invalid(void **state) {
    (void)state;
    static const char *const texts[] = {"", "1", "Qm", "Q",
        "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNK",  /* one letter short */
        "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNK0", /* no such letter */
        "QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY", /* a digest of more than 32 bytes */
        "k2jmtxwoe2phm1hbqp0e7nufqf6umvuu2e9qd7ana7h411a0haqj6i2z", /* codec dag-pb */
        "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV ",
        "zQmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"};
    p2p_peer_id id;
    char text[4096];
    for (size_t i = 0; i < P2P_COUNT(texts); i++) {
        check_err(P2P_ERR_INVALID, p2p_peer_id_parse(&id, texts[i]));
        check(id.len == 0);
    }
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    check_err(P2P_ERR_INVALID, p2p_peer_id_parse(&id, text));
    text[100] = '\0';
    check_err(P2P_ERR_INVALID, p2p_peer_id_parse(&id, text));
}

static void other_multihashes_are_malformed(void **state) {
    (void)state;
    static const char *const hexes[] = {"", "00", "0000", "0001", "1220",
        "1114da39a3ee5e6b4b0d3255bfef95601890afd80709",                       /* SHA-1 */
        "121fe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8", /* cut */
        "1220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85500", "0002080112",
        "80002408"};
    uint8_t bytes[64] = {0, 43};
    p2p_peer_id id;
    for (size_t i = 0; i < P2P_COUNT(hexes); i++) {
        uint8_t raw[64];
        size_t len = from_hex(hexes[i], raw, sizeof raw);
        check_err(P2P_ERR_MALFORMED, p2p_peer_id_decode(&id, p2p_bytes_of(raw, len)));
    }
    check_err(P2P_ERR_MALFORMED, p2p_peer_id_decode(&id, p2p_bytes_of(bytes, 45)));
    bytes[1] = 42;
    check_ok(p2p_peer_id_decode(&id, p2p_bytes_of(bytes, 44)));
}

/* peer-ids spec #peer-ids: inline up to 42 bytes, hashed above. */
/* spec: peer-ids #peer-ids: keys that serialize to more than 42 bytes must be hashed using sha256,
 * others "identity". */
static void short_keys_stand_in_the_id(void **state) {
    (void)state;
    uint8_t key[200];
    for (size_t data_len = 30; data_len < 100; data_len++) {
        p2p_peer_id id;
        uint8_t digest[32];
        uint8_t data[100] = {0};
        p2p_writer w = p2p_writer_of(key, sizeof key);
        p2p_public_key_encode(&w, P2P_ECDSA, p2p_bytes_of(data, data_len));
        check_ok(p2p_peer_id_of_key(&id, p2p_writer_view(&w)));
        if (w.len <= 42) {
            check(id.len == w.len + 2);
            check(id.bytes[0] == 0 && id.bytes[1] == w.len);
            check_same(p2p_bytes_of(id.bytes + 2, w.len), p2p_writer_view(&w));
        } else {
            p2p_sha256(digest, p2p_writer_view(&w));
            check(id.len == 34 && id.bytes[0] == 0x12 && id.bytes[1] == 32);
            check_same(p2p_bytes_of(id.bytes + 2, 32), p2p_bytes_of(digest, 32));
        }
        p2p_peer_id again;
        check_ok(p2p_peer_id_decode(&again, p2p_bytes_of(id.bytes, id.len)));
        check(p2p_peer_id_equal(&id, &again));
    }
}

/* Each of these is the same key as the first to a lax reader, and another peer id. */
/* spec: peer-ids #keys: encoding must be deterministic: minimal, in tag order, all fields, no
 * others. */
static void only_the_canonical_encoding_of_a_key_has_an_id(void **state) {
    (void)state;

    static const struct {
        p2p_err err;
        const char *head;
        const char *tail;
    } cases[] = {
        {P2P_OK, "08011220", ""},
        {P2P_ERR_MALFORMED, "1220", "0801"},     /* other order */
        {P2P_ERR_MALFORMED, "0881001220", ""},   /* longer varint */
        {P2P_ERR_MALFORMED, "080112a000", ""},   /* longer varint */
        {P2P_ERR_MALFORMED, "88000112 20", ""},  /* longer key */
        {P2P_ERR_MALFORMED, "08011220", "1801"}, /* unknown field */
        {P2P_ERR_MALFORMED, "080108011220", ""}, /* twice */
        {P2P_ERR_MALFORMED, "1220", ""},         /* proto3's way to say RSA */
        {P2P_ERR_MALFORMED, "088180808080800112 20", ""},
        {P2P_ERR_UNSUPPORTED, "08041220", ""},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t key[64] = {0};
        p2p_peer_id id;
        size_t len = from_hex(cases[i].head, key, sizeof key) + 32;
        len += from_hex(cases[i].tail, key + len, sizeof key - len);
        check_err(cases[i].err, p2p_peer_id_of_key(&id, p2p_bytes_of(key, len)));
    }
    static uint8_t big[P2P_PUBLIC_KEY_MAX + 1];
    p2p_peer_id id;
    check_err(P2P_ERR_MALFORMED, p2p_peer_id_of_key(&id, p2p_bytes_of(big, sizeof big)));
}

static void no_peer_has_no_text(void **state) {
    (void)state;
    char text[8] = "x";
    p2p_peer_id none = {0};
    check(p2p_peer_id_format(text, sizeof text, &none) == 0 && text[0] == '\0');
    text[0] = 'x';
    check(p2p_peer_id_format_cid(text, sizeof text, &none) == 0 && text[0] == '\0');
    check(p2p_peer_id_format_cid(NULL, 0, &none) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_form_is_the_same_id),
        cmocka_unit_test(other_texts_are_invalid),
        cmocka_unit_test(other_multihashes_are_malformed),
        cmocka_unit_test(short_keys_stand_in_the_id),
        cmocka_unit_test(only_the_canonical_encoding_of_a_key_has_an_id),
        cmocka_unit_test(no_peer_has_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
