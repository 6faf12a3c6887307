/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "base/utf8.h"

/* Groups 6.5 to 6.22 of the Autobahn suite, restated: what is text and what is not. */
static const char *const GOOD[] = {
    "",
    "00",
    "7f",
    "c280",
    "dfbf",
    "e0a080",
    "ed9fbf",
    "ee8080",
    "efbfbd",
    "efbfbf", /* a non-character, but a code point */
    "f0908080",
    "f48fbfbf",
    "ceba e1bdb9 cf83 cebc ceb5", /* κόσμε */
    "48656c6c6f2d c2b5 40 c39f c3b6 c3a4 c3bc c3a0 c3a1",
};

static const char *const BAD[] = {
    "80",          /* continuation alone */
    "bf80bf80",    /* several */
    "c0af",        /* overlong slash */
    "c1bf",        /* overlong, two bytes */
    "e080af",      /* overlong, three */
    "e09fbf",      /* largest overlong of three */
    "f08080af",    /* overlong, four */
    "f08fbfbf",    /* largest overlong of four */
    "f8888080 80", /* five bytes */
    "fc8480808080",
    "fe",
    "ff",
    "eda080",       /* first surrogate */
    "edbfbf",       /* last surrogate */
    "edafbfedbfbf", /* a pair of them */
    "f4908080",     /* above U+10FFFF */
    "f7bfbfbf",
    "c220", /* lead, then no continuation */
    "e0a020",
    "f0908020",
    "ceba e1bdb9 cf83 cebc ceb5 eda080 656469746564",
};

static const char *const CUT_SHORT[] = {"c2", "e0", "e0a0", "f0", "f090", "f09080", "41ceba e1bd"};

static p2p_bytes hex(const char *text, uint8_t dst[64]) {
    return p2p_bytes_of(dst, from_hex(text, dst, 64));
}

static void text_is_accepted_in_any_pieces(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < P2P_COUNT(GOOD); i++) {
        p2p_bytes text = hex(GOOD[i], bytes);
        check(p2p_utf8_valid(text));
        for (size_t cut = 0; cut <= text.len; cut++) {
            p2p_utf8 utf8 = {0};
            check(p2p_utf8_feed(&utf8, p2p_bytes_of(text.ptr, cut)));
            check(p2p_utf8_feed(&utf8, p2p_bytes_of(text.ptr + cut, text.len - cut)));
            check(p2p_utf8_whole(&utf8));
        }
    }
}

static void what_is_no_text_is_refused_at_its_byte(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < P2P_COUNT(BAD); i++) {
        p2p_bytes text = hex(BAD[i], bytes);
        check(!p2p_utf8_valid(text));
        p2p_utf8 utf8 = {0};
        bool refused = false;
        for (size_t at = 0; at < text.len && !refused; at++)
            refused = !p2p_utf8_feed(&utf8, p2p_bytes_of(text.ptr + at, 1));
        check(refused);
    }
}

static void an_unfinished_character_is_not_whole(void **state) {
    (void)state;
    uint8_t bytes[64];
    for (size_t i = 0; i < P2P_COUNT(CUT_SHORT); i++) {
        p2p_bytes text = hex(CUT_SHORT[i], bytes);
        p2p_utf8 utf8 = {0};
        check(p2p_utf8_feed(&utf8, text));
        check(!p2p_utf8_whole(&utf8));
        check(!p2p_utf8_valid(text));
    }
}

/* Every code point against an encoder of its own. */
static void every_code_point_is_judged_rightly(void **state) {
    (void)state;
    for (uint32_t c = 0x800; c < 0x120000; c++) {
        uint8_t b[4];
        size_t len = c < 0x10000 ? 3 : 4;
        for (size_t i = len - 1; i > 0; i--)
            b[i] = (uint8_t)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3f));
        b[0] = (uint8_t)(len == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
        bool good = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
        if (p2p_utf8_valid(p2p_bytes_of(b, len)) != good)
            fail_msg("U+%X", c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_accepted_in_any_pieces),
        cmocka_unit_test(what_is_no_text_is_refused_at_its_byte),
        cmocka_unit_test(an_unfinished_character_is_not_whole),
        cmocka_unit_test(every_code_point_is_judged_rightly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
