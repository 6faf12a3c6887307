/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading and writing binary formats. Both ends have a sticky error: a parser reads like the
 * format's table and checks once at the end. After an error every read gives zero and every write
 * does nothing.
 */
#ifndef P2P_BASE_CURSOR_H
#define P2P_BASE_CURSOR_H

#include <p2p/base.h>

typedef struct p2p_cursor {
    const uint8_t *ptr;
    size_t left;
    p2p_err err; /* P2P_OK or P2P_ERR_MALFORMED */
} p2p_cursor;

static inline p2p_cursor p2p_cursor_of(p2p_bytes bytes) {
    return (p2p_cursor){bytes.ptr, bytes.len, P2P_OK};
}

void p2p_cursor_fail(p2p_cursor *c);
uint8_t p2p_cursor_u8(p2p_cursor *c);
uint16_t p2p_cursor_u16(p2p_cursor *c); /* big endian, as all of these */
uint32_t p2p_cursor_u32(p2p_cursor *c);
uint64_t p2p_cursor_u64(p2p_cursor *c);
/* A view of the next n bytes; n stays 64-bit until it is compared with what is left. */
p2p_bytes p2p_cursor_take(p2p_cursor *c, uint64_t n);
p2p_bytes p2p_cursor_rest(p2p_cursor *c);
/* Unsigned LEB128 varint of at most 9 bytes, minimal form required (multiformats unsigned-varint).
 */
uint64_t p2p_cursor_uvarint(p2p_cursor *c);
/* QUIC's variable-length integer (RFC 9000 §16). */
uint64_t p2p_cursor_quic_varint(p2p_cursor *c);
/* P2P_OK when there was no error and nothing is left over. */
P2P_NODISCARD p2p_err p2p_cursor_end(const p2p_cursor *c);

/*
 * Writes into a fixed block. `len` goes on counting past `cap`, so that writing to {NULL, 0}
 * measures; what does not fit is not written, and p2p_writer_end then says TOO_BIG.
 */
typedef struct p2p_writer {
    uint8_t *base;
    size_t cap;
    size_t len;
} p2p_writer;

static inline p2p_writer p2p_writer_of(void *base, size_t cap) {
    return (p2p_writer){(uint8_t *)base, cap, 0};
}

void p2p_writer_u8(p2p_writer *w, uint8_t v);
void p2p_writer_u16(p2p_writer *w, uint16_t v);
void p2p_writer_u32(p2p_writer *w, uint32_t v);
void p2p_writer_u64(p2p_writer *w, uint64_t v);
void p2p_writer_bytes(p2p_writer *w, p2p_bytes bytes);
void p2p_writer_uvarint(p2p_writer *w, uint64_t v);
void p2p_writer_quic_varint(p2p_writer *w, uint64_t v);
P2P_NODISCARD p2p_err p2p_writer_end(const p2p_writer *w);

static inline p2p_bytes p2p_writer_view(const p2p_writer *w) {
    return (p2p_bytes){w->base, w->len < w->cap ? w->len : w->cap};
}

/* Number of bytes of v as unsigned varint, 1 to 10. */
size_t p2p_uvarint_len(uint64_t v);

/*
 * A varint that may still be arriving: P2P_OK with the value and its size in bytes, P2P_ERR_AGAIN
 * when `bytes` ends too early, P2P_ERR_MALFORMED when it is not minimal or has more than max_len
 * bytes.
 */
P2P_NODISCARD p2p_err p2p_uvarint_peek(
    p2p_bytes bytes, size_t max_len, uint64_t *value, size_t *size);

#endif
