/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Each input runs in pieces of every size. What the reader reports is written down as text. */
#include "support/check.h"

#include "webtransport/h3_frame.h"

static const p2p_mem PLAIN_MEM;

typedef enum setting { SERVER_UNI, SERVER_BIDI, CLIENT_UNI, CLIENT_BIDI, CLIENT_REQUEST } setting;

static p2p_h3_reader reader_for(setting where) {
    p2p_h3_reader r;
    p2p_h3_origin origin = where == CLIENT_REQUEST                        ? P2P_H3_OWN_REQUEST
                           : where == SERVER_BIDI || where == CLIENT_BIDI ? P2P_H3_PEER_BIDI
                                                                          : P2P_H3_PEER_UNI;
    p2p_h3_reader_init(&r, &PLAIN_MEM, where == SERVER_UNI || where == SERVER_BIDI, origin);
    return r;
}

static void put_hex(char *log, p2p_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        sprintf(log + strlen(log), "%02x", bytes.ptr[i]);
}

static void note(char *log, const p2p_h3_item *item, bool *in_data) {
    static const char *const STREAMS[] = {
        "undecided", "control", "encoder", "decoder", "request", "wt", "discarded"};
    bool joined = *in_data && item->event == P2P_H3_GOT_DATA;
    if (item->event == P2P_H3_NEED_MORE)
        return;
    if (log[0] != '\0' && !joined)
        strcat(log, " ");
    *in_data = item->event == P2P_H3_GOT_DATA;
    switch (item->event) {
    case P2P_H3_GOT_STREAM:
        strcat(log, STREAMS[item->stream]);
        if (item->stream == P2P_H3_WT)
            sprintf(log + strlen(log), "(%u)", (unsigned)item->id);
        break;
    case P2P_H3_GOT_SETTINGS:
        strcat(log, "settings:");
        put_hex(log, item->bytes);
        break;
    case P2P_H3_GOT_HEADERS:
        strcat(log, "headers:");
        put_hex(log, item->bytes);
        break;
    case P2P_H3_GOT_DATA:
        if (!joined)
            strcat(log, "data:");
        put_hex(log, item->bytes);
        break;
    default:
        sprintf(log + strlen(log), "goaway(%u)", (unsigned)item->id);
        break;
    }
}

static void run(setting where, p2p_bytes in, size_t step, bool tunnel, char *log) {
    p2p_h3_reader r = reader_for(where);
    p2p_err err = P2P_OK;
    bool in_data = false;
    log[0] = '\0';
    for (size_t at = 0; at < in.len && err == P2P_OK; at += step) {
        size_t n = step < in.len - at ? step : in.len - at;
        uint8_t *copy = malloc(n);
        memcpy(copy, in.ptr + at, n);
        for (size_t used = 0; used < n && err == P2P_OK;) {
            p2p_h3_item item;
            err = p2p_h3_reader_feed(&r, p2p_bytes_of(copy + used, n - used), &item);
            if (err != P2P_OK)
                break;
            check(item.used > 0 && item.used <= n - used);
            used += item.used;
            note(log, &item, &in_data);
            if (tunnel && item.event == P2P_H3_GOT_HEADERS)
                p2p_h3_reader_tunnel(&r);
        }
        free(copy);
    }
    if (err == P2P_OK)
        err = p2p_h3_reader_fin(&r);
    sprintf(log + strlen(log), "%s%s", log[0] == '\0' ? "" : " ", err == P2P_OK ? "fin" : "error");
    if (err != P2P_OK) {
        sprintf(log + strlen(log), "(%x)", r.error);
        p2p_h3_item item;
        check_err(err, p2p_h3_reader_feed(&r, P2P_LITERAL("x"), &item));
        check_err(err, p2p_h3_reader_fin(&r));
    }
    p2p_h3_reader_deinit(&r);
}

static void check_log(setting where, const char *hex, const char *want) {
    uint8_t bytes[1024];
    char log[4096];
    p2p_bytes in = p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes));
    for (size_t step = 1; step <= in.len + 1; step++) {
        run(where, in, step, false, log);
        if (strcmp(log, want) != 0)
            fail_msg("%s step %zu: got \"%s\", want \"%s\"", hex, step, log, want);
    }
}

/* --- unidirectional streams --- */

/* Captured from Chromium 156: SETTINGS, then a GREASE frame. (A control stream never ends.) */
static void chromiums_control_stream_is_read(void **state) {
    (void)state;
    check_log(SERVER_UNI,
        "00 04 29 0180010000 0680004000 074064 3301 80ffd27701 ab60374201 c000001d7dd76461"
        "c0000000cc9bde84 c000000da45bea8b 02 aabb",
        "control settings:0180010000068000400007406433018"
        "0ffd27701ab60374201c000001d7dd76461c0000000cc9bde84 error(104)");
}

static void stream_types_are_told_apart(void **state) {
    (void)state;
    check_log(SERVER_UNI, "", "fin");
    check_log(SERVER_UNI, "40", "fin");
    check_log(SERVER_UNI, "02", "encoder error(104)");
    check_log(SERVER_UNI, "03 8001", "decoder data:8001 error(104)");
    check_log(SERVER_UNI, "4054 00 616263", "wt(0) data:616263 fin");
    check_log(SERVER_UNI, "80000054 4004 61", "wt(4) data:61 fin");
    check_log(SERVER_UNI, "4054 01", "error(108)");
    check_log(CLIENT_UNI, "4054 02", "error(108)");
    check_log(SERVER_UNI, "4054 40", "fin");
    check_log(SERVER_UNI, "21 ffffffffff", "discarded fin"); /* GREASE */
    check_log(SERVER_UNI, "01 00", "error(103)");            /* clients push nothing */
    check_log(CLIENT_UNI, "01 00", "error(108)");            /* and allow none */
    check_log(CLIENT_UNI, "00 04 00", "control settings: error(104)");
}

static void settings_come_first_and_once(void **state) {
    (void)state;
    check_log(SERVER_UNI, "00 07 01 00", "control error(10a)");
    check_log(SERVER_UNI, "00 21 00 04 00", "control error(10a)"); /* even before GREASE */
    check_log(SERVER_UNI, "00 02", "control error(10a)");
    check_log(SERVER_UNI, "00 04 00 04 00", "control settings: error(105)");
    check_log(SERVER_UNI, "00 04 4401", "control error(107)"); /* 1 025 bytes */
}

static void frames_that_have_no_place_on_a_control_stream(void **state) {
    (void)state;
    check_log(SERVER_UNI, "00 0400 00 00", "control settings: error(105)"); /* DATA */
    check_log(SERVER_UNI, "00 0400 01 00", "control settings: error(105)"); /* HEADERS */
    check_log(SERVER_UNI, "00 0400 05 00", "control settings: error(105)"); /* PUSH_PROMISE */
    check_log(SERVER_UNI, "00 0400 02 00", "control settings: error(105)"); /* HTTP/2's */
    check_log(SERVER_UNI, "00 0400 06 00", "control settings: error(105)");
    check_log(SERVER_UNI, "00 0400 08 00", "control settings: error(105)");
    check_log(SERVER_UNI, "00 0400 09 00", "control settings: error(105)");
    check_log(SERVER_UNI, "00 0400 4041 00", "control settings: error(106)");
    check_log(SERVER_UNI, "00 0400 03 01 00", "control settings: error(108)"); /* CANCEL_PUSH */
    check_log(CLIENT_UNI, "00 0400 03 01 00", "control settings: error(108)");
    check_log(CLIENT_UNI, "00 0400 0d 01 00", "control settings: error(105)"); /* MAX_PUSH_ID */
    check_log(
        SERVER_UNI, "00 0400 0d 01 05 0d 01 05 0d 01 06 0d 01 04", "control settings: error(108)");
}

static void goaway_may_only_fall(void **state) {
    (void)state;
    check_log(SERVER_UNI, "00 0400 07 01 05 07 01 05 07 01 03 07 01 04",
        "control settings: goaway(5) goaway(5) goaway(3) error(108)");
    check_log(CLIENT_UNI, "00 0400 07 01 08 07 01 04 07 01 05",
        "control settings: goaway(8) goaway(4) error(108)");
    check_log(CLIENT_UNI, "00 0400 07 01 06", "control settings: error(108)");
}

static void a_frame_of_one_number_holds_just_that(void **state) {
    (void)state;
    check_log(SERVER_UNI, "00 0400 07 00", "control settings: error(106)");
    check_log(SERVER_UNI, "00 0400 07 02 0505", "control settings: error(106)");
    check_log(SERVER_UNI, "00 0400 07 01 40", "control settings: error(106)");
    check_log(SERVER_UNI, "00 0400 07 09", "control settings: error(106)");
    check_log(
        SERVER_UNI, "00 0400 07 08 c000000000000003", "control settings: goaway(3) error(104)");
}

/* --- bidirectional streams --- */

static void a_webtransport_stream_is_one_from_its_first_number(void **state) {
    (void)state;
    check_log(SERVER_BIDI, "4041 00 13 2f6d", "wt(0) data:132f6d fin");
    check_log(SERVER_BIDI, "4041 4100", "wt(256) fin");
    check_log(SERVER_BIDI, "c000000000000041 04 00", "wt(4) data:00 fin");
    check_log(SERVER_BIDI, "4041 03", "error(108)");
    check_log(SERVER_BIDI, "4041", "error(10d)");
    check_log(SERVER_BIDI, "", "error(10d)");
    check_log(CLIENT_BIDI, "4041 00 61", "wt(0) data:61 fin");
    check_log(CLIENT_BIDI, "01 00", "error(103)"); /* servers send no requests */
}

static void a_request_has_a_head_data_and_trailers(void **state) {
    (void)state;
    check_log(SERVER_BIDI, "01 02 0000", "request headers:0000 fin");
    check_log(SERVER_BIDI, "01 00", "request headers: fin");
    check_log(SERVER_BIDI, "01 02 aabb 00 03 616263 00 00 00 01 64",
        "request headers:aabb data:61626364 fin");
    check_log(
        SERVER_BIDI, "01 01 aa 00 01 61 01 01 bb", "request headers:aa data:61 headers:bb fin");
    check_log(SERVER_BIDI, "21 02 0102 01 01 aa 4040 00 00 01 61 800f0700 01 31",
        "request headers:aa data:61 fin"); /* GREASE, unknown and PRIORITY_UPDATE are skipped */
}

static void frames_that_have_no_place_on_a_request(void **state) {
    (void)state;
    check_log(SERVER_BIDI, "00 01 61", "error(105)"); /* DATA before HEADERS */
    check_log(
        SERVER_BIDI, "01 01 aa 01 01 bb 00 01 61", "request headers:aa headers:bb error(105)");
    check_log(
        SERVER_BIDI, "01 01 aa 01 01 bb 01 01 cc", "request headers:aa headers:bb error(105)");
    check_log(SERVER_BIDI, "04 00", "error(105)");
    check_log(SERVER_BIDI, "01 01 aa 04 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 07 01 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 03 01 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 0d 01 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 05 01 00", "request headers:aa error(105)");
    check_log(CLIENT_REQUEST, "01 01 aa 05 01 00", "headers:aa error(108)");
    check_log(SERVER_BIDI, "01 01 aa 02 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 09 00", "request headers:aa error(105)");
    check_log(SERVER_BIDI, "01 01 aa 4041 00", "request headers:aa error(106)");
}

static void an_end_inside_a_frame_is_an_error(void **state) {
    (void)state;
    check_log(SERVER_BIDI, "01", "request error(106)");
    check_log(SERVER_BIDI, "01 02 aa", "request error(106)");
    check_log(SERVER_BIDI, "01 01 aa 00 02 61", "request headers:aa data:61 error(106)");
    check_log(SERVER_BIDI, "01 01 aa 40", "request headers:aa error(106)");
    check_log(SERVER_BIDI, "01 01 aa 21 02 61", "request headers:aa error(106)");
    check_log(SERVER_BIDI, "21 00", "request error(10d)");
    check_log(CLIENT_REQUEST, "", "error(10d)");
}

static void headers_have_a_limit(void **state) {
    (void)state;
    check_log(SERVER_BIDI, "01 80004001", "request error(107)");
    check_log(SERVER_BIDI, "01 ffffffffffffffff", "request error(107)");
    check_log(SERVER_BIDI, "01 80004000", "request error(106)"); /* allowed, but cut off */
}

static void a_tunnel_carries_data_only(void **state) {
    (void)state;
    uint8_t bytes[64];
    char log[1024];

    static const struct {
        const char *hex;
        const char *want;
    } CASES[] = {
        {"01 01 aa 00 01 61 21 00 00 01 62", "request headers:aa data:6162 fin"},
        {"01 01 aa 01 01 bb", "request headers:aa error(105)"},
        {"01 01 aa 00 01 61 01 01 bb", "request headers:aa data:61 error(105)"},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++)
        for (size_t step = 1; step < 20; step++) {
            size_t len = from_hex(CASES[i].hex, bytes, sizeof bytes);
            run(SERVER_BIDI, p2p_bytes_of(bytes, len), step, true, log);
            check(strcmp(log, CASES[i].want) == 0);
        }
}

static void interim_responses_do_not_count(void **state) {
    (void)state;
    static const uint8_t IN[] = {1, 1, 0xaa};
    static const uint8_t DATA[] = {0, 1, 0x61};
    p2p_h3_reader r = reader_for(CLIENT_REQUEST);
    p2p_h3_item item;
    for (size_t i = 0; i < 5; i++) {
        check_ok(p2p_h3_reader_feed(&r, p2p_bytes_of(IN, 3), &item));
        check(item.event == P2P_H3_GOT_HEADERS);
        p2p_h3_reader_interim(&r);
    }
    check_err(P2P_ERR_VIOLATION, p2p_h3_reader_feed(&r, p2p_bytes_of(DATA, 3), &item));
    check(r.error == P2P_H3_FRAME_UNEXPECTED);
    p2p_h3_reader_deinit(&r);
}

/* --- the rest --- */

static void a_peer_has_one_stream_of_each_critical_kind(void **state) {
    (void)state;
    uint8_t seen = 0;
    static const p2p_h3_stream ONCE[] = {
        P2P_H3_CONTROL, P2P_H3_QPACK_ENCODER, P2P_H3_QPACK_DECODER};
    for (size_t i = 0; i < 3; i++)
        check_ok(p2p_h3_claim(&seen, ONCE[i]));
    for (size_t i = 0; i < 3; i++)
        check_err(P2P_ERR_VIOLATION, p2p_h3_claim(&seen, ONCE[i]));
    check_ok(p2p_h3_claim(&seen, P2P_H3_WT));
    check_ok(p2p_h3_claim(&seen, P2P_H3_WT));
    check_ok(p2p_h3_claim(&seen, P2P_H3_DISCARDED));
}

static void heads_of_streams_and_datagrams(void **state) {
    (void)state;
    uint8_t out[32];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_wt_put_stream_head(&w, true, 0);
    p2p_wt_put_stream_head(&w, false, 256);
    p2p_h3_put_frame(&w, P2P_H3_FRAME_DATA, 100);
    p2p_h3_put_datagram_head(&w, 1024);
    check_bytes(p2p_writer_view(&w), "4041 00 4054 4100 00 4064 4100");

    uint8_t in[16];
    uint64_t session;
    p2p_bytes payload;
    size_t len = from_hex("4100 616263", in, sizeof in);
    check_ok(p2p_h3_open_datagram(p2p_bytes_of(in, len), &session, &payload));
    check(session == 1024);
    check_same(payload, P2P_LITERAL("abc"));
    check_err(P2P_ERR_MALFORMED, p2p_h3_open_datagram(p2p_bytes_of(in, 1), &session, &payload));
    check_err(P2P_ERR_MALFORMED, p2p_h3_open_datagram((p2p_bytes){0}, &session, &payload));
    len = from_hex("cfffffffffffffff", in, sizeof in);
    check_ok(p2p_h3_open_datagram(p2p_bytes_of(in, len), &session, &payload));
    len = from_hex("d000000000000000", in, sizeof in);
    check_err(P2P_ERR_MALFORMED, p2p_h3_open_datagram(p2p_bytes_of(in, len), &session, &payload));
}

static void errors_of_a_stream_leave_the_connection(void **state) {
    (void)state;
    check(p2p_h3_error_is_stream(P2P_H3_MESSAGE_ERROR));
    check(p2p_h3_error_is_stream(P2P_H3_REQUEST_INCOMPLETE));
    check(p2p_h3_error_is_stream(P2P_WT_BUFFERED_STREAM_REJECTED));
    check(!p2p_h3_error_is_stream(P2P_H3_FRAME_UNEXPECTED));
    check(!p2p_h3_error_is_stream(P2P_QPACK_DECOMPRESSION_FAILED));
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    uint8_t in[203] = {1, 0x40, 200};
    p2p_h3_reader r;
    p2p_h3_item item;
    p2p_err err = P2P_OK;
    p2p_h3_reader_init(&r, mem, false, P2P_H3_OWN_REQUEST);
    for (size_t i = 0; i < sizeof in && err == P2P_OK; i++)
        err = p2p_h3_reader_feed(&r, p2p_bytes_of(in + i, 1), &item);
    check(err != P2P_OK || item.event == P2P_H3_GOT_HEADERS);
    if (err == P2P_ERR_NO_MEMORY)
        check(r.error == P2P_H3_INTERNAL_ERROR);
    p2p_h3_reader_deinit(&r);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chromiums_control_stream_is_read),
        cmocka_unit_test(stream_types_are_told_apart),
        cmocka_unit_test(settings_come_first_and_once),
        cmocka_unit_test(frames_that_have_no_place_on_a_control_stream),
        cmocka_unit_test(goaway_may_only_fall),
        cmocka_unit_test(a_frame_of_one_number_holds_just_that),
        cmocka_unit_test(a_webtransport_stream_is_one_from_its_first_number),
        cmocka_unit_test(a_request_has_a_head_data_and_trailers),
        cmocka_unit_test(frames_that_have_no_place_on_a_request),
        cmocka_unit_test(an_end_inside_a_frame_is_an_error),
        cmocka_unit_test(headers_have_a_limit),
        cmocka_unit_test(a_tunnel_carries_data_only),
        cmocka_unit_test(interim_responses_do_not_count),
        cmocka_unit_test(a_peer_has_one_stream_of_each_critical_kind),
        cmocka_unit_test(heads_of_streams_and_datagrams),
        cmocka_unit_test(errors_of_a_stream_leave_the_connection),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
