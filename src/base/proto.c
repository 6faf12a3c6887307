/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/proto.h"

#include "base/bytes.h"

enum { FIELD_NUMBER_MAX = 0x1fffffff };

static uint64_t little_endian(p2p_bytes raw) {
    uint64_t value = 0;
    for (size_t i = raw.len; i-- > 0;)
        value = value << 8 | raw.ptr[i];
    return value;
}

/* Protobuf varints have up to ten bytes and need not be minimal, unlike multiformats'. */
static uint64_t varint(p2p_cursor *c) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = p2p_cursor_u8(c);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    p2p_cursor_fail(c);
    return 0;
}

bool p2p_proto_next(p2p_cursor *c, p2p_proto_field *f) {
    if (c->left == 0)
        return false;
    uint64_t key = varint(c);
    *f = (p2p_proto_field){.number = (uint32_t)(key >> 3), .type = (p2p_wire_type)(key & 7)};
    if (key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX)
        p2p_cursor_fail(c);
    switch (f->type) {
    case P2P_WIRE_VARINT:
        f->value = varint(c);
        break;
    case P2P_WIRE_FIXED64:
        f->value = little_endian(p2p_cursor_take(c, 8));
        break;
    case P2P_WIRE_BYTES:
        f->bytes = p2p_cursor_take(c, varint(c));
        break;
    case P2P_WIRE_FIXED32:
        f->value = little_endian(p2p_cursor_take(c, 4));
        break;
    default:
        p2p_cursor_fail(c);
    }
    return c->err == P2P_OK;
}

static void expect(p2p_cursor *c, const p2p_proto_field *f, p2p_wire_type type) {
    if (f->type != type)
        p2p_cursor_fail(c);
}

p2p_bytes p2p_proto_bytes(p2p_cursor *c, const p2p_proto_field *f) {
    expect(c, f, P2P_WIRE_BYTES);
    return f->bytes;
}

uint64_t p2p_proto_uint(p2p_cursor *c, const p2p_proto_field *f) {
    expect(c, f, P2P_WIRE_VARINT);
    return f->value;
}

void p2p_proto_once(p2p_cursor *c, const p2p_proto_field *f, uint32_t *seen) {
    if (f->number > 31)
        return;
    if (*seen & (UINT32_C(1) << f->number))
        p2p_cursor_fail(c);
    *seen |= UINT32_C(1) << f->number;
}

static void put_key(p2p_writer *w, uint32_t number, p2p_wire_type type) {
    p2p_writer_uvarint(w, (uint64_t)number << 3 | type);
}

void p2p_proto_put_uint(p2p_writer *w, uint32_t number, uint64_t value) {
    put_key(w, number, P2P_WIRE_VARINT);
    p2p_writer_uvarint(w, value);
}

void p2p_proto_put_head(p2p_writer *w, uint32_t number, size_t len) {
    put_key(w, number, P2P_WIRE_BYTES);
    p2p_writer_uvarint(w, len);
}

void p2p_proto_put_bytes(p2p_writer *w, uint32_t number, p2p_bytes bytes) {
    p2p_proto_put_head(w, number, bytes.len);
    p2p_writer_bytes(w, bytes);
}
