/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A growable run of bytes with a hard maximum, read from the front and written at the back. For
 * what arrives in pieces: a length-prefixed message, a handshake record. Stream data lives in
 * chunkq.h instead.
 */
#ifndef P2P_BASE_BUF_H
#define P2P_BASE_BUF_H

#include <p2p/base.h>

typedef struct p2p_buf {
    const p2p_mem *mem;
    uint8_t *base; /* the block, cap bytes */
    size_t cap;
    size_t start; /* first unread byte */
    size_t end;   /* one past the last byte */
    size_t max;   /* never holds more than this */
} p2p_buf;

/* Allocates nothing yet. */
void p2p_buf_init(p2p_buf *buf, const p2p_mem *mem, size_t max);
/* Frees the block; the buffer is empty and usable again. */
void p2p_buf_deinit(p2p_buf *buf);

static inline size_t p2p_buf_len(const p2p_buf *buf) {
    return buf->end - buf->start;
}

static inline p2p_bytes p2p_buf_view(const p2p_buf *buf) {
    size_t len = buf->end - buf->start;
    return (p2p_bytes){len == 0 ? buf->base : buf->base + buf->start, len};
}

/* Room for `len` more bytes at the back, to be filled and then committed. NULL with TOO_BIG or
 * NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_buf_reserve(p2p_buf *buf, size_t len, uint8_t **room);
void p2p_buf_commit(p2p_buf *buf, size_t len);
P2P_NODISCARD p2p_err p2p_buf_append(p2p_buf *buf, p2p_bytes bytes);
/* Drops bytes from the front; an emptied buffer keeps its block. */
void p2p_buf_consume(p2p_buf *buf, size_t len);
/* Moves up to cap bytes from the front to dst; their number. */
size_t p2p_buf_draw(p2p_buf *buf, uint8_t *dst, size_t cap);

#endif
