/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading and writing the type-length-value shapes of SCTP (RFC 9260 sections 3.1, 3.2, 3.3.2). The
 * two highest bits of an unknown parameter's type say what to do with it: stop or go on, report or
 * be silent (section 3.2.1).
 */
#include "webrtc/sctp_chunk.h"

enum { PARAM_GO_ON = 0x8000, PARAM_REPORT = 0x4000 };

/* RFC 9653: the alternate error detection method "SCTP over DTLS". */
enum { ERROR_DETECTION_DTLS = 1 };

bool p2p_sctp_chunk_next(p2p_cursor *c, p2p_sctp_chunk *chunk) {
    if (c->err != P2P_OK || c->left == 0)
        return false;
    chunk->type = p2p_cursor_u8(c);
    chunk->flags = p2p_cursor_u8(c);
    uint16_t len = p2p_cursor_u16(c);
    if (len < SCTP_CHUNK_HEADER)
        p2p_cursor_fail(c);
    chunk->body = p2p_cursor_take(c, (uint64_t)len - (c->err == P2P_OK ? SCTP_CHUNK_HEADER : 0));
    /* The padding of the last chunk may be missing: some senders leave it out. */
    size_t padding = (size_t)-len & 3;
    p2p_cursor_take(c, padding < c->left ? padding : c->left);
    return c->err == P2P_OK;
}

bool p2p_sctp_param_next(p2p_cursor *c, p2p_sctp_param *param) {
    if (c->err != P2P_OK || c->left == 0)
        return false;
    const uint8_t *start = c->ptr;
    param->type = p2p_cursor_u16(c);
    uint16_t len = p2p_cursor_u16(c);
    if (len < SCTP_CHUNK_HEADER)
        p2p_cursor_fail(c);
    param->value = p2p_cursor_take(c, (uint64_t)len - (c->err == P2P_OK ? SCTP_CHUNK_HEADER : 0));
    param->whole = p2p_bytes_of(start, len);
    size_t padding = (size_t)-len & 3;
    p2p_cursor_take(c, padding < c->left ? padding : c->left);
    return c->err == P2P_OK;
}

static void read_extensions(p2p_sctp_init *init, p2p_bytes types) {
    for (size_t i = 0; i < types.len; i++) {
        if (types.ptr[i] == SCTP_RE_CONFIG)
            init->reconfig = true;
        if (types.ptr[i] == SCTP_FORWARD_TSN)
            init->forward_tsn = true;
    }
}

/* What does not fit in the report is left out of it. */
static void remember_unrecognized(p2p_sctp_init *init, p2p_bytes whole) {
    size_t len = sctp_padded(whole.len);
    if (len > sizeof init->unrecognized - init->unrecognized_len)
        return;
    uint8_t *at = init->unrecognized + init->unrecognized_len;
    memset(at, 0, len);
    p2p_copy(at, whole.ptr, whole.len);
    init->unrecognized_len += len;
}

/* False: the rest of the parameters must not be looked at. */
static bool read_param(p2p_sctp_init *init, const p2p_sctp_param *param) {
    switch (param->type) {
    case SCTP_PARAM_STATE_COOKIE:
        init->cookie = param->value;
        return true;
    case SCTP_PARAM_SUPPORTED_EXTENSIONS:
        read_extensions(init, param->value);
        return true;
    case SCTP_PARAM_FORWARD_TSN:
        init->forward_tsn = true;
        return true;
    case SCTP_PARAM_ZERO_CHECKSUM:
        if (param->value.len == 4 && p2p_load32(param->value.ptr) == ERROR_DETECTION_DTLS)
            init->zero_checksum = true;
        return true;
    case SCTP_PARAM_UNRECOGNIZED:
        return true;
    default:
        if (param->type & PARAM_REPORT)
            remember_unrecognized(init, param->whole);
        return (param->type & PARAM_GO_ON) != 0;
    }
}

p2p_err p2p_sctp_init_decode(p2p_sctp_init *init, p2p_bytes body) {
    p2p_cursor c = p2p_cursor_of(body);
    memset(init, 0, sizeof *init);
    init->tag = p2p_cursor_u32(&c);
    init->window = p2p_cursor_u32(&c);
    init->out_streams = p2p_cursor_u16(&c);
    init->in_streams = p2p_cursor_u16(&c);
    init->tsn = p2p_cursor_u32(&c);
    p2p_sctp_param param;
    while (p2p_sctp_param_next(&c, &param)) {
        if (!read_param(init, &param))
            break;
    }
    if (c.err != P2P_OK || init->tag == 0 || init->out_streams == 0 || init->in_streams == 0)
        return P2P_ERR_MALFORMED;
    return P2P_OK;
}

void p2p_sctp_pad(p2p_writer *w) {
    while (w->len % 4 != 0)
        p2p_writer_u8(w, 0);
}

size_t p2p_sctp_begin_chunk(p2p_writer *w, uint8_t type, uint8_t flags) {
    size_t begin = w->len;
    p2p_writer_u8(w, type);
    p2p_writer_u8(w, flags);
    p2p_writer_u16(w, 0);
    return begin;
}

size_t p2p_sctp_begin_param(p2p_writer *w, uint16_t type) {
    size_t begin = w->len;
    p2p_writer_u16(w, type);
    p2p_writer_u16(w, 0);
    return begin;
}

static void close_length(p2p_writer *w, size_t begin) {
    if (w->len <= w->cap)
        p2p_store16(w->base + begin + 2, (uint16_t)(w->len - begin));
}

void p2p_sctp_end(p2p_writer *w, size_t begin) {
    close_length(w, begin);
    p2p_sctp_pad(w);
}

/* The order and the values are those of Chromium's INIT, so that the two look alike on the wire. */
void p2p_sctp_init_encode(p2p_writer *w, uint8_t type, const p2p_sctp_init *init) {
    size_t chunk = p2p_sctp_begin_chunk(w, type, 0);
    p2p_writer_u32(w, init->tag);
    p2p_writer_u32(w, init->window);
    p2p_writer_u16(w, init->out_streams);
    p2p_writer_u16(w, init->in_streams);
    p2p_writer_u32(w, init->tsn);
    if (init->cookie.len > 0) {
        size_t cookie = p2p_sctp_begin_param(w, SCTP_PARAM_STATE_COOKIE);
        p2p_writer_bytes(w, init->cookie);
        p2p_sctp_end(w, cookie);
    }
    if (init->zero_checksum) {
        size_t zero = p2p_sctp_begin_param(w, SCTP_PARAM_ZERO_CHECKSUM);
        p2p_writer_u32(w, ERROR_DETECTION_DTLS);
        p2p_sctp_end(w, zero);
    }
    p2p_sctp_end(w, p2p_sctp_begin_param(w, SCTP_PARAM_FORWARD_TSN));
    size_t extensions = p2p_sctp_begin_param(w, SCTP_PARAM_SUPPORTED_EXTENSIONS);
    p2p_writer_u8(w, SCTP_RE_CONFIG);
    p2p_writer_u8(w, SCTP_FORWARD_TSN);
    if (type == SCTP_INIT_ACK && init->unrecognized_len > 0) {
        p2p_sctp_end(w, extensions);
        extensions = p2p_sctp_begin_param(w, SCTP_PARAM_UNRECOGNIZED);
        p2p_writer_bytes(w, p2p_bytes_of(init->unrecognized, init->unrecognized_len));
    }
    /* The last parameter's padding is not part of the chunk's length (RFC 9260 section 3.2). */
    close_length(w, extensions);
    p2p_sctp_end(w, chunk);
}
