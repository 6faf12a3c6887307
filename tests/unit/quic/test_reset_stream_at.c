/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "quic/reset_stream_at.h"

#include "base/bytes.h"
#include "support/check.h"

static uint64_t have;

static uint64_t received(void *ctx, int64_t id) {
    (void)ctx;
    check(id == 8);
    return have;
}

/* Rewrites `before`; `after` NULL: the packet is to be given up, unchanged. */
static void rewritten(uint64_t arrived, p2p_bytes before, p2p_bytes after) {
    uint8_t payload[2048];
    have = arrived;
    memcpy(payload, before.ptr, before.len);
    p2p_err err = p2p_reset_stream_at_rewrite(payload, before.len, received, NULL);
    check_err(after.ptr == NULL ? P2P_ERR_AGAIN : P2P_OK, err);
    check_same(p2p_bytes_of(payload, before.len), after.ptr == NULL ? before : after);
}

static void a_packet_without_it_stays(void **state) {
    (void)state;
    rewritten(0, P2P_LITERAL("\x01\x0a\x08\x02\x24\x24\x10\x05"),
        P2P_LITERAL("\x01\x0a\x08\x02\x24\x24\x10\x05"));
}

static void it_becomes_a_plain_reset_and_padding(void **state) {
    (void)state;
    rewritten(3, P2P_LITERAL("\x01\x24\x08\x05\x07\x03\x10\x09"),
        P2P_LITERAL("\x01\x04\x08\x05\x07\x00\x10\x09"));
}

static void bytes_of_the_same_packet_come_first(void **state) {
    (void)state;
    rewritten(0, P2P_LITERAL("\x24\x08\x05\x07\x03\x0a\x08\x03\x40\x41\x00"),
        P2P_LITERAL("\x0a\x08\x03\x40\x41\x00\x04\x08\x05\x07\x00"));
}

static void a_last_frame_without_a_length_gets_one(void **state) {
    (void)state;
    rewritten(0, P2P_LITERAL("\x24\x08\x05\x07\x03\x08\x08\x40\x41\x00"),
        P2P_LITERAL("\x0a\x08\x03\x40\x41\x00\x04\x08\x05\x07"));
    rewritten(3, P2P_LITERAL("\x24\x08\x05\x07\x03\x30\x00z"),
        P2P_LITERAL("\x04\x08\x05\x07\x00\x30\x00z"));
}

static void without_room_for_a_length_the_packet_is_given_up(void **state) {
    uint8_t bytes[5 + 2 + 100] = "\x24\x08\x05\x07\x03\x08\x08";
    uint8_t in_place[sizeof bytes] = "\x04\x08\x05\x07\x00\x08\x08";
    (void)state;
    rewritten(0, p2p_bytes_of(bytes, sizeof bytes), (p2p_bytes){0});
    /* None is needed when its bytes came before: other streams' data is not held up. */
    rewritten(3, p2p_bytes_of(bytes, sizeof bytes), p2p_bytes_of(in_place, sizeof in_place));
}

static void missing_bytes_give_the_packet_up(void **state) {
    (void)state;
    rewritten(2, P2P_LITERAL("\x24\x08\x05\x07\x03\x01"), (p2p_bytes){0});
    rewritten(0, P2P_LITERAL("\x24\x08\x05\x07\x03\x0e\x08\x01\x02\x41\x00"), (p2p_bytes){0});
}

static void a_stream_that_is_over_needs_no_bytes(void **state) {
    (void)state;
    rewritten(UINT64_MAX, P2P_LITERAL("\x24\x08\x05\x07\x03"), P2P_LITERAL("\x04\x08\x05\x07\x00"));
}

static void what_is_malformed_is_left_to_others(void **state) {
    (void)state;
    rewritten(3, P2P_LITERAL("\x24\x08\x05\x07\x03\x3f"), P2P_LITERAL("\x24\x08\x05\x07\x03\x3f"));
    rewritten(3, P2P_LITERAL("\x24\x08\x05\x07"), P2P_LITERAL("\x24\x08\x05\x07"));
    rewritten(3, P2P_LITERAL("\x24\x08\x05\x07\x03\x40\x08\x08"),
        P2P_LITERAL("\x24\x08\x05\x07\x03\x40\x08\x08"));
}

static void many_at_once_fit(void **state) {
    uint8_t before[112 * 5], after[112 * 5] = {0};
    (void)state;
    for (size_t i = 0; i < 112; i++) {
        memcpy(before + i * 5, "\x24\x08\x05\x07\x03", 5);
        memcpy(after + i * 5, "\x04\x08\x05\x07\x00", 5);
    }
    rewritten(3, p2p_bytes_of(before, sizeof before), p2p_bytes_of(after, sizeof after));
}

static void the_parameter_has_both_of_its_numbers(void **state) {
    uint8_t bytes[32];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    (void)state;
    p2p_reset_stream_at_put_parameter(&w);
    check_same(p2p_writer_view(&w), P2P_LITERAL("\x1d\x00\xc0\x17\xf7\x58\x6d\x2c\xb5\x71\x00"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_without_it_stays),
        cmocka_unit_test(it_becomes_a_plain_reset_and_padding),
        cmocka_unit_test(bytes_of_the_same_packet_come_first),
        cmocka_unit_test(a_last_frame_without_a_length_gets_one),
        cmocka_unit_test(without_room_for_a_length_the_packet_is_given_up),
        cmocka_unit_test(missing_bytes_give_the_packet_up),
        cmocka_unit_test(a_stream_that_is_over_needs_no_bytes),
        cmocka_unit_test(what_is_malformed_is_left_to_others),
        cmocka_unit_test(many_at_once_fit),
        cmocka_unit_test(the_parameter_has_both_of_its_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
