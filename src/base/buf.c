/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/buf.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { SMALLEST_BLOCK = 64 };

void p2p_buf_init(p2p_buf *buf, const p2p_mem *mem, size_t max) {
    *buf = (p2p_buf){.mem = mem, .max = max};
}

void p2p_buf_deinit(p2p_buf *buf) {
    p2p_mem_free(buf->mem, buf->base, buf->cap);
    p2p_buf_init(buf, buf->mem, buf->max);
}

/* Doubling keeps appends cheap; the maximum keeps a peer from making the block large. */
static size_t grown(const p2p_buf *buf, size_t need) {
    size_t cap = buf->cap < SMALLEST_BLOCK ? SMALLEST_BLOCK : buf->cap;
    while (cap < need)
        cap *= 2;
    return cap > buf->max ? buf->max : cap;
}

p2p_err p2p_buf_reserve(p2p_buf *buf, size_t len, uint8_t **room) {
    *room = NULL;
    size_t used = p2p_buf_len(buf);
    if (len > buf->max - used)
        return P2P_ERR_TOO_BIG;
    if (len > buf->cap - buf->end && buf->start > 0) {
        memmove(buf->base, buf->base + buf->start, used);
        buf->start = 0;
        buf->end = used;
    }
    if (len > buf->cap - buf->end) {
        size_t cap = grown(buf, used + len);
        uint8_t *base = p2p_mem_resize(buf->mem, buf->base, buf->cap, cap);
        if (base == NULL)
            return P2P_ERR_NO_MEMORY;
        buf->base = base;
        buf->cap = cap;
    }
    *room = buf->base + buf->end;
    return P2P_OK;
}

void p2p_buf_commit(p2p_buf *buf, size_t len) {
    INVARIANT(len <= buf->cap - buf->end);
    buf->end += len;
}

p2p_err p2p_buf_append(p2p_buf *buf, p2p_bytes bytes) {
    if (bytes.len == 0)
        return P2P_OK;
    uint8_t *room;
    p2p_err err = p2p_buf_reserve(buf, bytes.len, &room);
    if (err != P2P_OK)
        return err;
    p2p_copy(room, bytes.ptr, bytes.len);
    p2p_buf_commit(buf, bytes.len);
    return P2P_OK;
}

void p2p_buf_consume(p2p_buf *buf, size_t len) {
    INVARIANT(len <= p2p_buf_len(buf));
    buf->start += len;
    if (buf->start == buf->end)
        buf->start = buf->end = 0;
}

size_t p2p_buf_draw(p2p_buf *buf, uint8_t *dst, size_t cap) {
    p2p_bytes view = p2p_buf_view(buf);
    size_t len = view.len < cap ? view.len : cap;
    p2p_copy(dst, view.ptr, len);
    p2p_buf_consume(buf, len);
    return len;
}
