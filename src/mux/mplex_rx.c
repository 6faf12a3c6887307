/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What an mplex session receives. There is no flow control: a peer may send faster than the
 * application reads. What waits is bounded for each stream by limits->window_max; beyond that the
 * stream is reset, which is all that mplex allows.
 */
#include "mux/mplex.h"

#include "base/cursor.h"

typedef struct header {
    uint64_t id;
    uint8_t flag;
    uint32_t length;
} header;

static p2p_err violation(p2p_mplex_session *m, p2p_err err, const char *why) {
    m->over = true;
    p2p_conn_ended(&m->conn, err, false, 0, why);
    return err;
}

/* Two varints; AGAIN while they are incomplete. */
static p2p_err parse_header(p2p_bytes bytes, header *h, size_t *size) {
    uint64_t first, length;
    size_t first_size, length_size;
    p2p_err err = p2p_uvarint_peek(bytes, P2P_MPLEX_HEADER_MAX / 2, &first, &first_size);
    if (err != P2P_OK)
        return err;
    p2p_bytes rest = {bytes.ptr + first_size, bytes.len - first_size};
    err = p2p_uvarint_peek(rest, P2P_MPLEX_HEADER_MAX / 2, &length, &length_size);
    if (err != P2P_OK)
        return err;
    h->id = first >> 3;
    h->flag = first & 7;
    if (h->flag > P2P_MPLEX_RESET_INITIATOR)
        return P2P_ERR_MALFORMED;
    /* spec: mplex #writing-to-a-stream: up to 1 MiB per message. */
    if (length > P2P_MPLEX_MESSAGE_MAX)
        return P2P_ERR_VIOLATION;
    h->length = (uint32_t)length;
    *size = first_size + length_size;
    return P2P_OK;
}

static p2p_err open_by_peer(p2p_mplex_session *m, uint64_t id) {
    p2p_stream *stream;
    uint64_t key = p2p_mplex_key(id, false);
    if (p2p_map_get(&m->streams, key) != NULL)
        return P2P_ERR_VIOLATION;
    if (m->closing || p2p_stream_inbound(&m->conn, &stream) != P2P_OK)
        return p2p_mplex_refuse(m, id);
    p2p_mplex_stream *s = p2p_stream_mux(stream);
    if (p2p_map_put(&m->streams, key, s) != P2P_OK) {
        p2p_stream_rx_reset(stream, P2P_CODE_NONE);
        return p2p_mplex_refuse(m, id);
    }
    s->id = id;
    s->known = true;
    p2p_mplex_schedule(m, s);
    return P2P_OK;
}

static void end_by_peer(p2p_mplex_stream *s) {
    if (s->rx_ended)
        return;
    s->rx_ended = true;
    p2p_stream_rx_fin(p2p_stream_of_mux(s));
}

static void reset_by_peer(p2p_mplex_session *m, p2p_mplex_stream *s) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    p2p_mplex_detach(m, s);
    p2p_stream_rx_reset(stream, P2P_CODE_NONE);
}

/* Bodies other than messages (a new stream's name) have no reader. */
static p2p_err on_frame(p2p_mplex_session *m, const header *h) {
    m->body = NULL;
    m->body_left = h->length;
    if (h->flag == P2P_MPLEX_NEW)
        return open_by_peer(m, h->id);
    /* Odd flags come from the receiver: the stream was opened here. */
    p2p_mplex_stream *s = p2p_map_get(&m->streams, p2p_mplex_key(h->id, h->flag & 1));
    if (s == NULL)
        return P2P_OK; /* reset or ended already; the peer did not know when it sent this */
    switch ((p2p_mplex_flag)h->flag) {
    case P2P_MPLEX_MESSAGE_RECEIVER:
    case P2P_MPLEX_MESSAGE_INITIATOR:
        if (!s->rx_ended && !s->reset_due)
            m->body = s;
        break;
    case P2P_MPLEX_CLOSE_RECEIVER:
    case P2P_MPLEX_CLOSE_INITIATOR:
        end_by_peer(s);
        break;
    default:
        reset_by_peer(m, s);
        break;
    }
    return P2P_OK;
}

/* The number of bytes used goes to *used. */
static p2p_err take_header(p2p_mplex_session *m, const uint8_t *data, size_t len, size_t *used) {
    header h;
    size_t size, piece = sizeof m->head - m->head_len;
    piece = len < piece ? len : piece;
    memcpy(m->head + m->head_len, data, piece);
    p2p_err err = parse_header(p2p_bytes_of(m->head, m->head_len + piece), &h, &size);
    if (err == P2P_ERR_AGAIN) {
        m->head_len += (uint8_t)piece;
        *used = piece;
        return P2P_OK;
    }
    if (err == P2P_OK) {
        *used = size - m->head_len;
        m->head_len = 0;
        err = on_frame(m, &h);
    }
    switch (err) {
    case P2P_OK:
        return P2P_OK;
    case P2P_ERR_MALFORMED:
        return violation(m, err, "the peer does not send mplex frames");
    case P2P_ERR_LIMIT:
        return violation(
            m, err, "the peer opens more mplex streams than it may and does not read the refusals");
    default:
        return violation(m, err, "the peer broke the rules of mplex");
    }
}

static void take_body(p2p_mplex_session *m, const uint8_t *data, size_t len) {
    p2p_mplex_stream *s = m->body;
    m->body_left -= (uint32_t)len;
    if (s == NULL)
        return;
    p2p_stream *stream = p2p_stream_of_mux(s);
    s->unread += len;
    if (s->unread > m->conn.env->limits->window_max) {
        p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        m->body = NULL;
        return;
    }
    /* The stream may reset itself over what it reads, or for want of room. */
    if (p2p_stream_rx(stream, p2p_bytes_of(data, len)) != P2P_OK || s->reset_due)
        m->body = NULL;
}

p2p_err p2p_mplex_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    p2p_mplex_session *m = p2p_mplex_of_layer(layer);
    for (size_t at = 0; at < len && !m->over;) {
        size_t used = len - at < m->body_left ? len - at : m->body_left;
        if (m->body_left > 0) {
            take_body(m, data + at, used);
        } else {
            p2p_err err = take_header(m, data + at, len - at, &used);
            if (err != P2P_OK)
                return err;
        }
        at += used;
    }
    return P2P_OK;
}
