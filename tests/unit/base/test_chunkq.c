/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/chunkq.h"

#include "support/check.h"

enum { BIG = 64 * 1024 };

static uint8_t pattern[BIG];

static void start(p2p_chunk_pool *pool, faulty_mem *mem, size_t max_bytes) {
    faulty_mem_init(mem);
    for (size_t i = 0; i < BIG; i++)
        pattern[i] = (uint8_t)(i * 31 + i / 251);
    p2p_chunk_pool_init(pool, &mem->mem, max_bytes);
}

static void stop(p2p_chunk_pool *pool, faulty_mem *mem) {
    check(pool->used_count == 0);
    p2p_chunk_pool_deinit(pool);
    check(mem->live_blocks == 0);
}

static void bytes_come_out_as_they_went_in_for_any_pieces(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    seeded_random random;
    p2p_chunkq queue = {0};
    start(&pool, &mem, 4 * BIG);
    seeded_random_init(&random, 5);
    size_t in = 0, out = 0; /* offsets into an endless repetition of the pattern */
    for (size_t step = 0; step < 20000; step++) {
        size_t len = seeded_random_next(&random) % 9000;
        if (seeded_random_next(&random) % 2 == 0 && queue.len + len < 2 * BIG) {
            for (size_t done = 0; done < len;) {
                size_t piece = BIG - in % BIG < len - done ? BIG - in % BIG : len - done;
                check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern + in % BIG, piece)) ==
                      piece);
                in += piece;
                done += piece;
            }
        } else {
            len = len < queue.len ? len : queue.len;
            p2p_chunkq_consume(&queue, &pool, len);
            out += len;
        }
        check(queue.len == in - out);
        /* Forwards as a sender goes, and now and then from anywhere. */
        size_t offset = queue.len == 0 ? 0 : seeded_random_next(&random) % queue.len;
        for (size_t i = 0; i < 4; i++) {
            p2p_bytes view = p2p_chunkq_peek_at(&queue, offset);
            check((view.len == 0) == (offset >= queue.len));
            for (size_t at = 0; at < view.len; at += 97)
                check(view.ptr[at] == pattern[(out + offset + at) % BIG]);
            offset += view.len;
        }
        p2p_bytes front = p2p_chunkq_peek(&queue);
        check(front.len <= queue.len && (front.len == 0) == (queue.len == 0));
        if (front.len > 0)
            check(front.ptr[0] == pattern[out % BIG]);
    }
    p2p_chunkq_clear(&queue, &pool);
    stop(&pool, &mem);
}

static void copy_crosses_chunks_and_stops_at_the_end(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    p2p_chunkq queue = {0};
    static uint8_t copy[BIG + 1];
    start(&pool, &mem, 4 * BIG);
    check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, BIG)) == BIG);
    check(p2p_chunkq_copy(&queue, 0, copy, sizeof copy) == BIG);
    check_same(p2p_bytes_of(copy, BIG), p2p_bytes_of(pattern, BIG));
    check(p2p_chunkq_copy(&queue, BIG - 10, copy, 100) == 10);
    check(p2p_chunkq_copy(&queue, BIG, copy, 100) == 0);
    check(p2p_chunkq_copy(&queue, 4000, copy, 200) == 200);
    check_same(p2p_bytes_of(copy, 200), p2p_bytes_of(pattern + 4000, 200));
    p2p_chunkq_clear(&queue, &pool);
    stop(&pool, &mem);
}

static void an_empty_queue_holds_no_chunk(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    p2p_chunkq queue = {0};
    start(&pool, &mem, BIG);
    check(p2p_chunkq_peek(&queue).len == 0);
    check(p2p_chunkq_peek_at(&queue, 0).len == 0);
    for (size_t len = 1; len < 9000; len += 7) {
        check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, len)) == len);
        check(pool.used_count > 0);
        p2p_chunkq_consume(&queue, &pool, len);
        check(pool.used_count == 0);
    }
    check(p2p_chunkq_append(&queue, &pool, (p2p_bytes){0}) == 0);
    check(pool.used_count == 0);
    stop(&pool, &mem);
}

static void the_pool_gives_no_more_than_its_maximum(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    p2p_chunkq first = {0}, second = {0}, third = {0};
    start(&pool, &mem, BIG / 2);
    size_t taken = p2p_chunkq_append(&first, &pool, p2p_bytes_of(pattern, BIG));
    check(taken > BIG / 4 && taken <= BIG / 2);
    /* The last eighth is for queues that have nothing yet. */
    check(p2p_chunkq_append(&first, &pool, p2p_bytes_of(pattern, 1)) == 0);
    check(p2p_chunkq_append(&second, &pool, p2p_bytes_of(pattern, 10000)) < 5000);
    check(second.len > 0);
    check(p2p_chunkq_append(&third, &pool, p2p_bytes_of(pattern, 1)) == 0);
    check(mem.live_bytes <= BIG / 2 && p2p_chunk_pool_used(&pool) == mem.live_bytes);
    p2p_chunkq_consume(&first, &pool, 5000);
    check(p2p_chunkq_append(&third, &pool, p2p_bytes_of(pattern, 1)) == 1);
    p2p_chunkq_clear(&third, &pool);
    check(p2p_chunkq_peek_at(&first, 0).ptr[0] == pattern[5000]);
    p2p_chunkq_clear(&first, &pool);
    p2p_chunkq_clear(&second, &pool);
    stop(&pool, &mem);
}

static void freed_chunks_are_used_again(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    p2p_chunkq queue = {0};
    start(&pool, &mem, BIG);
    p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, 30000));
    p2p_chunkq_clear(&queue, &pool);
    size_t requests = mem.requests;
    for (size_t i = 0; i < 100; i++) {
        check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, 30000)) == 30000);
        p2p_chunkq_clear(&queue, &pool);
    }
    check(mem.requests == requests);
    stop(&pool, &mem);
}

static p2p_err append_much(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_chunk_pool pool;
    p2p_chunkq queue = {0};
    p2p_chunk_pool_init(&pool, mem, BIG);
    size_t taken = p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, 30000));
    /* What was taken is there, and is the beginning. */
    check(queue.len == taken);
    for (size_t at = 0; at < taken; at += 1000)
        check(p2p_chunkq_peek_at(&queue, at).ptr[0] == pattern[at]);
    p2p_chunkq_clear(&queue, &pool);
    p2p_chunk_pool_deinit(&pool);
    return taken == 30000 ? P2P_OK : P2P_ERR_NO_MEMORY;
}

static void without_memory_it_takes_less(void **state) {
    (void)state;
    sweep_allocations(append_much, NULL);
}

static void a_smaller_maximum_waits_until_enough_came_back(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    faulty_mem mem;
    p2p_chunkq queue = {0};
    start(&pool, &mem, 4 * BIG);
    check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, BIG)) == BIG);
    p2p_chunk_pool_set_max(&pool, BIG / 2);
    check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, BIG)) < BIG / 8);
    p2p_chunkq_consume(&queue, &pool, BIG);
    check(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(pattern, BIG)) > BIG / 8);
    check(p2p_chunk_pool_used(&pool) <= BIG / 2);
    p2p_chunkq_clear(&queue, &pool);
    stop(&pool, &mem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in_for_any_pieces),
        cmocka_unit_test(copy_crosses_chunks_and_stops_at_the_end),
        cmocka_unit_test(an_empty_queue_holds_no_chunk),
        cmocka_unit_test(the_pool_gives_no_more_than_its_maximum),
        cmocka_unit_test(freed_chunks_are_used_again),
        cmocka_unit_test(without_memory_it_takes_less),
        cmocka_unit_test(a_smaller_maximum_waits_until_enough_came_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
