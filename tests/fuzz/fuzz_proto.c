/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The protobuf reader and the cursor below it: every field's bytes must lie inside the input. */
#include <stdint.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(p2p_bytes bytes, int depth) {
    p2p_cursor c = p2p_cursor_of(bytes);
    p2p_proto_field f;
    uint32_t seen = 0;
    while (p2p_proto_next(&c, &f)) {
        if (f.type == P2P_WIRE_BYTES && f.bytes.len > 0) {
            size_t at = (size_t)(f.bytes.ptr - bytes.ptr);
            if (at > bytes.len || f.bytes.len > bytes.len - at || c.left >= bytes.len)
                abort();
            if (depth < 8)
                walk(f.bytes, depth + 1);
        }
        if (f.number == 1)
            (void)p2p_proto_uint(&c, &f);
        if (f.number == 2)
            (void)p2p_proto_bytes(&c, &f);
        if (f.number == 3)
            p2p_proto_once(&c, &f, &seen);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(data, size));
    uint8_t out[16];
    while (c.err == P2P_OK && c.left > 0) {
        uint64_t value = p2p_cursor_uvarint(&c);
        p2p_writer w = p2p_writer_of(out, sizeof out);
        p2p_writer_uvarint(&w, value);
        /* Minimal form only: writing gives the bytes that were read. */
        if (c.err == P2P_OK && memcmp(out, c.ptr - w.len, w.len) != 0)
            abort();
        (void)p2p_cursor_quic_varint(&c);
    }
    walk(p2p_bytes_of(data, size), 0);
    return 0;
}
