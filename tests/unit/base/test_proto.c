/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/proto.h"

#include "support/check.h"

typedef struct message {
    uint64_t number;
    p2p_bytes bytes;
    size_t unknown;
} message;

/* A parser as all of the library's are: 1 a number, 2 bytes; each once. */
static p2p_err read_message(message *m, p2p_bytes bytes) {
    p2p_cursor c = p2p_cursor_of(bytes);
    p2p_proto_field f;
    uint32_t seen = 0;
    *m = (message){0};
    while (p2p_proto_next(&c, &f)) {
        p2p_proto_once(&c, &f, &seen);
        if (f.number == 1)
            m->number = p2p_proto_uint(&c, &f);
        else if (f.number == 2)
            m->bytes = p2p_proto_bytes(&c, &f);
        else
            m->unknown++;
    }
    return p2p_cursor_end(&c);
}

static p2p_err read_hex(message *m, const char *hex) {
    static uint8_t bytes[64];
    return read_message(m, p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes)));
}

static void what_is_written_is_read(void **state) {
    (void)state;
    uint8_t out[64];
    message m;
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_proto_put_uint(&w, 1, 300);
    p2p_proto_put_bytes(&w, 2, P2P_LITERAL("abc"));
    p2p_proto_put_head(&w, 1000, 2);
    p2p_writer_u16(&w, 0);
    check_bytes(p2p_writer_view(&w), "08ac02 1203616263 c23e020000");
    check_ok(read_message(&m, p2p_writer_view(&w)));
    check(m.number == 300 && m.unknown == 1);
    check_same(m.bytes, P2P_LITERAL("abc"));
    for (size_t cut = 0; cut < w.len; cut++) {
        bool between = cut == 0 || cut == 3 || cut == 8;
        check_err(between ? P2P_OK : P2P_ERR_MALFORMED, read_message(&m, p2p_bytes_of(out, cut)));
    }
}

static void varints_need_not_be_minimal(void **state) {
    (void)state;
    message m;
    check_ok(read_hex(&m, "08 808000"));
    check(m.number == 0);
    check_ok(read_hex(&m, "8800 01"));
    check(m.number == 1);
    check_ok(read_hex(&m, "08 ffffffffffffffffff01"));
    check(m.number == UINT64_MAX);
    check_ok(read_hex(&m, "08 80808080808080808000"));
    check(m.number == 0);
}

static void bad_messages_are_malformed(void **state) {
    (void)state;
    static const char *const cases[] = {
        "08 ffffffffffffffffff02",   /* more than 64 bits */
        "08 ffffffffffffffffff8100", /* more than ten bytes */
        "0801 0801",                 /* twice */
        "1200 1200",                 /* twice */
        "0a0161",                    /* bytes for a number */
        "1001",                      /* a number for bytes */
        "0901020304050607ff",        /* fixed64 for a number */
        "1501020304",                /* fixed32 for bytes */
        "0b",                        /* a group begins */
        "0c",                        /* a group ends */
        "0e01", "0f01",              /* wire types that do not exist */
        "0001",                      /* field 0 */
        "8080808010 01",             /* a field number of 30 bits */
        "12ffffffffffffffffff01",    /* longer than the address space */
        "1202 61",                   /* longer than the rest */
        "19 01020304050607",         /* fixed64 cut */
        "25 010203",                 /* unknown fixed32 cut */
    };
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        message m;
        if (read_hex(&m, cases[i]) != P2P_ERR_MALFORMED)
            fail_msg("accepted: %s", cases[i]);
    }
}

static void unknown_fields_of_every_type_are_skipped(void **state) {
    (void)state;
    message m;
    check_ok(read_hex(&m, "2001 290102030405060708 3203616263 3d01020304 0805"));
    check(m.unknown == 4 && m.number == 5);
}

static void only_the_first_31_numbers_are_watched(void **state) {
    (void)state;
    message m;
    check_err(P2P_ERR_MALFORMED, read_hex(&m, "fa0100 fa0100"));
    check_ok(read_hex(&m, "820200 820200"));
    check(m.unknown == 2);
}

static void the_largest_field_number_works(void **state) {
    (void)state;
    uint8_t out[16];
    message m;
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_proto_put_uint(&w, 0x1fffffff, 1);
    check_ok(read_message(&m, p2p_writer_view(&w)));
    check(m.unknown == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(varints_need_not_be_minimal),
        cmocka_unit_test(bad_messages_are_malformed),
        cmocka_unit_test(unknown_fields_of_every_type_are_skipped),
        cmocka_unit_test(only_the_first_31_numbers_are_watched),
        cmocka_unit_test(the_largest_field_number_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
