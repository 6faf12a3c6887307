/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/cursor.h"

#include "base/bytes.h"

enum { UVARINT_MAX_LEN = 9 }; /* multiformats/unsigned-varint: 63 bits */

void p2p_cursor_fail(p2p_cursor *c) {
    c->err = P2P_ERR_MALFORMED;
    c->left = 0;
}

p2p_bytes p2p_cursor_take(p2p_cursor *c, uint64_t n) {
    if (n > c->left) {
        p2p_cursor_fail(c);
        return (p2p_bytes){0};
    }
    p2p_bytes taken = {c->ptr, (size_t)n};
    if (n > 0) /* an empty view may have no pointer, which C lets nobody add 0 to */
        c->ptr += taken.len;
    c->left -= taken.len;
    return taken;
}

p2p_bytes p2p_cursor_rest(p2p_cursor *c) {
    return p2p_cursor_take(c, c->left);
}

uint8_t p2p_cursor_u8(p2p_cursor *c) {
    p2p_bytes b = p2p_cursor_take(c, 1);
    return b.len == 0 ? 0 : b.ptr[0];
}

uint16_t p2p_cursor_u16(p2p_cursor *c) {
    p2p_bytes b = p2p_cursor_take(c, 2);
    return b.len == 0 ? 0 : p2p_load16(b.ptr);
}

uint32_t p2p_cursor_u32(p2p_cursor *c) {
    p2p_bytes b = p2p_cursor_take(c, 4);
    return b.len == 0 ? 0 : p2p_load32(b.ptr);
}

uint64_t p2p_cursor_u64(p2p_cursor *c) {
    p2p_bytes b = p2p_cursor_take(c, 8);
    return b.len == 0 ? 0 : p2p_load64(b.ptr);
}

p2p_err p2p_uvarint_peek(p2p_bytes bytes, size_t max_len, uint64_t *value, size_t *size) {
    *value = 0;
    for (size_t i = 0; i < max_len; i++) {
        if (i == bytes.len)
            return P2P_ERR_AGAIN;
        uint8_t byte = bytes.ptr[i];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (byte == 0 && i > 0)
            return P2P_ERR_MALFORMED; /* not minimal */
        *size = i + 1;
        return P2P_OK;
    }
    return P2P_ERR_MALFORMED;
}

uint64_t p2p_cursor_uvarint(p2p_cursor *c) {
    uint64_t value;
    size_t size;
    if (c->err != P2P_OK)
        return 0;
    if (p2p_uvarint_peek((p2p_bytes){c->ptr, c->left}, UVARINT_MAX_LEN, &value, &size) != P2P_OK) {
        p2p_cursor_fail(c);
        return 0;
    }
    p2p_cursor_take(c, size);
    return value;
}

uint64_t p2p_cursor_quic_varint(p2p_cursor *c) {
    uint8_t first = p2p_cursor_u8(c);
    p2p_bytes rest = p2p_cursor_take(c, (UINT64_C(1) << (first >> 6)) - 1);
    uint64_t value = first & 0x3f;
    for (size_t i = 0; i < rest.len; i++)
        value = value << 8 | rest.ptr[i];
    return c->err == P2P_OK ? value : 0;
}

p2p_err p2p_cursor_end(const p2p_cursor *c) {
    if (c->err != P2P_OK)
        return c->err;
    return c->left == 0 ? P2P_OK : P2P_ERR_MALFORMED;
}

void p2p_writer_bytes(p2p_writer *w, p2p_bytes bytes) {
    if (bytes.len == 0)
        return;
    if (w->len <= w->cap && bytes.len <= w->cap - w->len)
        p2p_copy(w->base + w->len, bytes.ptr, bytes.len);
    w->len += bytes.len;
}

void p2p_writer_u8(p2p_writer *w, uint8_t v) {
    p2p_writer_bytes(w, p2p_bytes_of(&v, 1));
}

void p2p_writer_u16(p2p_writer *w, uint16_t v) {
    uint8_t raw[2];
    p2p_store16(raw, v);
    p2p_writer_bytes(w, p2p_bytes_of(raw, sizeof raw));
}

void p2p_writer_u32(p2p_writer *w, uint32_t v) {
    uint8_t raw[4];
    p2p_store32(raw, v);
    p2p_writer_bytes(w, p2p_bytes_of(raw, sizeof raw));
}

void p2p_writer_u64(p2p_writer *w, uint64_t v) {
    uint8_t raw[8];
    p2p_store64(raw, v);
    p2p_writer_bytes(w, p2p_bytes_of(raw, sizeof raw));
}

size_t p2p_uvarint_len(uint64_t v) {
    size_t len = 1;
    while (v >>= 7)
        len++;
    return len;
}

void p2p_writer_uvarint(p2p_writer *w, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        p2p_writer_u8(w, (uint8_t)(v | 0x80));
    p2p_writer_u8(w, (uint8_t)v);
}

void p2p_writer_quic_varint(p2p_writer *w, uint64_t v) {
    if (v < UINT64_C(1) << 6)
        p2p_writer_u8(w, (uint8_t)v);
    else if (v < UINT64_C(1) << 14)
        p2p_writer_u16(w, (uint16_t)(v | 0x4000));
    else if (v < UINT64_C(1) << 30)
        p2p_writer_u32(w, (uint32_t)(v | 0x80000000));
    else
        p2p_writer_u64(w, v | UINT64_C(0xc000000000000000));
}

p2p_err p2p_writer_end(const p2p_writer *w) {
    return w->len <= w->cap ? P2P_OK : P2P_ERR_TOO_BIG;
}
