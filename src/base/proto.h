/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Protocol buffers, as far as libp2p uses them: a reader that yields one field after the other, and
 * a writer. Both stand on cursor.h and share its sticky errors. Groups are refused; unknown fields
 * are the caller's to skip.
 *
 *     p2p_proto_field f;
 *     while (p2p_proto_next(&c, &f)) {
 *         if (f.number == 1)
 *             key = p2p_proto_bytes(&c, &f);
 *     }
 *     return p2p_cursor_end(&c);
 */
#ifndef P2P_BASE_PROTO_H
#define P2P_BASE_PROTO_H

#include "base/cursor.h"

typedef enum p2p_wire_type {
    P2P_WIRE_VARINT = 0,
    P2P_WIRE_FIXED64 = 1,
    P2P_WIRE_BYTES = 2,
    P2P_WIRE_FIXED32 = 5
} p2p_wire_type;

typedef struct p2p_proto_field {
    uint32_t number;
    p2p_wire_type type;
    uint64_t value;  /* varint, fixed64, fixed32 */
    p2p_bytes bytes; /* P2P_WIRE_BYTES */
} p2p_proto_field;

/* The next field; false at the end and on error (c->err tells which). */
bool p2p_proto_next(p2p_cursor *c, p2p_proto_field *f);
/* The field's value in the form asked for; the wrong wire type is an error of the cursor. */
p2p_bytes p2p_proto_bytes(p2p_cursor *c, const p2p_proto_field *f);
uint64_t p2p_proto_uint(p2p_cursor *c, const p2p_proto_field *f);
/* For fields that may stand once only: fails the cursor if bit `number` of *seen is set already,
 * then sets it. */
void p2p_proto_once(p2p_cursor *c, const p2p_proto_field *f, uint32_t *seen);

void p2p_proto_put_uint(p2p_writer *w, uint32_t number, uint64_t value);
void p2p_proto_put_bytes(p2p_writer *w, uint32_t number, p2p_bytes bytes);
/* Only the head of a bytes field: for a nested message of known length that the caller writes next.
 */
void p2p_proto_put_head(p2p_writer *w, uint32_t number, size_t len);

#endif
