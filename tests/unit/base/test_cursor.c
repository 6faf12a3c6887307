/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Vectors: multiformats/unsigned-varint README, RFC 9000 appendix A.1. */
#include "base/cursor.h"

#include "support/check.h"

static void fields_are_read_in_order(void **state) {
    (void)state;
    uint8_t bytes[32];
    size_t len = from_hex("01 0203 04050607 08090a0b0c0d0e0f 1011 12", bytes, sizeof bytes);
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, len));
    check(p2p_cursor_u8(&c) == 1);
    check(p2p_cursor_u16(&c) == 0x0203);
    check(p2p_cursor_u32(&c) == 0x04050607);
    check(p2p_cursor_u64(&c) == UINT64_C(0x08090a0b0c0d0e0f));
    check_bytes(p2p_cursor_take(&c, 2), "1011");
    check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&c)); /* one byte left */
    check_bytes(p2p_cursor_rest(&c), "12");
    check_ok(p2p_cursor_end(&c));
    check(p2p_cursor_rest(&c).len == 0);
    check_ok(p2p_cursor_end(&c));
}

static void an_error_sticks(void **state) {
    (void)state;
    static const uint8_t bytes[3] = {1, 2, 3};
    for (size_t len = 0; len < 4; len++) {
        p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, len < 3 ? len : 3));
        check(p2p_cursor_u32(&c) == 0);
        check(p2p_cursor_u8(&c) == 0 && p2p_cursor_u16(&c) == 0 && p2p_cursor_u64(&c) == 0);
        check(p2p_cursor_take(&c, 1).len == 0 && p2p_cursor_rest(&c).len == 0);
        check(p2p_cursor_uvarint(&c) == 0 && p2p_cursor_quic_varint(&c) == 0);
        check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&c));
    }
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, 3));
    check(p2p_cursor_take(&c, UINT64_MAX).len == 0);
    check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&c));
    c = p2p_cursor_of((p2p_bytes){0});
    check(p2p_cursor_take(&c, 0).len == 0 && p2p_cursor_rest(&c).len == 0);
    check_ok(p2p_cursor_end(&c));
}

static const struct {
    uint64_t value;
    const char *hex;
} UVARINTS[] = {
    {0, "00"},
    {1, "01"},
    {127, "7f"},
    {128, "8001"},
    {255, "ff01"},
    {300, "ac02"},
    {16384, "808001"},
    {(UINT64_C(1) << 56) - 1, "ffffffffffffff7f"},
    {UINT64_C(1) << 56, "808080808080808001"},
    {(UINT64_C(1) << 63) - 1, "ffffffffffffffff7f"},
};

static void uvarints_go_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(UVARINTS); i++) {
        uint8_t bytes[16];
        uint8_t out[16];
        uint64_t value;
        size_t size;
        size_t len = from_hex(UVARINTS[i].hex, bytes, sizeof bytes);
        p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, len));
        check(p2p_cursor_uvarint(&c) == UVARINTS[i].value);
        check_ok(p2p_cursor_end(&c));
        p2p_writer w = p2p_writer_of(out, sizeof out);
        p2p_writer_uvarint(&w, UVARINTS[i].value);
        check_bytes(p2p_writer_view(&w), UVARINTS[i].hex);
        check(p2p_uvarint_len(UVARINTS[i].value) == len);
        for (size_t cut = 0; cut < len; cut++)
            check_err(P2P_ERR_AGAIN, p2p_uvarint_peek(p2p_bytes_of(bytes, cut), 9, &value, &size));
        check_ok(p2p_uvarint_peek(p2p_bytes_of(bytes, len), len, &value, &size));
        check(value == UVARINTS[i].value && size == len);
        check_err(
            P2P_ERR_MALFORMED, p2p_uvarint_peek(p2p_bytes_of(bytes, len), len - 1, &value, &size));
    }
    check(p2p_uvarint_len(UINT64_MAX) == 10);
}

static void bad_uvarints_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"8000", "ff00", "80808000", "808080808080808080 01",
        "ffffffffffffffffff01", "80", "ffffffffffffffffff"};
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[16];
        size_t len = from_hex(cases[i], bytes, sizeof bytes);
        p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, len));
        check(p2p_cursor_uvarint(&c) == 0);
        check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&c));
    }
}

static void quic_varints_go_both_ways(void **state) {
    (void)state;

    static const struct {
        uint64_t value;
        const char *hex;
    } cases[] = {
        {37, "25"},
        {15293, "7bbd"},
        {494878333, "9d7f3e7d"},
        {UINT64_C(151288809941952652), "c2197c5eff14e88c"},
        {0, "00"},
        {63, "3f"},
        {64, "4040"},
        {16383, "7fff"},
        {16384, "80004000"},
        {(1U << 30) - 1, "bfffffff"},
        {1U << 30, "c000000040000000"},
        {(UINT64_C(1) << 62) - 1, "ffffffffffffffff"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[8];
        uint8_t out[8];
        size_t len = from_hex(cases[i].hex, bytes, sizeof bytes);
        p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, len));
        check(p2p_cursor_quic_varint(&c) == cases[i].value);
        check_ok(p2p_cursor_end(&c));
        p2p_writer w = p2p_writer_of(out, sizeof out);
        p2p_writer_quic_varint(&w, cases[i].value);
        check_bytes(p2p_writer_view(&w), cases[i].hex);
        for (size_t cut = 0; cut < len; cut++) {
            c = p2p_cursor_of(p2p_bytes_of(bytes, cut));
            check(p2p_cursor_quic_varint(&c) == 0);
            check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&c));
        }
    }
    uint8_t loose[2] = {0x40, 0x25}; /* RFC 9000 allows more bytes than are needed */
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(loose, 2));
    check(p2p_cursor_quic_varint(&c) == 37);
}

static void write_all(p2p_writer *w) {
    p2p_writer_u8(w, 1);
    p2p_writer_u16(w, 0x0203);
    p2p_writer_u32(w, 0x04050607);
    p2p_writer_u64(w, UINT64_C(0x08090a0b0c0d0e0f));
    p2p_writer_bytes(w, P2P_LITERAL("\x10\x11"));
    p2p_writer_bytes(w, (p2p_bytes){0});
}

static void a_writer_never_passes_its_end(void **state) {
    (void)state;
    for (size_t cap = 0; cap < 20; cap++) {
        uint8_t out[24];
        memset(out, 0xaa, sizeof out);
        p2p_writer w = p2p_writer_of(out, cap);
        write_all(&w);
        check(w.len == 17);
        check_err(cap >= 17 ? P2P_OK : P2P_ERR_TOO_BIG, p2p_writer_end(&w));
        check(p2p_writer_view(&w).len == (cap < 17 ? cap : 17));
        for (size_t i = cap; i < sizeof out; i++)
            check(out[i] == 0xaa);
        if (cap >= 17)
            check_bytes(p2p_writer_view(&w), "0102030405060708090a0b0c0d0e0f1011");
    }
    p2p_writer measure = {0};
    p2p_writer_bytes(&measure, (p2p_bytes){0});
    write_all(&measure);
    check(measure.len == 17 && p2p_writer_view(&measure).len == 0);
}

/* A field that did not fit must not be followed by a smaller one that would. */
static void nothing_is_written_behind_a_gap(void **state) {
    (void)state;
    uint8_t out[4] = {0};
    p2p_writer w = p2p_writer_of(out, 3);
    p2p_writer_u32(&w, 0xffffffff);
    p2p_writer_u8(&w, 0xff);
    check_bytes(p2p_bytes_of(out, 4), "00000000");
    check_err(P2P_ERR_TOO_BIG, p2p_writer_end(&w));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_in_order),
        cmocka_unit_test(an_error_sticks),
        cmocka_unit_test(uvarints_go_both_ways),
        cmocka_unit_test(bad_uvarints_are_refused),
        cmocka_unit_test(quic_varints_go_both_ways),
        cmocka_unit_test(a_writer_never_passes_its_end),
        cmocka_unit_test(nothing_is_written_behind_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
