/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A line is a varint length, the text and a line end that the length counts. `ls` is answered with
 * `na`, as go does: identify is how peers learn protocols.
 */
#include "stack/multistream.h"

#include "base/bytes.h"
#include "base/cursor.h"

enum { LENGTH_MAX = 2 /* bytes of the length: rust accepts no more, and lines are short */ };

static const char HEADER[] = "/multistream/1.0.0";
static const char NOT_AVAILABLE[] = "na";

void p2p_multistream_init_initiator(
    p2p_multistream *ms, const p2p_mem *mem, const char *const *proposals) {
    *ms = (p2p_multistream){.proposals = proposals};
    p2p_buf_init(&ms->line, mem, P2P_MULTISTREAM_LINE_MAX + LENGTH_MAX);
}

void p2p_multistream_init_responder(p2p_multistream *ms, const p2p_mem *mem) {
    p2p_multistream_init_initiator(ms, mem, NULL);
}

void p2p_multistream_deinit(p2p_multistream *ms) {
    p2p_buf_deinit(&ms->line);
}

/* spec: connections #multistream-select: each message ends with a newline and is prefixed with its
 * length as a varint. */
static p2p_err put_line(p2p_buf *out, p2p_bytes text) {
    size_t len = p2p_uvarint_len(text.len + 1) + text.len + 1;
    uint8_t *room;
    p2p_err err = p2p_buf_reserve(out, len, &room);
    if (err != P2P_OK)
        return err;
    p2p_writer w = p2p_writer_of(room, len);
    p2p_writer_uvarint(&w, text.len + 1);
    p2p_writer_bytes(&w, text);
    p2p_writer_u8(&w, '\n');
    p2p_buf_commit(out, len);
    return P2P_OK;
}

p2p_err p2p_multistream_first(const p2p_multistream *ms, p2p_buf *out) {
    p2p_err err = put_line(out, p2p_bytes_text(HEADER));
    if (err == P2P_OK && ms->proposals != NULL)
        err = put_line(out, p2p_bytes_text(ms->proposals[ms->current]));
    return err;
}

/* The initiator's side of one line: an echo, or a refusal. */
static p2p_err answered(p2p_multistream *ms, p2p_bytes text, p2p_buf *out) {
    const char *asked = ms->proposals[ms->current];
    if (p2p_bytes_equal(text, p2p_bytes_text(asked))) {
        ms->done = true;
        return P2P_OK;
    }
    if (!p2p_bytes_equal(text, p2p_bytes_text(NOT_AVAILABLE)))
        return P2P_ERR_VIOLATION;
    if (ms->proposals[ms->current + 1] == NULL)
        return P2P_ERR_NO_PROTOCOL;
    /* spec: connections #multistream-select: after "na" the initiator may try a different protocol
     * id. */
    ms->current++;
    return put_line(out, p2p_bytes_text(ms->proposals[ms->current]));
}

/* spec: connections #multistream-select: the responder echoes the protocol id, or answers "na". */
static p2p_err proposed(
    p2p_multistream *ms, p2p_bytes text, p2p_buf *out, p2p_multistream_accept accept, void *ctx) {
    if (++ms->tries > P2P_MULTISTREAM_TRIES_MAX)
        return P2P_ERR_VIOLATION;
    if (!accept(ctx, text))
        return put_line(out, p2p_bytes_text(NOT_AVAILABLE));
    ms->done = true;
    return put_line(out, text);
}

static p2p_err take_line(
    p2p_multistream *ms, p2p_bytes line, p2p_buf *out, p2p_multistream_accept accept, void *ctx) {
    if (line.len == 0 || line.ptr[line.len - 1] != '\n')
        return P2P_ERR_MALFORMED;
    p2p_bytes text = p2p_bytes_of(line.ptr, line.len - 1);
    /* spec: connections #multistream-select: anything other than the multistream protocol id as the
     * first message aborts the negotiation. */
    if (!ms->header_seen) {
        ms->header_seen = true;
        return p2p_bytes_equal(text, p2p_bytes_text(HEADER)) ? P2P_OK : P2P_ERR_VIOLATION;
    }
    return ms->proposals != NULL ? answered(ms, text, out) : proposed(ms, text, out, accept, ctx);
}

/* The size of the first line of `bytes` with its length; AGAIN while it is incomplete. */
static p2p_err measure(p2p_bytes bytes, size_t *head, size_t *whole) {
    uint64_t len;
    p2p_err err = p2p_uvarint_peek(bytes, LENGTH_MAX, &len, head);
    if (err != P2P_OK)
        return err;
    if (len > P2P_MULTISTREAM_LINE_MAX)
        return P2P_ERR_TOO_BIG;
    *whole = *head + (size_t)len;
    return bytes.len < *whole ? P2P_ERR_AGAIN : P2P_OK;
}

/* Continues a line of which a part arrived earlier: moves byte by byte until it is complete. */
static p2p_err feed_partial(p2p_multistream *ms, p2p_bytes bytes, size_t *used, p2p_buf *out,
    p2p_multistream_accept accept, void *ctx) {
    while (*used < bytes.len) {
        p2p_err err = p2p_buf_append(&ms->line, p2p_bytes_of(bytes.ptr + (*used)++, 1));
        size_t head = 0, whole = 0;
        if (err == P2P_OK)
            err = measure(p2p_buf_view(&ms->line), &head, &whole);
        if (err == P2P_ERR_AGAIN)
            continue;
        if (err != P2P_OK)
            return err;
        err = take_line(
            ms, p2p_bytes_of(p2p_buf_view(&ms->line).ptr + head, whole - head), out, accept, ctx);
        p2p_buf_deinit(&ms->line);
        return err;
    }
    return P2P_OK;
}

p2p_err p2p_multistream_feed(p2p_multistream *ms, p2p_bytes bytes, size_t *used, p2p_buf *out,
    p2p_multistream_accept accept, void *ctx) {
    *used = 0;
    while (!ms->done && *used < bytes.len) {
        p2p_err err;
        p2p_bytes rest = p2p_bytes_of(bytes.ptr + *used, bytes.len - *used);
        size_t head = 0, whole = 0;
        if (p2p_buf_len(&ms->line) > 0) {
            err = feed_partial(ms, bytes, used, out, accept, ctx);
        } else if ((err = measure(rest, &head, &whole)) == P2P_OK) {
            *used += whole;
            err = take_line(ms, p2p_bytes_of(rest.ptr + head, whole - head), out, accept, ctx);
        } else if (err == P2P_ERR_AGAIN) {
            *used = bytes.len;
            err = p2p_buf_append(&ms->line, rest);
        }
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}
