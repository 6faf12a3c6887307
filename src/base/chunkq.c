/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/chunkq.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum {
    CHUNK_SIZE = 4096, /* a page with its links: small enough for many half-empty streams, large
                          enough for memcpy */
    SPARE_MAX = 1024   /* chunks the pool keeps, 4 MiB */
};

struct p2p_chunk {
    p2p_chunk *next, *prev; /* prev means nothing in a queue's first */
    uint8_t data[CHUNK_SIZE - 2 * sizeof(p2p_chunk *)];
};

enum { CHUNK_DATA = sizeof(((p2p_chunk *)0)->data) };

void p2p_chunk_pool_init(p2p_chunk_pool *pool, const p2p_mem *mem, size_t max_bytes) {
    *pool = (p2p_chunk_pool){.mem = mem};
    p2p_chunk_pool_set_max(pool, max_bytes);
}

void p2p_chunk_pool_set_max(p2p_chunk_pool *pool, size_t max_bytes) {
    pool->max = max_bytes / CHUNK_SIZE;
}

void p2p_chunk_pool_deinit(p2p_chunk_pool *pool) {
    INVARIANT(pool->used_count == 0);
    while (pool->spare != NULL) {
        p2p_chunk *chunk = pool->spare;
        pool->spare = chunk->next;
        p2p_mem_free(pool->mem, chunk, sizeof *chunk);
    }
    pool->spare_count = 0;
}

size_t p2p_chunk_pool_used(const p2p_chunk_pool *pool) {
    return pool->used_count * CHUNK_SIZE;
}

/* An eighth is kept for the first chunks of queues: a few peers that fill long queues do not stop
 * everybody else, most of whom need one. */
static p2p_chunk *take_chunk(p2p_chunk_pool *pool, bool first) {
    if (pool->used_count >= (first ? pool->max : pool->max - pool->max / 8))
        return NULL;
    p2p_chunk *chunk = pool->spare;
    if (chunk != NULL) {
        pool->spare = chunk->next;
        pool->spare_count--;
    } else {
        chunk = p2p_mem_resize(pool->mem, NULL, 0, sizeof *chunk);
        if (chunk == NULL)
            return NULL;
    }
    pool->used_count++;
    chunk->next = NULL;
    return chunk;
}

static void give_chunk(p2p_chunk_pool *pool, p2p_chunk *chunk) {
    pool->used_count--;
    if (pool->spare_count >= SPARE_MAX) {
        p2p_mem_free(pool->mem, chunk, sizeof *chunk);
        return;
    }
    chunk->next = pool->spare;
    pool->spare = chunk;
    pool->spare_count++;
}

size_t p2p_chunkq_append(p2p_chunkq *queue, p2p_chunk_pool *pool, p2p_bytes bytes) {
    size_t taken = 0;
    while (taken < bytes.len) {
        if (queue->last == NULL || queue->end == CHUNK_DATA) {
            p2p_chunk *chunk = take_chunk(pool, queue->last == NULL);
            if (chunk == NULL)
                break;
            if (queue->last == NULL)
                queue->first = chunk;
            else
                queue->last->next = chunk;
            chunk->prev = queue->last;
            queue->last = chunk;
            queue->end = 0;
        }
        size_t room = CHUNK_DATA - queue->end;
        size_t piece = bytes.len - taken < room ? bytes.len - taken : room;
        memcpy(queue->last->data + queue->end, bytes.ptr + taken, piece);
        queue->end += piece;
        taken += piece;
    }
    queue->len += taken;
    return taken;
}

/* The used bytes of a chunk of the queue. */
static p2p_bytes chunk_view(const p2p_chunkq *queue, const p2p_chunk *chunk) {
    size_t from = chunk == queue->first ? queue->start : 0;
    size_t to = chunk == queue->last ? queue->end : CHUNK_DATA;
    return p2p_bytes_of(chunk->data + from, to - from);
}

p2p_bytes p2p_chunkq_peek(const p2p_chunkq *queue) {
    if (queue->first == NULL)
        return (p2p_bytes){0};
    return chunk_view(queue, queue->first);
}

p2p_bytes p2p_chunkq_peek_at(p2p_chunkq *queue, size_t offset) {
    if (offset >= queue->len)
        return (p2p_bytes){0};
    if (queue->mark == NULL || offset == 0) {
        queue->mark = queue->first;
        queue->mark_at = 0;
    }
    p2p_bytes view = chunk_view(queue, queue->mark);
    while (offset < queue->mark_at) {
        queue->mark = queue->mark->prev;
        view = chunk_view(queue, queue->mark);
        queue->mark_at -= view.len;
    }
    while (offset - queue->mark_at >= view.len) {
        queue->mark_at += view.len;
        queue->mark = queue->mark->next;
        view = chunk_view(queue, queue->mark);
    }
    size_t skip = offset - queue->mark_at;
    return p2p_bytes_of(view.ptr + skip, view.len - skip);
}

size_t p2p_chunkq_copy(p2p_chunkq *queue, size_t offset, uint8_t *dst, size_t cap) {
    size_t copied = 0;
    while (copied < cap) {
        p2p_bytes view = p2p_chunkq_peek_at(queue, offset + copied);
        if (view.len == 0)
            break;
        size_t piece = view.len < cap - copied ? view.len : cap - copied;
        memcpy(dst + copied, view.ptr, piece);
        copied += piece;
    }
    return copied;
}

void p2p_chunkq_consume(p2p_chunkq *queue, p2p_chunk_pool *pool, size_t len) {
    INVARIANT(len <= queue->len);
    queue->len -= len;
    if (queue->mark != NULL && queue->mark_at >= len)
        queue->mark_at -= len;
    else
        queue->mark = NULL;
    while (len > 0) {
        size_t here = chunk_view(queue, queue->first).len;
        if (len < here) {
            queue->start += len;
            return;
        }
        len -= here;
        p2p_chunk *done = queue->first;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the queue has len bytes in it */
        queue->first = done->next;
        queue->start = 0;
        if (queue->first == NULL)
            queue->last = NULL;
        if (queue->mark == done) {
            queue->mark = NULL;
            queue->mark_at = 0;
        }
        give_chunk(pool, done);
    }
}

void p2p_chunkq_clear(p2p_chunkq *queue, p2p_chunk_pool *pool) {
    p2p_chunkq_consume(queue, pool, queue->len);
}
