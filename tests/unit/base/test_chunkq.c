/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/chunkq.h"

#include "support/check.h"

#include "base/bytes.h"

enum { TOTAL = 100000, POOL_MAX = 1 << 20 };

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8));
}

static p2p_chunkq filled(p2p_chunk_pool *pool) {
    static const p2p_mem MEM = {0};
    static uint8_t bytes[TOTAL];
    p2p_chunkq queue = {0};
    for (size_t i = 0; i < TOTAL; i++)
        bytes[i] = pattern(i);
    p2p_chunk_pool_init(pool, &MEM, POOL_MAX);
    assert_int_equal(p2p_chunkq_append(&queue, pool, p2p_bytes_of(bytes, TOTAL)), TOTAL);
    return queue;
}

static void check_at(p2p_chunkq *queue, size_t offset, size_t consumed) {
    p2p_bytes view = p2p_chunkq_peek_at(queue, offset);
    assert_true(view.len > 0 && offset + view.len <= queue->len);
    for (size_t i = 0; i < view.len; i++)
        assert_int_equal(view.ptr[i], pattern(consumed + offset + i));
}

static void done(p2p_chunkq *queue, p2p_chunk_pool *pool) {
    p2p_chunkq_clear(queue, pool);
    assert_int_equal(pool->used_count, 0);
    p2p_chunk_pool_deinit(pool);
}

static void any_offset_can_follow_any_other(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    p2p_chunkq queue = filled(&pool);
    uint64_t x = 1;
    for (int i = 0; i < 2000; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        check_at(&queue, (size_t)(x >> 33) % TOTAL, 0);
    }
    assert_int_equal(p2p_chunkq_peek_at(&queue, TOTAL).len, 0);
    done(&queue, &pool);
}

/* A muxer looks ahead, is acknowledged bytes at the front, and looks back again. */
static void looking_back_after_the_front_was_consumed(void **state) {
    (void)state;
    p2p_chunk_pool pool;
    p2p_chunkq queue = filled(&pool);
    size_t consumed = 0;
    for (size_t piece = 1; queue.len > 3 * piece; piece += 97) {
        check_at(&queue, queue.len - 1, consumed);
        check_at(&queue, 2 * piece, consumed);
        p2p_chunkq_consume(&queue, &pool, piece);
        consumed += piece;
        check_at(&queue, piece, consumed);
        check_at(&queue, 0, consumed);
    }
    done(&queue, &pool);
}

static void copying_is_what_was_appended(void **state) {
    (void)state;
    static uint8_t copy[TOTAL];
    p2p_chunk_pool pool;
    p2p_chunkq queue = filled(&pool);
    p2p_chunkq_consume(&queue, &pool, 5000);
    assert_int_equal(p2p_chunkq_copy(&queue, 7, copy, sizeof copy), TOTAL - 5007);
    for (size_t i = 0; i < TOTAL - 5007; i++)
        assert_int_equal(copy[i], pattern(5007 + i));
    done(&queue, &pool);
}

static void a_full_pool_takes_no_more(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    static const uint8_t BYTES[8192] = {0};
    p2p_chunk_pool pool;
    p2p_chunkq queue = {0};
    p2p_chunk_pool_init(&pool, &MEM, 4096);
    size_t taken = p2p_chunkq_append(&queue, &pool, p2p_bytes_of(BYTES, sizeof BYTES));
    assert_true(taken > 0 && taken < 4096);
    assert_int_equal(p2p_chunkq_append(&queue, &pool, p2p_bytes_of(BYTES, 1)), 0);
    done(&queue, &pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_offset_can_follow_any_other),
        cmocka_unit_test(looking_back_after_the_front_was_consumed),
        cmocka_unit_test(copying_is_what_was_appended),
        cmocka_unit_test(a_full_pool_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
