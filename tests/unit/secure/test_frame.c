/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/frame.h"

#include "support/check.h"

static const p2p_mem PLAIN = {NULL, NULL};
static const p2p_frame_format NOISE = {2, 255};
static const p2p_frame_format TLS = {5, 16640};

static void a_whole_frame_is_left_where_it_lies(void **state) {
    (void)state;
    p2p_buf partial;
    uint8_t block[] = {0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd'};
    uint8_t *data = block;
    size_t len = sizeof block;
    p2p_frame m;
    p2p_buf_init(&partial, &PLAIN, 1000);
    check_ok(p2p_frame_next(&partial, &NOISE, &data, &len, &m));
    check(m.ptr == block && m.len == 5);
    check_ok(p2p_frame_next(&partial, &NOISE, &data, &len, &m));
    check(m.ptr == block + 5 && m.len == 2);
    check_ok(p2p_frame_next(&partial, &NOISE, &data, &len, &m));
    check(m.ptr == block + 7 && m.len == 3 && len == 0);
    check(partial.base == NULL);
}

static void any_fragmentation_gives_the_same_frames(void **state) {
    (void)state;
    const uint8_t wire[] = {0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', 0, 2, 'e', 'f'};
    for (unsigned cuts = 0; cuts < 1U << (sizeof wire - 1); cuts++) {
        p2p_buf partial;
        uint8_t got[sizeof wire];
        size_t got_len = 0;
        p2p_buf_init(&partial, &PLAIN, 1000);
        for (size_t start = 0, end; start < sizeof wire; start = end) {
            uint8_t block[sizeof wire];
            for (end = start + 1; end < sizeof wire && !(cuts >> (end - 1) & 1);)
                end++;
            memcpy(block, wire + start, end - start);
            uint8_t *data = block;
            size_t len = end - start;
            while (len > 0) {
                p2p_frame m;
                check_ok(p2p_frame_next(&partial, &NOISE, &data, &len, &m));
                if (m.ptr != NULL) {
                    memcpy(got + got_len, m.ptr + 2, m.len - 2);
                    got_len += m.len - 2;
                    got[got_len++] = '|';
                }
                p2p_frame_done(&partial, &m, len);
            }
        }
        check_same(p2p_bytes_of(got, got_len), P2P_LITERAL("abc||d|ef|"));
        check(partial.base == NULL);
    }
}

static void frames_cut_by_blocks_ask_for_memory_once(void **state) {
    (void)state;
    static uint8_t wire[7 * 100 * 12]; /* frames of 100 bytes in blocks of 70 */
    faulty_mem mem;
    p2p_buf partial;
    faulty_mem_init(&mem);
    p2p_buf_init(&partial, &mem.mem, 1000);
    for (size_t at = 0; at < sizeof wire; at += 100)
        wire[at + 1] = 98;
    size_t whole = 0;
    for (size_t at = 0; at < sizeof wire; at += 70) {
        uint8_t *data = wire + at;
        size_t len = 70;
        while (len > 0) {
            p2p_frame m;
            check_ok(p2p_frame_next(&partial, &NOISE, &data, &len, &m));
            whole += m.ptr != NULL;
            p2p_frame_done(&partial, &m, len);
        }
        /* Every seventh frame ends with its block. */
        check(mem.live_blocks == ((at + 70) % 700 != 0));
    }
    check(whole == sizeof wire / 100);
    check(mem.requests == sizeof wire / 700);
}

static void a_frame_above_the_maximum_is_refused_at_its_head(void **state) {
    (void)state;
    for (size_t first = 1; first <= 2; first++) {
        p2p_buf partial;
        uint8_t block[] = {1, 0};
        uint8_t *data = block;
        size_t len = first;
        p2p_frame m;
        p2p_buf_init(&partial, &PLAIN, 1000);
        p2p_err err = p2p_frame_next(&partial, &NOISE, &data, &len, &m);
        if (first == 1) {
            check_ok(err);
            len = 1;
            err = p2p_frame_next(&partial, &NOISE, &data, &len, &m);
        }
        check_err(P2P_ERR_VIOLATION, err);
        p2p_buf_deinit(&partial);
    }
}

static void a_longer_head_ends_in_the_length_too(void **state) {
    (void)state;
    const uint8_t wire[] = {23, 3, 3, 0, 2, 'a', 'b', 21, 3, 3, 0, 0};
    for (size_t piece = 1; piece <= sizeof wire; piece++) {
        p2p_buf partial;
        size_t lens[2];
        size_t frames = 0;
        p2p_buf_init(&partial, &PLAIN, 1000);
        for (size_t at = 0; at < sizeof wire; at += piece) {
            uint8_t block[sizeof wire];
            uint8_t *data = block;
            size_t len = piece < sizeof wire - at ? piece : sizeof wire - at;
            memcpy(block, wire + at, len);
            while (len > 0) {
                p2p_frame frame;
                check_ok(p2p_frame_next(&partial, &TLS, &data, &len, &frame));
                if (frame.ptr != NULL)
                    lens[frames++] = frame.len;
                p2p_frame_done(&partial, &frame, len);
            }
        }
        check(frames == 2 && lens[0] == 7 && lens[1] == 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_frame_is_left_where_it_lies),
        cmocka_unit_test(any_fragmentation_gives_the_same_frames),
        cmocka_unit_test(frames_cut_by_blocks_ask_for_memory_once),
        cmocka_unit_test(a_frame_above_the_maximum_is_refused_at_its_head),
        cmocka_unit_test(a_longer_head_ends_in_the_length_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
