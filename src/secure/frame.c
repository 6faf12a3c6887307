/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/frame.h"

#include "base/bytes.h"

static void advance(uint8_t **data, size_t *len, size_t by) {
    *data += by;
    *len -= by;
}

/* Moves bytes from *data until `partial` holds `want`, or *data is used up. */
static p2p_err collect(p2p_buf *partial, size_t want, uint8_t **data, size_t *len) {
    uint8_t *room;
    size_t missing = want - p2p_buf_len(partial);
    p2p_err err = p2p_buf_reserve(partial, missing, &room);
    if (err != P2P_OK)
        return err;
    size_t now = missing < *len ? missing : *len;
    p2p_copy(room, *data, now);
    p2p_buf_commit(partial, now);
    advance(data, len, now);
    return P2P_OK;
}

static p2p_err frame_len(size_t *len, const p2p_frame_format *format, const uint8_t *head) {
    size_t content_len = p2p_load16(head + format->head_len - 2);
    *len = format->head_len + content_len;
    return content_len <= format->content_max ? P2P_OK : P2P_ERR_VIOLATION;
}

static p2p_err next_collected(p2p_buf *partial, const p2p_frame_format *format, uint8_t **data,
    size_t *len, p2p_frame *frame) {
    size_t want = format->head_len;
    p2p_err err = P2P_OK;
    if (p2p_buf_len(partial) < want)
        err = collect(partial, want, data, len);
    if (err != P2P_OK || p2p_buf_len(partial) < want)
        return err;
    err = frame_len(&want, format, p2p_buf_view(partial).ptr);
    if (err == P2P_OK)
        err = collect(partial, want, data, len);
    if (err == P2P_OK && p2p_buf_len(partial) == want)
        *frame = (p2p_frame){partial->base + partial->start, want};
    return err;
}

p2p_err p2p_frame_next(p2p_buf *partial, const p2p_frame_format *format, uint8_t **data,
    size_t *len, p2p_frame *frame) {
    *frame = (p2p_frame){NULL, 0};
    if (*len == 0)
        return P2P_OK;
    if (p2p_buf_len(partial) > 0 || *len < format->head_len)
        return next_collected(partial, format, data, len, frame);
    size_t want;
    p2p_err err = frame_len(&want, format, *data);
    if (err != P2P_OK)
        return err;
    if (*len < want)
        return collect(partial, want, data, len);
    *frame = (p2p_frame){*data, want};
    advance(data, len, want);
    return P2P_OK;
}

void p2p_frame_done(p2p_buf *partial, const p2p_frame *frame, size_t left) {
    if (frame->ptr != NULL && left == 0)
        p2p_buf_deinit(partial);
    else if (frame->ptr != NULL)
        p2p_buf_consume(partial, p2p_buf_len(partial));
}
