/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A QUIC variable-length integer (RFC 9000 section 16) that arrives in pieces. */
#ifndef P2P_WEBTRANSPORT_VARINT_H
#define P2P_WEBTRANSPORT_VARINT_H

#include <p2p/base.h>

/* Zeroed to begin, and again after each value. */
typedef struct p2p_varint {
    uint64_t value;
    uint8_t have;
    uint8_t need;
} p2p_varint;

/* Takes bytes from *used on; true when v->value is whole. Any of the four lengths is accepted, as
 * the RFC has it. */
static inline bool p2p_varint_feed(p2p_varint *v, p2p_bytes in, size_t *used) {
    while (*used < in.len && (v->have == 0 || v->have < v->need)) {
        uint8_t byte = in.ptr[(*used)++];
        if (v->have == 0) {
            v->need = (uint8_t)(1u << (byte >> 6));
            v->value = byte & 0x3f;
        } else {
            v->value = v->value << 8 | byte;
        }
        v->have++;
    }
    return v->have > 0 && v->have == v->need;
}

#endif
