/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/frame.h"

#include "support/check.h"

typedef struct seen {
    uint8_t data[70000];
    size_t len;
    char flags[64]; /* one digit for each flag, '.' where data came before it */
    uint32_t code;
} seen;

/* Reads in steps of `step` bytes; the error that ended it, or AGAIN. */
static p2p_err read_all(p2p_bytes wire, size_t step, seen *out) {
    p2p_frame_reader reader;
    p2p_frame_reader_init(&reader);
    memset(out, 0, sizeof *out);
    bool data = false;
    for (size_t at = 0; at < wire.len; at += step) {
        p2p_bytes input = {wire.ptr + at, wire.len - at < step ? wire.len - at : step};
        p2p_frame_event event;
        p2p_err err;
        while ((err = p2p_frame_read(&reader, &input, &event)) == P2P_OK) {
            if (event.kind == P2P_FRAME_DATA) {
                check(event.data.len > 0 && out->len + event.data.len <= sizeof out->data);
                memcpy(out->data + out->len, event.data.ptr, event.data.len);
                out->len += event.data.len;
                data = true;
            } else {
                char text[3] = {
                    data ? '.' : (char)('0' + event.flag), data ? (char)('0' + event.flag) : 0, 0};
                strcat(out->flags, text);
                out->code = event.error_code;
                data = false;
            }
        }
        if (err != P2P_ERR_AGAIN)
            return err;
        check(input.len == 0);
    }
    return P2P_ERR_AGAIN;
}

static p2p_err read_hex(const char *hex, seen *out) {
    uint8_t wire[256];
    return read_all(p2p_bytes_of(wire, from_hex(hex, wire, sizeof wire)), 1, out);
}

static void flags_have_the_known_bytes(void **state) {
    (void)state;
    static const char *want[] = {"020800", "020801", "020802", "020803"};
    for (int flag = P2P_FRAME_FIN; flag <= P2P_FRAME_FIN_ACK; flag++) {
        uint8_t frame[16];
        size_t len;
        check_ok(p2p_frame_encode(
            frame, sizeof frame, &len, p2p_bytes_of(NULL, 0), (p2p_frame_flag)flag, 0));
        check_bytes(p2p_bytes_of(frame, len), want[flag]);
        seen got;
        check_err(P2P_ERR_AGAIN, read_hex(want[flag], &got));
        check(got.flags[0] == '0' + flag && got.flags[1] == 0);
    }
}

/* spec: webrtc #multiplexing: encoded messages with their length prefix MUST NOT exceed 16 KiB. */
static void the_largest_frame_has_16384_bytes(void **state) {
    (void)state;
    static uint8_t data[P2P_FRAME_DATA_MAX + 1], frame[P2P_FRAME_MAX_OUT];
    size_t len;
    p2p_bytes most = {data, P2P_FRAME_DATA_MAX}, more = {data, sizeof data};
    check_ok(p2p_frame_encode(frame, sizeof frame, &len, most, P2P_FRAME_FIN, 0));
    check(len == 16384);
    check_err(
        P2P_ERR_TOO_BIG, p2p_frame_encode(frame, sizeof frame, &len, more, P2P_FRAME_NONE, 0));
    check_err(P2P_ERR_TOO_BIG, p2p_frame_encode(frame, 100, &len, most, P2P_FRAME_NONE, 0));
}

static void any_cut_gives_the_same_events(void **state) {
    (void)state;
    static uint8_t wire[100000], data[20000];
    static seen want, got;
    size_t at = 0, len;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    static const size_t sizes[] = {0, 1, 127, 128, 16000, 300};
    for (size_t i = 0; i < P2P_COUNT(sizes); i++) {
        p2p_frame_flag flag = i == 3 ? P2P_FRAME_FIN : i == 4 ? P2P_FRAME_FIN_ACK : P2P_FRAME_NONE;
        check_ok(p2p_frame_encode(
            wire + at, sizeof wire - at, &len, p2p_bytes_of(data, sizes[i]), flag, 0));
        at += len;
    }
    check_err(P2P_ERR_AGAIN, read_all(p2p_bytes_of(wire, at), at, &want));
    check(want.len == 0 + 1 + 127 + 128 + 16000 + 300);
    assert_string_equal(want.flags, ".0.3");
    for (size_t step = 1; step < 400; step++) {
        check_err(P2P_ERR_AGAIN, read_all(p2p_bytes_of(wire, at), step, &got));
        check_same(p2p_bytes_of(got.data, got.len), p2p_bytes_of(want.data, want.len));
        assert_string_equal(got.flags, want.flags);
    }
}

static void data_counts_before_the_flag_whatever_the_order(void **state) {
    (void)state;
    seen got;
    check_err(P2P_ERR_AGAIN, read_hex("06 0800 1202 6869", &got));
    assert_string_equal(got.flags, ".0");
    check_err(P2P_ERR_AGAIN, read_hex("06 1202 6869 0800", &got));
    assert_string_equal(got.flags, ".0");
}

static void unknown_fields_and_flags_are_skipped(void **state) {
    (void)state;
    seen got;
    check_err(P2P_ERR_AGAIN, read_hex("02 0809  00  02 0800", &got));
    assert_string_equal(got.flags, "0");
    check_err(
        P2P_ERR_AGAIN, read_hex("17 2002 2a03616263 3501020304 390102030405060708 0802", &got));
    assert_string_equal(got.flags, "2");
}

static void an_error_code_is_read_and_written(void **state) {
    (void)state;
    seen got;
    uint8_t frame[16];
    size_t len;
    check_ok(p2p_frame_encode(
        frame, sizeof frame, &len, p2p_bytes_of(NULL, 0), P2P_FRAME_RESET, 0x1003));
    check_bytes(p2p_bytes_of(frame, len), "05 0802 188320");
    check_err(P2P_ERR_AGAIN, read_all(p2p_bytes_of(frame, len), 1, &got));
    check(got.code == 0x1003);
}

static void bad_frames_are_refused(void **state) {
    (void)state;
    seen got;
    check_err(P2P_ERR_MALFORMED, read_hex("8000", &got));         /* length not minimal */
    check_err(P2P_ERR_MALFORMED, read_hex("ffffff01", &got));     /* length of four bytes */
    check_err(P2P_ERR_TOO_BIG, read_hex("818810", &got));         /* 263 169 bytes */
    check_err(P2P_ERR_MALFORMED, read_hex("01 08", &got));        /* ends inside a field */
    check_err(P2P_ERR_MALFORMED, read_hex("03 1205 61", &got));   /* longer than the frame */
    check_err(P2P_ERR_MALFORMED, read_hex("04 0800 0800", &got)); /* flag twice */
    check_err(P2P_ERR_MALFORMED, read_hex("03 0a01 00", &got));   /* wrong wire type */
    check_err(P2P_ERR_MALFORMED, read_hex("02 0000", &got));      /* field 0 */
    check_err(P2P_ERR_MALFORMED, read_hex("02 2300", &got));      /* group */
    check_err(P2P_ERR_MALFORMED, read_hex("03 250102 03", &got)); /* fixed32 over the end */
    check_err(P2P_ERR_MALFORMED, read_hex("0b 08ffffffffffffffffff7f", &got));
    check_err(P2P_ERR_AGAIN, read_hex("808810", &got)); /* 257 KiB are allowed */
}

/* spec: webrtc #closing-an-rtcdatachannel: the write half is closed only once FIN_ACK was received.
 */
static void a_stream_closes_in_good_order(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    check(p2p_frame_halves_reads(&h) && p2p_frame_halves_writes(&h));
    check(p2p_frame_halves_next(&h, false, 1) == P2P_FRAME_NONE);
    p2p_frame_halves_shut(&h);
    check(p2p_frame_halves_next(&h, true, 1) == P2P_FRAME_NONE);
    check(p2p_frame_halves_next(&h, false, 1) == P2P_FRAME_FIN);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN, 1);
    check(!p2p_frame_halves_writes(&h) && p2p_frame_halves_reads(&h));
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN_ACK, 0, 2);
    check(!p2p_frame_halves_over(&h));
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 3);
    check(!p2p_frame_halves_reads(&h) && !p2p_frame_halves_over(&h));
    check(p2p_frame_halves_next(&h, false, 3) == P2P_FRAME_FIN_ACK);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN_ACK, 3);
    check(p2p_frame_halves_over(&h) && h.result == P2P_OK);
    check(p2p_frame_halves_deadline(&h) == P2P_NEVER);
}

static void fin_ack_waits_for_the_response(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 0);
    check(p2p_frame_halves_next(&h, true, 1) == P2P_FRAME_NONE);
    check(p2p_frame_halves_deadline(&h) == 300 * P2P_MILLISECOND);
    check(p2p_frame_halves_next(&h, true, 300 * P2P_MILLISECOND) == P2P_FRAME_FIN_ACK);
    p2p_frame_halves_shut(&h);
    check(p2p_frame_halves_next(&h, false, 1) == P2P_FRAME_FIN);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN, 1);
    check(p2p_frame_halves_next(&h, false, 1) == P2P_FRAME_FIN_ACK);
}

static void a_missing_fin_ack_is_waited_for_ten_seconds(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_shut(&h);
    p2p_frame_halves_stop(&h);
    check(p2p_frame_halves_next(&h, false, 0) == P2P_FRAME_FIN);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN, 0);
    check(p2p_frame_halves_next(&h, false, 0) == P2P_FRAME_STOP_SENDING);
    p2p_frame_halves_sent(&h, P2P_FRAME_STOP_SENDING, 0);
    check(!p2p_frame_halves_over(&h) && !p2p_frame_halves_reads(&h));
    check(p2p_frame_halves_deadline(&h) == 10 * P2P_SECOND);
    p2p_frame_halves_tick(&h, 10 * P2P_SECOND);
    check(p2p_frame_halves_over(&h));
}

static void stop_sending_is_answered_with_fin(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_STOP_SENDING, 0, 0);
    check(!p2p_frame_halves_writes(&h));
    check(p2p_frame_halves_next(&h, true, 0) == P2P_FRAME_FIN);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN, 0);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 0);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN_ACK, 0);
    check(!p2p_frame_halves_over(&h));
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN_ACK, 0, 0);
    check(p2p_frame_halves_over(&h));
}

/* js-libp2p's ping: it has read all it wants, and acknowledges our FIN afterwards. */
static void stop_sending_after_our_fin_does_not_stand_for_fin_ack(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_shut(&h);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN, 0);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 0);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN_ACK, 0);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_STOP_SENDING, 0, 0);
    check(!p2p_frame_halves_over(&h) && p2p_frame_halves_deadline(&h) == 10 * P2P_SECOND);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN_ACK, 0, 0);
    check(p2p_frame_halves_over(&h));
}

static void a_reset_ends_both_directions(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_RESET, 7, 0);
    check(p2p_frame_halves_over(&h) && h.result == P2P_ERR_RESET && h.error_code == 7);
    check(p2p_frame_halves_next(&h, false, 0) == P2P_FRAME_NONE);
    p2p_frame_halves_init(&h);
    p2p_frame_halves_reset(&h, 9);
    check(!p2p_frame_halves_reads(&h) && !p2p_frame_halves_writes(&h));
    check(p2p_frame_halves_next(&h, true, 0) == P2P_FRAME_RESET);
    check(!p2p_frame_halves_over(&h));
    p2p_frame_halves_sent(&h, P2P_FRAME_RESET, 0);
    check(p2p_frame_halves_over(&h) && h.result == P2P_ERR_CLOSED);
}

/* spec: webrtc #closing-an-rtcdatachannel: if a FIN flag is received the node SHOULD respond with a
 * FIN_ACK. */
static void a_repeated_fin_is_acknowledged_again(void **state) {
    (void)state;
    p2p_frame_halves h;
    p2p_frame_halves_init(&h);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 0);
    p2p_frame_halves_sent(&h, P2P_FRAME_FIN_ACK, 0);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN, 0, 0);
    check(p2p_frame_halves_next(&h, false, P2P_SECOND) == P2P_FRAME_FIN_ACK);
    p2p_frame_halves_on_flag(&h, P2P_FRAME_FIN_ACK, 0, 0); /* of a FIN never sent */
    check(h.sending == P2P_HALF_OPEN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_have_the_known_bytes),
        cmocka_unit_test(the_largest_frame_has_16384_bytes),
        cmocka_unit_test(any_cut_gives_the_same_events),
        cmocka_unit_test(data_counts_before_the_flag_whatever_the_order),
        cmocka_unit_test(unknown_fields_and_flags_are_skipped),
        cmocka_unit_test(an_error_code_is_read_and_written),
        cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(a_stream_closes_in_good_order),
        cmocka_unit_test(fin_ack_waits_for_the_response),
        cmocka_unit_test(a_missing_fin_ack_is_waited_for_ten_seconds),
        cmocka_unit_test(stop_sending_is_answered_with_fin),
        cmocka_unit_test(stop_sending_after_our_fin_does_not_stand_for_fin_ack),
        cmocka_unit_test(a_reset_ends_both_directions),
        cmocka_unit_test(a_repeated_fin_is_acknowledged_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
