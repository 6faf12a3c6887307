/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes of a stream in a chain of equal chunks from the host's pool. Appending copies once; reading
 * gives views; an empty queue holds no memory. The pool keeps freed chunks for reuse, so that the
 * data path does not allocate.
 */
#ifndef P2P_BASE_CHUNKQ_H
#define P2P_BASE_CHUNKQ_H

#include <p2p/base.h>

typedef struct p2p_chunk p2p_chunk;

typedef struct p2p_chunk_pool {
    const p2p_mem *mem;
    p2p_chunk *spare;
    size_t spare_count;
    size_t used_count; /* chunks in queues */
    size_t max;        /* most chunks in queues at once; the last eighth only as first chunks */
} p2p_chunk_pool;

void p2p_chunk_pool_init(p2p_chunk_pool *pool, const p2p_mem *mem, size_t max_bytes);
/* Above a smaller maximum nothing more is given until enough has come back. */
void p2p_chunk_pool_set_max(p2p_chunk_pool *pool, size_t max_bytes);
void p2p_chunk_pool_deinit(p2p_chunk_pool *pool);

/* Bytes that the chunks in queues take. */
size_t p2p_chunk_pool_used(const p2p_chunk_pool *pool);

typedef struct p2p_chunkq {
    p2p_chunk *first, *last;
    size_t len;   /* bytes in the queue */
    size_t start; /* consumed bytes of the first chunk */
    size_t end;   /* used bytes of the last chunk */
    /* Where peek_at stopped last, so that a sender going through the queue does not start at the
     * front each time. */
    p2p_chunk *mark;
    size_t mark_at; /* offset from the front of the queue of mark's first unconsumed byte */
} p2p_chunkq;

/* Copies as much as the pool gives; the number of bytes taken. Zeroed memory is an empty queue. */
size_t p2p_chunkq_append(p2p_chunkq *queue, p2p_chunk_pool *pool, p2p_bytes bytes);
/* The longest view at the front; empty when the queue is. */
p2p_bytes p2p_chunkq_peek(const p2p_chunkq *queue);
/* The longest view that begins `offset` bytes behind the front; empty at the end. The cost is the
 * distance from the offset asked for last. */
p2p_bytes p2p_chunkq_peek_at(p2p_chunkq *queue, size_t offset);
/* Copies up to cap bytes from `offset` on without consuming; the number copied. */
size_t p2p_chunkq_copy(p2p_chunkq *queue, size_t offset, uint8_t *dst, size_t cap);
void p2p_chunkq_consume(p2p_chunkq *queue, p2p_chunk_pool *pool, size_t len);
void p2p_chunkq_clear(p2p_chunkq *queue, p2p_chunk_pool *pool);

#endif
