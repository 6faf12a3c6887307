/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "transport/websocket_frame_reader.h"
#include "transport/websocket_frame_writer.h"

static p2p_ws_writer writer_of(p2p_ws_role role, seeded_random *seeded) {
    p2p_ws_writer w;
    seeded_random_init(seeded, 7);
    p2p_ws_writer_init(&w, role, role == P2P_WS_CLIENT ? &seeded->random : NULL);
    return w;
}

/* Frames of every size, drawn and read back by the other role. */
static void check_round_trip(p2p_ws_role role, size_t size) {
    seeded_random seeded;
    p2p_ws_writer w = writer_of(role, &seeded);
    p2p_ws_reader r;
    p2p_ws_reader_init(&r, role == P2P_WS_CLIENT ? P2P_WS_SERVER : P2P_WS_CLIENT, 1 << 20);
    size_t cap = size + P2P_WS_HEAD_MAX;
    uint8_t *block = malloc(cap);
    size_t max;
    size_t at = p2p_ws_writer_room(&w, cap, &max);
    check(max >= size);
    for (size_t i = 0; i < size; i++)
        block[at + i] = (uint8_t)(i * 31);
    size_t len = p2p_ws_writer_seal(&w, block, size);
    check(len == p2p_ws_head_len(role, size) + size);
    p2p_ws_item item;
    check_ok(p2p_ws_reader_feed(&r, block, len, &item));
    check(item.event == P2P_WS_GOT_DATA && item.len == size && item.used == len);
    for (size_t i = 0; i < size; i++)
        check(item.data[i] == (uint8_t)(i * 31));
    free(block);
}

static void what_is_sealed_is_what_is_read(void **state) {
    (void)state;
    static const size_t SIZES[] = {1, 2, 3, 4, 5, 124, 125, 126, 127, 128, 1000, 65534, 65535};
    for (size_t i = 0; i < P2P_COUNT(SIZES); i++) {
        check_round_trip(P2P_WS_CLIENT, SIZES[i]);
        check_round_trip(P2P_WS_SERVER, SIZES[i]);
    }
}

static void a_frame_never_exceeds_the_block(void **state) {
    (void)state;
    seeded_random seeded;
    for (size_t role = 0; role < 2; role++) {
        p2p_ws_writer w = writer_of((p2p_ws_role)role, &seeded);
        for (size_t cap = 0; cap < 300; cap++) {
            size_t max;
            p2p_ws_writer_room(&w, cap, &max);
            if (max == 0)
                continue;
            uint8_t *block = calloc(1, cap);
            check(p2p_ws_writer_seal(&w, block, max) <= cap);
            free(block);
        }
        size_t max;
        p2p_ws_writer_room(&w, 1 << 20, &max);
        check(max == P2P_WS_PAYLOAD_MAX);
    }
}

static void every_frame_of_a_client_has_its_own_key(void **state) {
    (void)state;
    seeded_random seeded;
    p2p_ws_writer w = writer_of(P2P_WS_CLIENT, &seeded);
    uint8_t keys[64][4];
    for (size_t i = 0; i < 64; i++) {
        uint8_t block[16] = {0};
        p2p_ws_writer_seal(&w, block, 1);
        memcpy(keys[i], block + 2, 4);
        for (size_t k = 0; k < i; k++)
            check(memcmp(keys[i], keys[k], 4) != 0);
    }
}

static void the_latest_pong_wins_and_goes_before_the_rest(void **state) {
    (void)state;
    seeded_random seeded;
    uint8_t out[64];
    p2p_ws_writer w = writer_of(P2P_WS_SERVER, &seeded);
    check(!p2p_ws_writer_waiting(&w));
    check(p2p_ws_writer_control(&w, out, sizeof out) == 0);
    p2p_ws_writer_pong(&w, P2P_LITERAL("old"));
    p2p_ws_writer_pong(&w, P2P_LITERAL("new"));
    p2p_ws_writer_close(&w, P2P_WS_GOING_AWAY, "bye");
    p2p_ws_writer_close(&w, P2P_WS_NORMAL, "second");
    check(p2p_ws_writer_waiting(&w));
    size_t len = p2p_ws_writer_control(&w, out, sizeof out);
    check_bytes(p2p_bytes_of(out, len), "8a03 6e6577 8805 03e9 627965");
    check(!p2p_ws_writer_waiting(&w) && w.closed);
}

static void control_frames_wait_for_room_and_keep_their_order(void **state) {
    (void)state;
    seeded_random seeded;
    uint8_t out[64];
    p2p_ws_writer w = writer_of(P2P_WS_SERVER, &seeded);
    p2p_ws_writer_pong(&w, P2P_LITERAL("12345"));
    p2p_ws_writer_close(&w, P2P_WS_NO_CODE, "not sent");
    check(
        p2p_ws_writer_control(&w, out, 6) == 0); /* the close would fit, but not before the pong */
    check(p2p_ws_writer_control(&w, out, 8) == 7);
    check(p2p_ws_writer_control(&w, out, 1) == 0);
    check(p2p_ws_writer_waiting(&w));
    check(p2p_ws_writer_control(&w, out, 2) == 2);
    check_bytes(p2p_bytes_of(out, 2), "8800");
}

static void nothing_follows_a_close(void **state) {
    (void)state;
    seeded_random seeded;
    uint8_t out[64];
    size_t max;
    p2p_ws_writer w = writer_of(P2P_WS_CLIENT, &seeded);
    p2p_ws_writer_close(&w, P2P_WS_NORMAL, NULL);
    p2p_ws_writer_room(&w, 1000, &max);
    check(max == 0);
    check(p2p_ws_writer_control(&w, out, sizeof out) == 8);
    p2p_ws_writer_pong(&w, P2P_LITERAL("x"));
    p2p_ws_writer_close(&w, P2P_WS_NORMAL, NULL);
    check(p2p_ws_writer_control(&w, out, sizeof out) == 0);
    p2p_ws_writer_room(&w, 1000, &max);
    check(max == 0);
}

static void a_long_reason_is_cut_between_characters(void **state) {
    (void)state;
    seeded_random seeded;
    char reason[200];
    for (size_t lead = 0; lead < 3; lead++) {
        memset(reason, 'a', lead);
        for (size_t i = lead; i + 3 < sizeof reason; i += 3)
            memcpy(reason + i, "\xe2\x82\xac\0", 4);
        p2p_ws_writer w = writer_of(P2P_WS_CLIENT, &seeded);
        p2p_ws_writer_close(&w, P2P_WS_POLICY, reason);
        uint8_t out[200];
        size_t len = p2p_ws_writer_control(&w, out, sizeof out);
        p2p_ws_reader r;
        p2p_ws_item item;
        p2p_ws_reader_init(&r, P2P_WS_SERVER, 100);
        check_ok(p2p_ws_reader_feed(&r, out, len, &item));
        check(item.event == P2P_WS_GOT_CLOSED && item.code == P2P_WS_POLICY);
        check(item.len > 120 && item.len <= 123);
        check(memcmp(item.data, reason, item.len) == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_is_what_is_read),
        cmocka_unit_test(a_frame_never_exceeds_the_block),
        cmocka_unit_test(every_frame_of_a_client_has_its_own_key),
        cmocka_unit_test(the_latest_pong_wins_and_goes_before_the_rest),
        cmocka_unit_test(control_frames_wait_for_room_and_keep_their_order),
        cmocka_unit_test(nothing_follows_a_close),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
