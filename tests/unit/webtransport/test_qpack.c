/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/qpack.h"

static const p2p_mem PLAIN_MEM;

typedef struct fixture {
    p2p_qpack *qpack;
    p2p_fields fields;
    p2p_h3_error error;
} fixture;

static fixture set_up(void) {
    fixture f = {0};
    check_ok(p2p_qpack_new(&f.qpack, &PLAIN_MEM));
    p2p_fields_init(&f.fields, &PLAIN_MEM);
    return f;
}

static void tear_down(fixture *f) {
    p2p_fields_deinit(&f->fields);
    p2p_qpack_free(f->qpack);
}

static p2p_err decode(fixture *f, p2p_bytes section) {
    f->error = P2P_H3_NO_ERROR;
    return p2p_qpack_decode(f->qpack, section, &f->fields, &f->error);
}

static p2p_err decode_hex(fixture *f, const char *hex) {
    uint8_t bytes[1024];
    return decode(f, p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes)));
}

static void check_field_is(const fixture *f, size_t i, const char *name, const char *value) {
    check(i < f->fields.count);
    check_same(f->fields.list[i].name, p2p_bytes_text(name));
    check_same(f->fields.list[i].value, p2p_bytes_text(value));
}

static void decode_file(fixture *f, const char *name) {
    size_t len;
    uint8_t *text = read_vector_file(name, &len);
    check_ok(decode_hex(f, (const char *)text));
    free(text);
}

static void chromiums_request_is_decoded(void **state) {
    (void)state;
    fixture f = set_up();
    decode_file(&f, "webtransport/chromium156-connect.hex");
    check(f.fields.count == 7);
    check_field_is(&f, 0, ":scheme", "https");
    check_field_is(&f, 1, ":method", "CONNECT");
    check_field_is(&f, 2, ":authority", "127.0.0.1:4450");
    check_field_is(&f, 3, ":path", "/wt");
    check_field_is(&f, 4, ":protocol", "webtransport");
    check_field_is(&f, 5, "sec-webtransport-http3-draft02", "1");
    check_field_is(&f, 6, "origin", "http://localhost:43577");
    tear_down(&f);
}

static void firefoxs_request_is_decoded(void **state) {
    (void)state;
    fixture f = set_up();
    decode_file(&f, "webtransport/firefox153-connect.hex");
    check(f.fields.count == 17);
    check_field_is(&f, 0, ":method", "CONNECT");
    check_field_is(&f, 4, ":protocol", "webtransport");
    check_field_is(&f, 16, "cache-control", "no-cache");
    tear_down(&f);
}

static void fields_survive_and_no_table_is_touched(void **state) {
    (void)state;
    static const char LONG_VALUE[] = "0123456789012345678901234567890123456789012345678901234567890"
                                     "12345678901234567890123456789012345678901234567890123456789";
    const p2p_field in[] = {
        {P2P_LITERAL(":status"), P2P_LITERAL("200")},
        {P2P_LITERAL("empty"), P2P_LITERAL("")},
        {P2P_LITERAL("x-long"), P2P_LITERAL(LONG_VALUE)},
        {P2P_LITERAL("x-long"), P2P_LITERAL(LONG_VALUE)},
        {P2P_LITERAL("x-bytes"), P2P_LITERAL("\xff\x01\x80")},
    };
    fixture f = set_up();
    uint8_t out[1024];
    for (size_t round = 0; round < 3; round++) {
        p2p_writer w = p2p_writer_of(out, sizeof out);
        check_ok(p2p_qpack_encode(f.qpack, &w, in, P2P_COUNT(in)));
        check(out[0] == 0 && out[1] == 0); /* required insert count and base */
        check_ok(decode(&f, p2p_writer_view(&w)));
        check(f.fields.count == P2P_COUNT(in));
        for (size_t i = 0; i < P2P_COUNT(in); i++) {
            check_same(f.fields.list[i].name, in[i].name);
            check_same(f.fields.list[i].value, in[i].value);
        }
    }
    p2p_writer w = p2p_writer_of(out, 10);
    check_err(P2P_ERR_TOO_BIG, p2p_qpack_encode(f.qpack, &w, in, P2P_COUNT(in)));
    p2p_field many[P2P_FIELDS_MAX + 1];
    check_err(P2P_ERR_TOO_BIG, p2p_qpack_encode(f.qpack, &w, many, P2P_COUNT(many)));
    tear_down(&f);
}

static void broken_sections_fail_to_decompress(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "",                      /* no prefix */
        "00",                    /* half of it */
        "0000 5f",               /* cut inside an instruction */
        "0000 51",               /* name without value */
        "0000 ff80",             /* static index that goes on */
        "0000 ff24",             /* static index 99, of 0 to 98 */
        "0000 80",               /* dynamic table */
        "0000 10",               /* post-base index */
        "0200 d1",               /* required insert count 1 */
        "0000 5f50 84 ffffffff", /* Huffman code with EOS in it */
        "0000 2f",
    };
    for (size_t i = 0; i < P2P_COUNT(BAD); i++) {
        fixture f = set_up(); /* such a failure ends the connection */
        p2p_err err = decode_hex(&f, BAD[i]);
        if (err != P2P_ERR_MALFORMED || f.error != P2P_QPACK_DECOMPRESSION_FAILED)
            fail_msg("case %zu: %s 0x%x", i, p2p_err_name(err), f.error);
        check(f.fields.count == 0);
        tear_down(&f);
    }
    fixture f = set_up();
    check_ok(decode_hex(&f, "0000"));
    check(f.fields.count == 0);
    check_ok(decode_hex(&f, "0000 d9"));
    check_field_is(&f, 0, ":status", "200");
    tear_down(&f);
}

static void fields_are_counted(void **state) {
    (void)state;
    uint8_t section[2 + P2P_FIELDS_MAX + 1] = {0};
    fixture f = set_up();
    memset(section + 2, 0xd9, P2P_FIELDS_MAX + 1);
    check_ok(decode(&f, p2p_bytes_of(section, sizeof section - 1)));
    check(f.fields.count == P2P_FIELDS_MAX);
    check_err(P2P_ERR_VIOLATION, decode(&f, p2p_bytes_of(section, sizeof section)));
    check(f.error == P2P_H3_MESSAGE_ERROR);
    tear_down(&f);
}

/* A name of 1, a value of n, 32 for the field: the sum may be the limit, not one more. */
static void fields_are_weighed(void **state) {
    (void)state;
    fixture f = set_up();
    uint8_t *section = malloc(P2P_FIELD_SECTION_MAX + 64);
    for (size_t excess = 0; excess < 2; excess++) {
        size_t value = P2P_FIELD_SECTION_MAX - 33 + excess;
        size_t len = from_hex("0000 21 61 7f", section, 16);
        size_t rest = value - 127;
        for (; rest >= 128; rest >>= 7)
            section[len++] = (uint8_t)(rest | 0x80);
        section[len++] = (uint8_t)rest;
        memset(section + len, 'v', value);
        p2p_err err = decode(&f, p2p_bytes_of(section, len + value));
        check(err == (excess == 0 ? P2P_OK : P2P_ERR_VIOLATION));
        check(f.error == (excess == 0 ? P2P_H3_NO_ERROR : P2P_H3_MESSAGE_ERROR));
    }
    free(section);
    tear_down(&f);
}

static void the_peers_table_streams_have_nothing_to_say(void **state) {
    (void)state;
    fixture f = set_up();
    p2p_h3_error error = P2P_H3_NO_ERROR;
    uint8_t byte = 0x20; /* capacity 0 */
    check_ok(p2p_qpack_feed_encoder_stream(f.qpack, (p2p_bytes){0}, &error));
    check_ok(p2p_qpack_feed_encoder_stream(f.qpack, p2p_bytes_of(&byte, 1), &error));
    byte = 0x21; /* capacity 1 */
    check_err(
        P2P_ERR_VIOLATION, p2p_qpack_feed_encoder_stream(f.qpack, p2p_bytes_of(&byte, 1), &error));
    check(error == P2P_QPACK_ENCODER_STREAM_ERROR);
    byte = 0x44; /* stream 4 cancelled: allowed, and nothing to us */
    check_ok(p2p_qpack_feed_decoder_stream(f.qpack, p2p_bytes_of(&byte, 1), &error));
    byte = 0x01; /* one insertion seen, where none was made */
    check_err(
        P2P_ERR_VIOLATION, p2p_qpack_feed_decoder_stream(f.qpack, p2p_bytes_of(&byte, 1), &error));
    check(error == P2P_QPACK_DECODER_STREAM_ERROR);
    tear_down(&f);
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_qpack *q;
    p2p_fields fields;
    p2p_h3_error error;
    uint8_t out[256];
    p2p_field in[] = {{P2P_LITERAL(":status"), P2P_LITERAL("200")},
        {P2P_LITERAL("x-name-of-my-own"),
            P2P_LITERAL("value-of-some-length value-of-some-length")}};
    p2p_err err = p2p_qpack_new(&q, mem);
    if (err != P2P_OK)
        return err;
    p2p_fields_init(&fields, mem);
    p2p_writer w = p2p_writer_of(out, sizeof out);
    err = p2p_qpack_encode(q, &w, in, 2);
    if (err == P2P_OK)
        err = p2p_qpack_decode(q, p2p_writer_view(&w), &fields, &error);
    check(err == P2P_OK || err == P2P_ERR_NO_MEMORY);
    p2p_fields_deinit(&fields);
    p2p_qpack_free(q);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chromiums_request_is_decoded),
        cmocka_unit_test(firefoxs_request_is_decoded),
        cmocka_unit_test(fields_survive_and_no_table_is_touched),
        cmocka_unit_test(broken_sections_fail_to_decompress),
        cmocka_unit_test(fields_are_counted),
        cmocka_unit_test(fields_are_weighed),
        cmocka_unit_test(the_peers_table_streams_have_nothing_to_say),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
