/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a yamux session receives (specs/yamux, "Framing" to "Error handling").
 *
 * Only a header that arrives in pieces is kept; the body of a data frame goes to its stream as it
 * comes. The rules of the window are checked when the header is read, before any of the body.
 *
 * What peers do and the spec leaves open: every flag may stand on data and window frames; frames
 * for streams that are gone are normal (both sides talk at once) and are read past; RST on a window
 * frame carries an error code where credit would be.
 */
#include "mux/yamux.h"

#include "base/bytes.h"

/* spec: yamux #streamid-field: the client side should use odd ids, the server even. */
static bool own_id(const p2p_yamux_session *y, uint32_t id) {
    return (id & 1) == (y->conn.outbound ? 1U : 0U);
}

static void violation(p2p_yamux_session *y, p2p_err err, const char *why) {
    p2p_yamux_fail(y, err, P2P_YAMUX_PROTOCOL_ERROR, why);
}

/* spec: yamux #opening-a-stream: or with the RST flag to reject the stream. */
static void refuse(p2p_yamux_session *y, uint32_t id, uint32_t code) {
    p2p_yamux_owe(y, &(p2p_yamux_frame){P2P_YAMUX_WINDOW, P2P_YAMUX_RST, id, code});
}

/* A stream the peer opens; NULL when it is refused. */
static p2p_yamux_stream *accept_stream(p2p_yamux_session *y, uint32_t id) {
    p2p_stream *stream;
    if (y->closing) {
        refuse(y, id, P2P_CODE_SHUTDOWN);
        return NULL;
    }
    if (p2p_stream_inbound(&y->conn, &stream) != P2P_OK) {
        refuse(y, id, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        return NULL;
    }
    p2p_yamux_stream *s = p2p_stream_mux(stream);
    if (p2p_map_put(&y->streams, id, s) != P2P_OK) {
        p2p_stream_rx_reset(stream, P2P_CODE_NONE);
        refuse(y, id, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        return NULL;
    }
    s->id = id;
    /* spec: yamux #flow-control: each stream starts with a 256 KiB window. */
    s->send_window = s->recv_window = P2P_YAMUX_WINDOW_INITIAL;
    s->window = p2p_yamux_window_start(y);
    /* spec: yamux #opening-a-stream: the receiver must reply with the ACK flag to accept the
     * stream. */
    s->ack_due = true;
    p2p_yamux_schedule(y, s);
    return s;
}

static void end_of_stream(p2p_yamux_stream *s) {
    if (s->rx_ended)
        return;
    s->rx_ended = true;
    p2p_stream_rx_fin(p2p_stream_of_mux(s));
}

static void reset_by_peer(p2p_yamux_session *y, p2p_yamux_stream *s, uint32_t code) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    p2p_yamux_detach(y, s);
    p2p_stream_rx_reset(stream, code);
}

static void on_window(p2p_yamux_session *y, p2p_yamux_stream *s, const p2p_yamux_frame *frame) {
    if (s == NULL)
        return;
    if (frame->length > UINT32_MAX - s->send_window) {
        violation(y, P2P_ERR_FLOW_CONTROL, "the peer's yamux window overflows");
        return;
    }
    s->send_window += frame->length;
    if (frame->flags & P2P_YAMUX_FIN)
        end_of_stream(s);
    p2p_yamux_schedule(y, s);
}

static void on_data(p2p_yamux_session *y, p2p_yamux_stream *s, const p2p_yamux_frame *frame) {
    /* What follows the end of a stream has no reader. */
    if (s != NULL && s->rx_ended)
        s = NULL;
    size_t allowed = s != NULL ? s->recv_window : y->window_max;
    if (s == NULL && allowed < P2P_YAMUX_WINDOW_INITIAL)
        allowed = P2P_YAMUX_WINDOW_INITIAL;
    if (frame->length > allowed) {
        violation(y, P2P_ERR_FLOW_CONTROL, "the peer sent more than its yamux window");
        return;
    }
    y->body = s;
    y->body_left = frame->length;
    y->body_ends = (frame->flags & P2P_YAMUX_FIN) != 0;
    if (s == NULL)
        return;
    /* spec: yamux #flow-control: only the bytes of Data frames are part of the window size. */
    s->recv_window -= frame->length;
    if (frame->length == 0 && y->body_ends)
        end_of_stream(s);
}

static void on_stream_frame(p2p_yamux_session *y, const p2p_yamux_frame *frame) {
    /* spec: yamux #streamid-field: the 0 id is reserved to represent the session. */
    if (frame->stream == 0) {
        violation(y, P2P_ERR_VIOLATION, "a yamux frame for stream 0");
        return;
    }
    p2p_yamux_stream *s = p2p_map_get(&y->streams, frame->stream);
    if (frame->flags & P2P_YAMUX_SYN) {
        if (s != NULL || own_id(y, frame->stream)) {
            violation(y, P2P_ERR_VIOLATION, "the peer opened a yamux stream with a wrong number");
            return;
        }
        if (!(frame->flags & P2P_YAMUX_RST))
            s = accept_stream(y, frame->stream);
        if (y->failed != P2P_OK)
            return;
    } else if (s != NULL && s->unacked) {
        /* Whatever comes back says that the peer took the stream; some peers send the flag late. */
        s->unacked = false;
        y->unacked--;
    }
    if (frame->flags & P2P_YAMUX_RST) {
        if (s != NULL)
            reset_by_peer(y, s, frame->type == P2P_YAMUX_WINDOW ? frame->length : P2P_CODE_NONE);
        s = NULL;
    }
    if (s != NULL && s->reset_due)
        s = NULL;
    if (frame->type == P2P_YAMUX_DATA)
        on_data(y, s, frame);
    else
        on_window(y, s, frame);
}

static void on_ping(p2p_yamux_session *y, const p2p_yamux_frame *frame) {
    p2p_time now = y->conn.env->now;
    if (!(frame->flags & P2P_YAMUX_ACK)) {
        if (y->pongs == P2P_YAMUX_PONGS_MAX) {
            p2p_yamux_fail(y, P2P_ERR_VIOLATION, P2P_CODE_RATE_LIMITED,
                "the peer sends yamux pings without reading the answers");
            return;
        }
        y->pongs++;
        /* spec: yamux #length-field: Ping contains an opaque value, echoed back. */
        p2p_yamux_owe(y, &(p2p_yamux_frame){P2P_YAMUX_PING, P2P_YAMUX_ACK, 0, frame->length});
        return;
    }
    if (!y->ping_away || frame->length != y->ping_value)
        return;
    y->ping_away = false;
    p2p_time sample = now > y->ping_sent ? now - y->ping_sent : 1;
    y->rtt = y->rtt == 0 ? sample : y->rtt - y->rtt / 8 + sample / 8;
}

/*
 * An error ends the session, but not in this call: what arrived before it is still to be read by
 * the application. GoAway(0) says that no new streams begin; those there are go on.
 */
static void on_goaway(p2p_yamux_session *y, const p2p_yamux_frame *frame) {
    y->peer_going = true;
    y->peer_code = frame->length;
    if (frame->length != P2P_YAMUX_NORMAL) {
        y->peer_gone = true;
        p2p_timer_set(&y->conn.env->timers, &y->timer, y->conn.env->now + 1);
    }
    p2p_wire_wake(y->layer.wire);
}

static void on_header(p2p_yamux_session *y, const uint8_t *head) {
    p2p_yamux_frame frame;
    p2p_err err = p2p_yamux_frame_decode(&frame, head);
    if (err != P2P_OK)
        violation(y, err, "the peer does not send yamux frames");
    else if (frame.type == P2P_YAMUX_PING)
        on_ping(y, &frame);
    else if (frame.type == P2P_YAMUX_GOAWAY)
        on_goaway(y, &frame);
    else
        on_stream_frame(y, &frame);
}

/* The header begins in data, or goes on there; the number of bytes used. */
static size_t take_header(p2p_yamux_session *y, const uint8_t *data, size_t len) {
    if (y->head_len == 0 && len >= P2P_YAMUX_HEADER_LEN) {
        on_header(y, data);
        return P2P_YAMUX_HEADER_LEN;
    }
    size_t need = P2P_YAMUX_HEADER_LEN - y->head_len;
    size_t piece = len < need ? len : need;
    memcpy(y->head + y->head_len, data, piece);
    y->head_len += (uint8_t)piece;
    if (y->head_len == P2P_YAMUX_HEADER_LEN) {
        y->head_len = 0;
        on_header(y, y->head);
    }
    return piece;
}

static size_t take_body(p2p_yamux_session *y, const uint8_t *data, size_t len) {
    size_t piece = len < y->body_left ? len : y->body_left;
    y->body_left -= (uint32_t)piece;
    p2p_yamux_stream *s = y->body;
    if (s == NULL)
        return piece;
    s->unread += (uint32_t)piece;
    /* The stream may reset itself over what it reads, or for want of room. */
    if (p2p_stream_rx(p2p_stream_of_mux(s), p2p_bytes_of(data, piece)) != P2P_OK || s->reset_due)
        y->body = NULL;
    if (y->body == s && y->body_left == 0 && y->body_ends)
        end_of_stream(s);
    return piece;
}

p2p_err p2p_yamux_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    p2p_yamux_session *y = p2p_yamux_of_layer(layer);
    y->heard = true;
    for (size_t at = 0; at < len;) {
        if (y->failed != P2P_OK || y->peer_gone || y->over)
            return P2P_OK;
        at += y->body_left > 0 ? take_body(y, data + at, len - at)
                               : take_header(y, data + at, len - at);
    }
    return P2P_OK;
}
