/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Capsules (RFC 9297 section 3.2; draft-ietf-webtrans-http3, sections on session termination and
 * flow control). Chromium opens every session with a capsule of a random type, so that skipping is
 * the common case. A capsule may claim any length: only values that are understood are collected,
 * and those have small limits.
 */
#include "webtransport/capsule.h"

#include "base/bytes.h"
#include "base/utf8.h"

enum { TYPE, LENGTH, COLLECT, SKIP, CLOSED };

enum { CODE_LEN = 4, NUMBER_MAX = 8 };

void p2p_capsule_reader_init(p2p_capsule_reader *reader, const p2p_mem *mem) {
    *reader = (p2p_capsule_reader){.phase = TYPE};
    p2p_buf_init(&reader->buf, mem, CODE_LEN + P2P_WT_REASON_MAX);
}

void p2p_capsule_reader_deinit(p2p_capsule_reader *reader) {
    p2p_buf_deinit(&reader->buf);
}

static bool is_flow_control(uint64_t type) {
    return type == P2P_CAPSULE_WT_MAX_DATA || type == P2P_CAPSULE_WT_MAX_STREAMS_BIDI ||
           type == P2P_CAPSULE_WT_MAX_STREAMS_UNI || type == P2P_CAPSULE_WT_DATA_BLOCKED ||
           type == P2P_CAPSULE_WT_STREAMS_BLOCKED_BIDI ||
           type == P2P_CAPSULE_WT_STREAMS_BLOCKED_UNI;
}

static p2p_err begin_value(p2p_capsule_reader *r, uint64_t len) {
    uint64_t least = 0;
    uint64_t most = UINT64_MAX;
    r->left = len;
    r->phase = COLLECT;
    if (r->type == P2P_CAPSULE_WT_CLOSE) {
        least = CODE_LEN;
        most = CODE_LEN + P2P_WT_REASON_MAX;
    } else if (r->type == P2P_CAPSULE_WT_DRAIN) {
        most = 0;
    } else if (is_flow_control(r->type)) {
        least = 1;
        most = NUMBER_MAX;
    } else {
        r->phase = len > 0 ? SKIP : TYPE;
    }
    return len < least || len > most ? P2P_ERR_MALFORMED : P2P_OK;
}

static p2p_err read_number(p2p_capsule_reader *r, p2p_bytes in, size_t *used) {
    if (!p2p_varint_feed(&r->varint, in, used))
        return P2P_OK;
    uint64_t value = r->varint.value;
    r->varint = (p2p_varint){0};
    if (r->phase == LENGTH)
        return begin_value(r, value);
    r->type = value;
    r->phase = LENGTH;
    return P2P_OK;
}

static p2p_err take_value(p2p_capsule_reader *r, p2p_bytes value, p2p_capsule_item *item) {
    p2p_cursor c = p2p_cursor_of(value);
    r->phase = TYPE;
    switch (r->type) {
    case P2P_CAPSULE_WT_DRAIN:
        item->event = P2P_CAPSULE_GOT_DRAIN;
        return P2P_OK;
    case P2P_CAPSULE_WT_CLOSE:
        item->code = p2p_cursor_u32(&c);
        item->reason = p2p_cursor_rest(&c);
        if (!p2p_utf8_valid(item->reason))
            return P2P_ERR_MALFORMED;
        item->event = P2P_CAPSULE_GOT_CLOSE;
        r->phase = CLOSED;
        return P2P_OK;
    default:
        p2p_cursor_quic_varint(&c);
        return p2p_cursor_end(&c);
    }
}

static p2p_err collect(p2p_capsule_reader *r, p2p_bytes in, p2p_capsule_item *item) {
    size_t here = in.len - item->used;
    size_t n = here < r->left ? here : (size_t)r->left;
    p2p_bytes piece = p2p_bytes_of(n == 0 ? NULL : in.ptr + item->used, n);
    item->used += n;
    r->left -= n;
    if (r->left == 0 && p2p_buf_len(&r->buf) == 0)
        return take_value(r, piece, item);
    p2p_err err = p2p_buf_append(&r->buf, piece);
    if (err != P2P_OK || r->left > 0)
        return err;
    p2p_bytes value = p2p_buf_view(&r->buf);
    p2p_buf_consume(&r->buf, value.len); /* the bytes stay until the next append */
    return take_value(r, value, item);
}

static void skip(p2p_capsule_reader *r, p2p_bytes in, size_t *used) {
    size_t here = in.len - *used;
    size_t n = here < r->left ? here : (size_t)r->left;
    *used += n;
    r->left -= n;
    if (r->left == 0)
        r->phase = TYPE;
}

static p2p_err step(p2p_capsule_reader *r, p2p_bytes in, p2p_capsule_item *item) {
    switch (r->phase) {
    case COLLECT:
        return collect(r, in, item);
    case SKIP:
        skip(r, in, &item->used);
        return P2P_OK;
    case CLOSED:
        return P2P_ERR_VIOLATION;
    default:
        return read_number(r, in, &item->used);
    }
}

p2p_err p2p_capsule_reader_feed(p2p_capsule_reader *r, p2p_bytes in, p2p_capsule_item *item) {
    *item = (p2p_capsule_item){.event = P2P_CAPSULE_NEED_MORE};
    while (r->failed == P2P_OK && item->event == P2P_CAPSULE_NEED_MORE &&
           (item->used < in.len || (r->phase == COLLECT && r->left == 0)))
        r->failed = step(r, in, item);
    if (r->failed != P2P_OK)
        *item = (p2p_capsule_item){.used = item->used};
    return r->failed;
}

p2p_err p2p_capsule_reader_fin(const p2p_capsule_reader *r) {
    if (r->failed != P2P_OK)
        return r->failed;
    bool between = r->phase == CLOSED || (r->phase == TYPE && r->varint.have == 0);
    return between ? P2P_OK : P2P_ERR_MALFORMED;
}

void p2p_capsule_put_close(p2p_writer *w, uint32_t code, p2p_bytes reason) {
    if (reason.len > P2P_WT_REASON_MAX) {
        reason.len = P2P_WT_REASON_MAX;
        while (reason.len > 0 && (reason.ptr[reason.len] & 0xc0) == 0x80)
            reason.len--;
    }
    p2p_writer_quic_varint(w, P2P_CAPSULE_WT_CLOSE);
    p2p_writer_quic_varint(w, CODE_LEN + reason.len);
    p2p_writer_u32(w, code);
    p2p_writer_bytes(w, reason);
}

void p2p_capsule_put_drain(p2p_writer *w) {
    p2p_writer_quic_varint(w, P2P_CAPSULE_WT_DRAIN);
    p2p_writer_quic_varint(w, 0);
}
