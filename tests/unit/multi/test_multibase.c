/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "multi/multibase.h"

#include "support/check.h"

typedef struct base_case {
    p2p_multibase base;
    const char *plain; /* of "yes mani !" */
    const char *zeros; /* of the same behind two zero bytes */
} base_case;

/* The lines of multiformats/multibase tests/basic.csv and tests/two_leading_zeros.csv for the bases
 * that are supported. */
static const base_case CASES[] = {
    {P2P_BASE16, "f796573206d616e692021", "f0000796573206d616e692021"},
    {P2P_BASE16_UPPER, "F796573206D616E692021", "F0000796573206D616E692021"},
    {P2P_BASE32, "bpfsxgidnmfxgsibb", "baaahszltebwwc3tjeaqq"},
    {P2P_BASE32_UPPER, "BPFSXGIDNMFXGSIBB", "BAAAHSZLTEBWWC3TJEAQQ"},
    {P2P_BASE32_PAD, "cpfsxgidnmfxgsibb", "caaahszltebwwc3tjeaqq===="},
    {P2P_BASE32_PAD_UPPER, "CPFSXGIDNMFXGSIBB", "CAAAHSZLTEBWWC3TJEAQQ===="},
    {P2P_BASE36, "k2lcpzo5yikidynfl", "k002lcpzo5yikidynfl"},
    {P2P_BASE36_UPPER, "K2LCPZO5YIKIDYNFL", "K002LCPZO5YIKIDYNFL"},
    {P2P_BASE58_BTC, "z7paNL19xttacUY", "z117paNL19xttacUY"},
    {P2P_BASE64, "meWVzIG1hbmkgIQ", "mAAB5ZXMgbWFuaSAh"},
    {P2P_BASE64_PAD, "MeWVzIG1hbmkgIQ==", "MAAB5ZXMgbWFuaSAh"},
    {P2P_BASE64_URL, "ueWVzIG1hbmkgIQ", "uAAB5ZXMgbWFuaSAh"},
    {P2P_BASE64_URL_PAD, "UeWVzIG1hbmkgIQ==", "UAAB5ZXMgbWFuaSAh"},
};

static void both_ways(p2p_multibase base, const char *text, p2p_bytes data) {
    char out[64];
    uint8_t bytes[32];
    size_t len;
    check(p2p_multibase_encode(out, sizeof out, base, data) == strlen(text));
    assert_string_equal(out, text);
    check_ok(p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_text(text)));
    check_same(p2p_bytes_of(bytes, len), data);
    check_ok(p2p_multibase_decode(bytes, data.len, &len, p2p_bytes_text(text)));
    check_err(
        P2P_ERR_TOO_BIG, p2p_multibase_decode(bytes, data.len - 1, &len, p2p_bytes_text(text)));
}

static void published_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        both_ways(CASES[i].base, CASES[i].plain, P2P_LITERAL("yes mani !"));
        both_ways(CASES[i].base, CASES[i].zeros, P2P_LITERAL("\0\0yes mani !"));
    }
}

static void every_base_round_trips_every_length(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 1);
    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        for (size_t len = 0; len <= P2P_BIG_BASE_MAX; len++) {
            uint8_t data[P2P_BIG_BASE_MAX];
            uint8_t back[P2P_BIG_BASE_MAX];
            char text[2 * P2P_BIG_BASE_MAX + 2];
            size_t back_len;
            random.random.fill(random.random.ctx, data, len);
            size_t text_len =
                p2p_multibase_encode(text, sizeof text, CASES[i].base, p2p_bytes_of(data, len));
            check(text_len < sizeof text && strlen(text) == text_len);
            check_ok(
                p2p_multibase_decode(back, sizeof back, &back_len, p2p_bytes_of(text, text_len)));
            check_same(p2p_bytes_of(back, back_len), p2p_bytes_of(data, len));
        }
    }
}

/* multibase tests/case_insensitivity.csv */
static void bases_of_one_case_read_the_other(void **state) {
    (void)state;
    static const char *const texts[] = {"f68656c6c6f20776F726C64", "F68656c6c6f20776F726C64",
        "bnbswy3dpeB3W64TMMQ", "Bnbswy3dpeB3W64TMMQ",
        "cnbswy3dpeB3W64TMMQ======", "Cnbswy3dpeB3W64TMMQ======", "kfUvrsIvVnfRbjWaJo",
        "KfUVrSIVVnFRbJWAJo"};
    for (size_t i = 0; i < P2P_COUNT(texts); i++) {
        uint8_t bytes[32];
        size_t len;
        check_ok(p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_text(texts[i])));
        check_same(p2p_bytes_of(bytes, len), P2P_LITERAL("hello world"));
    }
}

static void bad_texts_are_invalid(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",           /* not even a prefix */
        "f1",         /* half a byte */
        "fg0",        /* no such letter */
        "ba",         /* less than a byte */
        "bab",        /* bits left over are not zero */
        "baaa",       /* a whole letter left over */
        "b0a",        /* no such letter */
        "baa======",  /* padding where there is none */
        "caa",        /* no padding where there must be */
        "caa=====",   /* too little */
        "caa=======", /* too much */
        "c========",  /* nothing but padding */
        "caa====a=",  /* padding in the middle */
        "MQ===",      /* less than a byte */
        "MQQ=",       /* three letters and one padding make 2 letters short */
        "MQR==",      /* bits left over are not zero */
        "mQ",         /* less than a byte */
        "u+/",        /* of the other base64 */
        "m-_",        /* of the other base64 */
        "z0OIl",      /* left out of the alphabet */
        "k-",         /* no such letter */
        "z\xff",      /* not ASCII */
    };
    for (size_t i = 0; i < P2P_COUNT(texts); i++) {
        uint8_t bytes[32];
        size_t len;
        check_err(P2P_ERR_INVALID,
            p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_text(texts[i])));
    }
}

static void unknown_bases_are_unsupported(void **state) {
    (void)state;
    uint8_t bytes[8];
    char text[8];
    size_t len;
    check_err(
        P2P_ERR_UNSUPPORTED, p2p_multibase_decode(bytes, sizeof bytes, &len, P2P_LITERAL("?abc")));
    check_err(
        P2P_ERR_UNSUPPORTED, p2p_multibase_decode(bytes, sizeof bytes, &len, P2P_LITERAL("0101")));
    check(p2p_multibase_encode(text, sizeof text, (p2p_multibase)'?', P2P_LITERAL("a")) == 0);
    check(text[0] == '\0');
    check(p2p_base_encode(text, sizeof text, (p2p_multibase)'?', P2P_LITERAL("a")) == 0);
}

static void big_number_bases_are_bounded(void **state) {
    (void)state;
    static char text[10001];
    uint8_t bytes[P2P_BIG_BASE_MAX + 1] = {0};
    size_t len;
    char out[8];
    memset(text, 'z', 10000);
    check_err(P2P_ERR_TOO_BIG,
        p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_of(text, 10000)));
    check_err(
        P2P_ERR_TOO_BIG, p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_of(text, 300)));
    memset(text + 1, '1', 300); /* zeros */
    check_err(
        P2P_ERR_TOO_BIG, p2p_multibase_decode(bytes, sizeof bytes, &len, p2p_bytes_of(text, 300)));
    check(p2p_multibase_encode(
              out, sizeof out, P2P_BASE58_BTC, p2p_bytes_of(bytes, sizeof bytes)) == 0);
}

static void a_short_buffer_gets_the_beginning(void **state) {
    (void)state;
    char out[8];
    memset(out, 'x', sizeof out);
    check(p2p_multibase_encode(out, 4, P2P_BASE16, P2P_LITERAL("abc")) == 7);
    assert_string_equal(out, "f61");
    check(out[4] == 'x');
    check(p2p_multibase_encode(NULL, 0, P2P_BASE58_BTC, P2P_LITERAL("yes mani !")) == 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(every_base_round_trips_every_length),
        cmocka_unit_test(bases_of_one_case_read_the_other),
        cmocka_unit_test(bad_texts_are_invalid),
        cmocka_unit_test(unknown_bases_are_unsupported),
        cmocka_unit_test(big_number_bases_are_bounded),
        cmocka_unit_test(a_short_buffer_gets_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
