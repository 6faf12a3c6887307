/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hello_message.h"

#include <p2p/identity.h>

#include "base/bytes.h"
#include "base/proto.h"
#include "base/utf8.h"

enum { FROM = 1, NAME = 2, TEXT = 3, LENGTH_MAX = 2 };

_Static_assert(UP_HELLO_MAX < 1 << 14, "a length takes two bytes at most");
_Static_assert(P2P_PEER_ID_MAX + UP_HELLO_NAME_MAX + UP_HELLO_TEXT_MAX + 16 <= UP_HELLO_MAX,
    "the longest message fits");

static p2p_err decode_fields(p2p_bytes bytes, up_hello_message *out) {
    p2p_cursor c = p2p_cursor_of(bytes);
    p2p_proto_field f;
    uint32_t seen = 0;
    *out = (up_hello_message){0};
    while (p2p_proto_next(&c, &f)) {
        p2p_bytes *field = f.number == FROM   ? &out->from
                           : f.number == NAME ? &out->name
                           : f.number == TEXT ? &out->text
                                              : NULL;
        if (field == NULL)
            continue;
        p2p_proto_once(&c, &f, &seen);
        *field = p2p_proto_bytes(&c, &f);
    }
    p2p_err err = p2p_cursor_end(&c);
    if (err == P2P_OK && (!p2p_utf8_valid(out->name) || !p2p_utf8_valid(out->text)))
        err = P2P_ERR_MALFORMED;
    if (err == P2P_OK && (out->from.len > P2P_PEER_ID_MAX || out->name.len > UP_HELLO_NAME_MAX ||
                             out->text.len > UP_HELLO_TEXT_MAX))
        err = P2P_ERR_TOO_BIG;
    return err;
}

p2p_err up_hello_decode(p2p_bytes bytes, up_hello_message *out, size_t *used) {
    uint64_t len;
    size_t head;
    p2p_err err = p2p_uvarint_peek(bytes, LENGTH_MAX, &len, &head);
    if (err != P2P_OK)
        return err;
    if (len > UP_HELLO_MAX)
        return P2P_ERR_TOO_BIG;
    if (bytes.len - head < len)
        return P2P_ERR_AGAIN;
    *used = head + (size_t)len;
    return decode_fields(p2p_bytes_of(bytes.ptr + head, (size_t)len), out);
}

static void put_fields(p2p_writer *w, const up_hello_message *message) {
    p2p_proto_put_bytes(w, FROM, message->from);
    p2p_proto_put_bytes(w, NAME, message->name);
    p2p_proto_put_bytes(w, TEXT, message->text);
}

size_t up_hello_encode(uint8_t dst[UP_HELLO_FRAME_MAX], const up_hello_message *message) {
    p2p_writer measure = p2p_writer_of(NULL, 0), w = p2p_writer_of(dst, UP_HELLO_FRAME_MAX);
    put_fields(&measure, message);
    p2p_writer_uvarint(&w, measure.len);
    put_fields(&w, message);
    return w.len;
}
