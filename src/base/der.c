/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/der.h"

#include "base/check.h"

p2p_bytes p2p_der_content(p2p_cursor *c, uint8_t tag) {
    if (p2p_cursor_u8(c) != tag)
        p2p_cursor_fail(c);
    size_t len = p2p_cursor_u8(c);
    if (len == 0x81) {
        len = p2p_cursor_u8(c);
        if (len < 0x80)
            p2p_cursor_fail(c);
    } else if (len == 0x82) {
        len = p2p_cursor_u16(c);
        if (len < 0x100)
            p2p_cursor_fail(c);
    } else if (len >= 0x80) {
        p2p_cursor_fail(c);
    }
    return p2p_cursor_take(c, len);
}

p2p_bytes p2p_der_element(p2p_cursor *c, uint8_t tag) {
    const uint8_t *start = c->ptr;
    (void)p2p_der_content(c, tag);
    return c->err == P2P_OK ? (p2p_bytes){start, (size_t)(c->ptr - start)} : (p2p_bytes){0};
}

p2p_cursor p2p_der_open(p2p_cursor *c, uint8_t tag) {
    p2p_cursor inner = p2p_cursor_of(p2p_der_content(c, tag));
    if (c->err != P2P_OK)
        p2p_cursor_fail(&inner);
    return inner;
}

void p2p_der_put_head(p2p_writer *w, uint8_t tag, size_t len) {
    INVARIANT(len <= UINT16_MAX);
    p2p_writer_u8(w, tag);
    if (len >= 0x100)
        p2p_writer_u8(w, 0x82);
    else if (len >= 0x80)
        p2p_writer_u8(w, 0x81);
    if (len >= 0x100)
        p2p_writer_u8(w, (uint8_t)(len >> 8));
    p2p_writer_u8(w, (uint8_t)len);
}
