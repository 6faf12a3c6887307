/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/buf.h"

#include "support/check.h"

static const p2p_mem MEM = {0};

/* A queue of numbered bytes, filled and drained in random steps, against plain counters. */
static void bytes_come_out_as_they_went_in(void **state) {
    (void)state;

    enum { MAX = 1000 };

    seeded_random random;
    seeded_random_init(&random, 1);
    p2p_buf buf;
    size_t written = 0;
    size_t read = 0;
    p2p_buf_init(&buf, &MEM, MAX);
    for (int round = 0; round < 20000; round++) {
        size_t step = seeded_random_next(&random) % 300;
        uint8_t bytes[300];
        for (size_t i = 0; i < step; i++)
            bytes[i] = (uint8_t)(written + i);
        p2p_err err = p2p_buf_append(&buf, p2p_bytes_of(bytes, step));
        check_err(written - read + step <= MAX ? P2P_OK : P2P_ERR_TOO_BIG, err);
        written += err == P2P_OK ? step : 0;
        check(p2p_buf_len(&buf) == written - read && buf.cap <= MAX);
        p2p_bytes view = p2p_buf_view(&buf);
        for (size_t i = 0; i < view.len; i++)
            check(view.ptr[i] == (uint8_t)(read + i));
        step = seeded_random_next(&random) % (view.len + 1);
        p2p_buf_consume(&buf, step);
        read += step;
    }
    p2p_buf_deinit(&buf);
}

static void the_maximum_is_reached_and_not_passed(void **state) {
    (void)state;
    static uint8_t bytes[101];
    uint8_t *room;
    p2p_buf buf;
    p2p_buf_init(&buf, &MEM, 100);
    check_ok(p2p_buf_append(&buf, p2p_bytes_of(bytes, 100)));
    check_err(P2P_ERR_TOO_BIG, p2p_buf_append(&buf, p2p_bytes_of(bytes, 1)));
    check_err(P2P_ERR_TOO_BIG, p2p_buf_reserve(&buf, SIZE_MAX, &room));
    check(room == NULL && p2p_buf_len(&buf) == 100);
    p2p_buf_consume(&buf, 60);
    check_ok(p2p_buf_append(&buf, p2p_bytes_of(bytes, 60)));
    check_err(P2P_ERR_TOO_BIG, p2p_buf_append(&buf, p2p_bytes_of(bytes, 1)));
    p2p_buf_deinit(&buf);
    check_err(P2P_ERR_TOO_BIG, p2p_buf_append(&buf, p2p_bytes_of(bytes, 101)));
    check_ok(p2p_buf_append(&buf, p2p_bytes_of(bytes, 100)));
    p2p_buf_deinit(&buf);
}

static void an_empty_buffer_has_an_empty_view(void **state) {
    (void)state;
    faulty_mem faulty;
    p2p_buf buf;
    faulty_mem_init(&faulty);
    p2p_buf_init(&buf, &faulty.mem, 100);
    check(p2p_buf_view(&buf).len == 0);
    check_ok(p2p_buf_append(&buf, (p2p_bytes){0}));
    p2p_buf_consume(&buf, 0);
    check(faulty.requests == 0);
    p2p_buf_deinit(&buf);
    p2p_buf_deinit(&buf);
}

static void an_emptied_buffer_keeps_its_block(void **state) {
    (void)state;
    faulty_mem faulty;
    p2p_buf buf;
    faulty_mem_init(&faulty);
    p2p_buf_init(&buf, &faulty.mem, 100);
    for (int i = 0; i < 50; i++) {
        check_ok(p2p_buf_append(&buf, P2P_LITERAL("0123456789")));
        p2p_buf_consume(&buf, 10);
    }
    check(faulty.requests == 1);
    p2p_buf_deinit(&buf);
    check(faulty.live_blocks == 0);
}

static void room_is_filled_in_place(void **state) {
    (void)state;
    uint8_t *room;
    p2p_buf buf;
    p2p_buf_init(&buf, &MEM, 100);
    check_ok(p2p_buf_reserve(&buf, 50, &room));
    memcpy(room, "abc", 3);
    p2p_buf_commit(&buf, 3);
    check_same(p2p_buf_view(&buf), P2P_LITERAL("abc"));
    p2p_buf_deinit(&buf);
}

static p2p_err append_a_lot(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_buf buf;
    p2p_err err = P2P_OK;
    p2p_buf_init(&buf, mem, 1 << 16);
    for (int i = 0; err == P2P_OK && i < 3000; i++)
        err = p2p_buf_append(&buf, P2P_LITERAL("0123456789"));
    check(err == P2P_OK || err == P2P_ERR_NO_MEMORY);
    p2p_bytes view = p2p_buf_view(&buf); /* what was in it before a failure stays */
    for (size_t i = 0; i < view.len; i++)
        check(view.ptr[i] == '0' + i % 10);
    p2p_buf_deinit(&buf);
    return err;
}

static void it_is_drawn_in_pieces(void **state) {
    (void)state;
    faulty_mem m;
    p2p_buf buf;
    uint8_t dst[8] = {0};
    faulty_mem_init(&m);
    p2p_buf_init(&buf, &m.mem, 16);
    check(p2p_buf_draw(&buf, dst, sizeof dst) == 0);
    check_ok(p2p_buf_append(&buf, P2P_LITERAL("ten bytes!")));
    check(p2p_buf_draw(&buf, NULL, 0) == 0);
    check(p2p_buf_draw(&buf, dst, sizeof dst) == 8);
    check_same(p2p_bytes_of(dst, 8), P2P_LITERAL("ten byte"));
    check(p2p_buf_draw(&buf, dst, sizeof dst) == 2);
    check_same(p2p_bytes_of(dst, 2), P2P_LITERAL("s!"));
    check(p2p_buf_len(&buf) == 0);
    p2p_buf_deinit(&buf);
    check(m.live_blocks == 0);
}

static void a_refused_block_loses_nothing(void **state) {
    (void)state;
    sweep_allocations(append_a_lot, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in),
        cmocka_unit_test(the_maximum_is_reached_and_not_passed),
        cmocka_unit_test(an_empty_buffer_has_an_empty_view),
        cmocka_unit_test(an_emptied_buffer_keeps_its_block),
        cmocka_unit_test(room_is_filled_in_place),
        cmocka_unit_test(it_is_drawn_in_pieces),
        cmocka_unit_test(a_refused_block_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
