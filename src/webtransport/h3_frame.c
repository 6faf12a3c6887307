/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/3 framing, incoming (RFC 9114 sections 6.2, 7.1, 7.2).
 *
 * A stream begins undecided: a unidirectional one says its type first, a bidirectional one is
 * WebTransport's if its first number is 0x41 and a request's otherwise; that number then already is
 * the first frame's type. Frames go through type, length and payload. DATA streams through, frames
 * of unknown type are skipped as they come, and only HEADERS, SETTINGS and frames of one number are
 * collected, each under its own limit.
 *
 * Whether a frame may stand where it does is decided at its type, before its length is known.
 * Server push is never allowed, which settles every frame that belongs to it.
 */
#include "webtransport/h3_frame.h"

#include "base/bytes.h"
#include "webtransport/h3_settings.h"

enum phase { HEAD, SESSION, TYPE, LENGTH, COLLECT, PASS, SKIP, RAW };

enum { NUMBER_MAX = 8 /* payload of a frame that is a single number */ };

void p2p_h3_reader_init(
    p2p_h3_reader *reader, const p2p_mem *mem, bool server, p2p_h3_origin origin) {
    *reader = (p2p_h3_reader){.server = server, .origin = origin, .goaway = UINT64_MAX};
    reader->phase = HEAD;
    if (origin == P2P_H3_OWN_REQUEST) {
        reader->stream = P2P_H3_REQUEST;
        reader->phase = TYPE;
    }
    p2p_buf_init(&reader->buf, mem, P2P_H3_HEADERS_MAX);
}

void p2p_h3_reader_deinit(p2p_h3_reader *reader) {
    p2p_buf_deinit(&reader->buf);
}

void p2p_h3_reader_interim(p2p_h3_reader *reader) {
    reader->sections = 0;
}

void p2p_h3_reader_tunnel(p2p_h3_reader *reader) {
    reader->tunnel = true;
    p2p_buf_deinit(&reader->buf); /* nothing is collected any more */
}

static p2p_err fail(p2p_h3_reader *r, p2p_err err, p2p_h3_error error) {
    r->failed = err;
    r->error = error;
    return err;
}

/* --- what may stand where --- */

/* Types that HTTP/2 had and HTTP/3 has not (section 7.2.8). */
static bool is_reserved(uint64_t type) {
    return type == 0x02 || type == 0x06 || type == 0x08 || type == 0x09;
}

static bool is_known(uint64_t type) {
    return type == P2P_H3_FRAME_DATA || type == P2P_H3_FRAME_HEADERS ||
           type == P2P_H3_FRAME_CANCEL_PUSH || type == P2P_H3_FRAME_SETTINGS ||
           type == P2P_H3_FRAME_PUSH_PROMISE || type == P2P_H3_FRAME_GOAWAY ||
           type == P2P_H3_FRAME_MAX_PUSH_ID;
}

static p2p_h3_error judge_on_control(const p2p_h3_reader *r, uint64_t type) {
    if (!r->settings_seen)
        return type == P2P_H3_FRAME_SETTINGS ? P2P_H3_NO_ERROR : P2P_H3_MISSING_SETTINGS;
    switch (type) {
    case P2P_H3_FRAME_SETTINGS:
    case P2P_H3_FRAME_DATA:
    case P2P_H3_FRAME_HEADERS:
    case P2P_H3_FRAME_PUSH_PROMISE:
        return P2P_H3_FRAME_UNEXPECTED;
    case P2P_H3_FRAME_MAX_PUSH_ID:
        return r->server ? P2P_H3_NO_ERROR : P2P_H3_FRAME_UNEXPECTED;
    default:
        return P2P_H3_NO_ERROR;
    }
}

static p2p_h3_error judge_on_request(const p2p_h3_reader *r, uint64_t type) {
    if (type == P2P_H3_FRAME_DATA)
        return r->sections == 1 ? P2P_H3_NO_ERROR : P2P_H3_FRAME_UNEXPECTED;
    if (type == P2P_H3_FRAME_HEADERS)
        return r->sections < 2 && !r->tunnel ? P2P_H3_NO_ERROR : P2P_H3_FRAME_UNEXPECTED;
    /* A promise to a client that allowed no push has an id above its limit (section 7.2.5). */
    if (type == P2P_H3_FRAME_PUSH_PROMISE && !r->server)
        return P2P_H3_ID_ERROR;
    return is_known(type) ? P2P_H3_FRAME_UNEXPECTED : P2P_H3_NO_ERROR;
}

static p2p_err begin_frame(p2p_h3_reader *r, uint64_t type) {
    p2p_h3_error error =
        r->stream == P2P_H3_CONTROL ? judge_on_control(r, type) : judge_on_request(r, type);
    if (is_reserved(type))
        error = error == P2P_H3_MISSING_SETTINGS ? error : P2P_H3_FRAME_UNEXPECTED;
    if (type == P2P_H3_FRAME_WT_STREAM)
        error = P2P_H3_FRAME_ERROR; /* only as the first thing on a stream */
    if (error != P2P_H3_NO_ERROR)
        return fail(r, P2P_ERR_VIOLATION, error);
    r->type = type;
    r->phase = LENGTH;
    return P2P_OK;
}

static p2p_err begin_payload(p2p_h3_reader *r, uint64_t len) {
    r->left = len;
    r->phase = COLLECT;
    switch (r->type) {
    case P2P_H3_FRAME_DATA:
        r->phase = len > 0 ? PASS : TYPE;
        return P2P_OK;
    case P2P_H3_FRAME_HEADERS:
        r->sections++;
        return len <= P2P_H3_HEADERS_MAX ? P2P_OK
                                         : fail(r, P2P_ERR_VIOLATION, P2P_H3_EXCESSIVE_LOAD);
    case P2P_H3_FRAME_SETTINGS:
        r->settings_seen = true;
        return len <= P2P_H3_SETTINGS_MAX ? P2P_OK
                                          : fail(r, P2P_ERR_VIOLATION, P2P_H3_EXCESSIVE_LOAD);
    case P2P_H3_FRAME_GOAWAY:
    case P2P_H3_FRAME_CANCEL_PUSH:
    case P2P_H3_FRAME_MAX_PUSH_ID:
        return len <= NUMBER_MAX ? P2P_OK : fail(r, P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR);
    default:
        r->phase = len > 0 ? SKIP : TYPE;
        return P2P_OK;
    }
}

/* --- the stream's head --- */

static void decide(p2p_h3_reader *r, p2p_h3_stream stream, uint8_t phase, p2p_h3_item *item) {
    r->stream = stream;
    r->phase = phase;
    item->event = P2P_H3_GOT_STREAM;
    item->stream = stream;
}

static p2p_err judge_uni(p2p_h3_reader *r, uint64_t type, p2p_h3_item *item) {
    switch (type) {
    case P2P_H3_TYPE_CONTROL:
        decide(r, P2P_H3_CONTROL, TYPE, item);
        return P2P_OK;
    case P2P_H3_TYPE_QPACK_ENCODER:
        decide(r, P2P_H3_QPACK_ENCODER, RAW, item);
        return P2P_OK;
    case P2P_H3_TYPE_QPACK_DECODER:
        decide(r, P2P_H3_QPACK_DECODER, RAW, item);
        return P2P_OK;
    case P2P_H3_TYPE_WT_STREAM:
        r->phase = SESSION;
        return P2P_OK;
    case P2P_H3_TYPE_PUSH:
        /* Clients push nothing; servers nothing that was not allowed (section 4.6). */
        return fail(
            r, P2P_ERR_VIOLATION, r->server ? P2P_H3_STREAM_CREATION_ERROR : P2P_H3_ID_ERROR);
    default:
        decide(r, P2P_H3_DISCARDED, SKIP, item);
        return P2P_OK;
    }
}

static p2p_err judge_bidi(p2p_h3_reader *r, uint64_t type, p2p_h3_item *item) {
    if (type == P2P_H3_FRAME_WT_STREAM) {
        r->phase = SESSION;
        return P2P_OK;
    }
    if (!r->server)
        return fail(r, P2P_ERR_VIOLATION, P2P_H3_STREAM_CREATION_ERROR); /* section 6.1 */
    decide(r, P2P_H3_REQUEST, TYPE, item);
    return begin_frame(r, type);
}

/* A session's id is that of its CONNECT stream: bidirectional, opened by the client. */
static p2p_err judge_session(p2p_h3_reader *r, uint64_t id, p2p_h3_item *item) {
    if (id % 4 != 0)
        return fail(r, P2P_ERR_VIOLATION, P2P_H3_ID_ERROR);
    decide(r, P2P_H3_WT, RAW, item);
    item->id = id;
    return P2P_OK;
}

static p2p_err read_number(p2p_h3_reader *r, p2p_bytes in, p2p_h3_item *item) {
    if (!p2p_varint_feed(&r->varint, in, &item->used))
        return P2P_OK;
    uint64_t value = r->varint.value;
    r->varint = (p2p_varint){0};
    switch (r->phase) {
    case HEAD:
        return r->origin == P2P_H3_PEER_UNI ? judge_uni(r, value, item)
                                            : judge_bidi(r, value, item);
    case SESSION:
        return judge_session(r, value, item);
    case TYPE:
        return begin_frame(r, value);
    default:
        return begin_payload(r, value);
    }
}

/* --- payload --- */

static p2p_err take_goaway(p2p_h3_reader *r, uint64_t id, p2p_h3_item *item) {
    /* A server names a request, a client a push; neither may rise (section 5.2). */
    if (id > r->goaway || (!r->server && id % 4 != 0))
        return fail(r, P2P_ERR_VIOLATION, P2P_H3_ID_ERROR);
    r->goaway = id;
    item->event = P2P_H3_GOT_GOAWAY;
    item->id = id;
    return P2P_OK;
}

static p2p_err take_number_frame(p2p_h3_reader *r, p2p_bytes payload, p2p_h3_item *item) {
    p2p_cursor c = p2p_cursor_of(payload);
    uint64_t value = p2p_cursor_quic_varint(&c);
    if (p2p_cursor_end(&c) != P2P_OK)
        return fail(r, P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR);
    if (r->type == P2P_H3_FRAME_GOAWAY)
        return take_goaway(r, value, item);
    /* No push was promised, so none can be cancelled. */
    if (r->type == P2P_H3_FRAME_CANCEL_PUSH || value < r->max_push_id)
        return fail(r, P2P_ERR_VIOLATION, P2P_H3_ID_ERROR);
    r->max_push_id = value;
    return P2P_OK;
}

static p2p_err take_collected(p2p_h3_reader *r, p2p_bytes payload, p2p_h3_item *item) {
    r->phase = TYPE;
    item->bytes = payload;
    switch (r->type) {
    case P2P_H3_FRAME_HEADERS:
        item->event = P2P_H3_GOT_HEADERS;
        return P2P_OK;
    case P2P_H3_FRAME_SETTINGS:
        item->event = P2P_H3_GOT_SETTINGS;
        return P2P_OK;
    default:
        return take_number_frame(r, payload, item);
    }
}

/* A payload that lies whole in the input is not copied. */
static p2p_err collect(p2p_h3_reader *r, p2p_bytes in, p2p_h3_item *item) {
    size_t here = in.len - item->used;
    size_t n = here < r->left ? here : (size_t)r->left;
    p2p_bytes piece = p2p_bytes_of(n == 0 ? NULL : in.ptr + item->used, n);
    item->used += n;
    r->left -= n;
    if (r->left == 0 && p2p_buf_len(&r->buf) == 0)
        return take_collected(r, piece, item);
    p2p_err err = p2p_buf_append(&r->buf, piece);
    if (err != P2P_OK)
        return fail(r, err, P2P_H3_INTERNAL_ERROR);
    if (r->left > 0)
        return P2P_OK;
    p2p_bytes payload = p2p_buf_view(&r->buf);
    p2p_buf_consume(&r->buf, payload.len); /* the bytes stay until the next append */
    return take_collected(r, payload, item);
}

static void pass(p2p_h3_reader *r, p2p_bytes in, p2p_h3_item *item) {
    size_t here = in.len - item->used;
    size_t n = here < r->left ? here : (size_t)r->left;
    if (r->phase == PASS) {
        item->event = P2P_H3_GOT_DATA;
        item->bytes = p2p_bytes_of(in.ptr + item->used, n);
    }
    item->used += n;
    r->left -= n;
    if (r->left == 0)
        r->phase = TYPE;
}

static p2p_err step(p2p_h3_reader *r, p2p_bytes in, p2p_h3_item *item) {
    if (r->stream == P2P_H3_DISCARDED) {
        item->used = in.len;
        return P2P_OK;
    }
    switch (r->phase) {
    case COLLECT:
        return collect(r, in, item);
    case PASS:
    case SKIP:
        pass(r, in, item);
        return P2P_OK;
    case RAW:
        item->event = P2P_H3_GOT_DATA;
        item->bytes = p2p_bytes_of(in.ptr + item->used, in.len - item->used);
        item->used = in.len;
        return P2P_OK;
    default:
        return read_number(r, in, item);
    }
}

p2p_err p2p_h3_reader_feed(p2p_h3_reader *r, p2p_bytes in, p2p_h3_item *item) {
    *item = (p2p_h3_item){.event = P2P_H3_NEED_MORE};
    p2p_err err = r->failed;
    while (err == P2P_OK && item->event == P2P_H3_NEED_MORE &&
           (item->used < in.len || (r->phase == COLLECT && r->left == 0)))
        err = step(r, in, item);
    if (err != P2P_OK)
        *item = (p2p_h3_item){.used = item->used};
    return err;
}

p2p_err p2p_h3_reader_fin(p2p_h3_reader *r) {
    if (r->failed != P2P_OK)
        return r->failed;
    switch (r->stream) {
    case P2P_H3_CONTROL:
    case P2P_H3_QPACK_ENCODER:
    case P2P_H3_QPACK_DECODER:
        return fail(r, P2P_ERR_VIOLATION, P2P_H3_CLOSED_CRITICAL_STREAM);
    case P2P_H3_REQUEST:
        if (r->phase != TYPE || r->varint.have > 0)
            return fail(r, P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR);
        return r->sections > 0 ? P2P_OK : fail(r, P2P_ERR_VIOLATION, P2P_H3_REQUEST_INCOMPLETE);
    case P2P_H3_UNDECIDED:
        /* Section 6.2: a unidirectional stream may end before it said what it is. */
        return r->origin == P2P_H3_PEER_UNI ? P2P_OK
                                            : fail(r, P2P_ERR_VIOLATION, P2P_H3_REQUEST_INCOMPLETE);
    default:
        return P2P_OK;
    }
}

p2p_err p2p_h3_claim(uint8_t *seen, p2p_h3_stream stream) {
    if (stream != P2P_H3_CONTROL && stream != P2P_H3_QPACK_ENCODER &&
        stream != P2P_H3_QPACK_DECODER)
        return P2P_OK;
    uint8_t bit = (uint8_t)(1u << stream);
    if ((*seen & bit) != 0)
        return P2P_ERR_VIOLATION;
    *seen |= bit;
    return P2P_OK;
}

/* --- writing --- */

void p2p_h3_put_frame(p2p_writer *w, p2p_h3_frame_type type, uint64_t len) {
    p2p_writer_quic_varint(w, type);
    p2p_writer_quic_varint(w, len);
}

void p2p_wt_put_stream_head(p2p_writer *w, bool bidirectional, uint64_t session) {
    p2p_writer_quic_varint(
        w, bidirectional ? (uint64_t)P2P_H3_FRAME_WT_STREAM : (uint64_t)P2P_H3_TYPE_WT_STREAM);
    p2p_writer_quic_varint(w, session);
}

void p2p_h3_put_datagram_head(p2p_writer *w, uint64_t session) {
    p2p_writer_quic_varint(w, session / 4);
}

p2p_err p2p_h3_open_datagram(p2p_bytes datagram, uint64_t *session, p2p_bytes *payload) {
    p2p_cursor c = p2p_cursor_of(datagram);
    uint64_t quarter = p2p_cursor_quic_varint(&c);
    *payload = p2p_cursor_rest(&c);
    if (c.err != P2P_OK || quarter >= UINT64_C(1) << 60)
        return P2P_ERR_MALFORMED;
    *session = quarter * 4;
    return P2P_OK;
}
