/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a yamux session sends: frames are made when the layer below draws, straight from the
 * streams' queues into its block.
 *
 * In this order: frames that belong to no stream, a ping, acknowledgements, credit and resets of
 * streams, data of the streams in turn, GoAway. Several frames share one draw, so that small ones
 * cost one record of the security layer together.
 *
 * The receive window of a stream doubles when half of it is consumed within four round trips, as
 * go-yamux does it, while the host's buffers are at most half full.
 */
#include "mux/yamux.h"

#include "base/bytes.h"

enum {
    /* While several streams have data, each sends this much in its turn. */
    TURN = 16 * 1024,
    /* A single one may fill a record of Noise. go sends frames of up to 64 KiB too. */
    FRAME_MAX = 64 * 1024,
    /* A frame at the end of a block that is shorter than this, and than what there is to send, is
     * left for the next block. */
    TAIL_MIN = 512
};

/* A round-trip time older than this is measured again when credit is given. */
#define RTT_LIFE (10 * P2P_SECOND)

typedef struct sink {
    uint8_t *dst;
    size_t cap;
    size_t len;
} sink;

static bool has_room(const sink *out) {
    return out->cap - out->len >= P2P_YAMUX_HEADER_LEN;
}

static void put(sink *out, const p2p_yamux_frame *frame) {
    p2p_yamux_frame_encode(frame, out->dst + out->len);
    out->len += P2P_YAMUX_HEADER_LEN;
}

static uint32_t credit_of(const p2p_yamux_stream *s) {
    return s->window - s->recv_window - s->unread;
}

/* Small credits are not worth a frame. A peer that has ended needs none. */
static bool credit_due(const p2p_yamux_stream *s) {
    return !s->rx_ended && !s->syn_due && credit_of(s) >= s->window / 2;
}

static bool data_due(const p2p_yamux_stream *s) {
    p2p_stream *stream = p2p_stream_of_mux((void *)s);
    if (s->tx_ended)
        return false;
    size_t waiting = p2p_stream_tx_len(stream);
    return waiting > 0 ? s->send_window > 0 : p2p_stream_tx_ends(stream);
}

void p2p_yamux_schedule(p2p_yamux_session *y, p2p_yamux_stream *s) {
    if (s->id == 0)
        return;
    bool has_data = !s->reset_due && data_due(s);
    bool control = s->reset_due || s->ack_due || credit_due(s);
    /* A larger window has to be announced together with SYN, before the first data. */
    if (s->syn_due && has_data && credit_of(s) > 0)
        control = true;
    bool linked = p2p_list_linked(&s->node);
    if (linked && s->is_urgent == control && (control || has_data))
        return; /* it keeps its turn */
    p2p_list_remove(&s->node);
    if (!control && !has_data)
        return;
    s->is_urgent = control;
    p2p_list_push(control ? &y->urgent : &y->sending, &s->node);
    p2p_wire_wake(y->layer.wire);
}

static void grow_window(p2p_yamux_session *y, p2p_yamux_stream *s) {
    const p2p_env *env = y->conn.env;
    if (env->now - y->ping_sent > RTT_LIFE && !y->ping_away)
        y->ping_due = true;
    bool fast = s->updated != 0 && y->rtt != 0 && env->now - s->updated < 4 * y->rtt;
    bool room = env->chunks.used_count <= env->chunks.max / 2;
    if (fast && room && s->window < y->window_max)
        s->window = s->window > y->window_max / 2 ? y->window_max : s->window * 2;
    s->updated = env->now;
}

static uint16_t first_flags(p2p_yamux_stream *s) {
    uint16_t flags = (s->syn_due ? P2P_YAMUX_SYN : 0) | (s->ack_due ? P2P_YAMUX_ACK : 0);
    s->syn_due = s->ack_due = false;
    return flags;
}

static void put_reset(p2p_yamux_session *y, p2p_yamux_stream *s, sink *out) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    uint32_t code;
    (void)p2p_stream_reset_wanted(stream, &code);
    put(out, &(p2p_yamux_frame){P2P_YAMUX_WINDOW, P2P_YAMUX_RST, s->id, code});
    p2p_yamux_detach(y, s);
    p2p_stream_tx_done(stream);
}

static void put_credit(p2p_yamux_session *y, p2p_yamux_stream *s, sink *out) {
    if (credit_due(s))
        grow_window(y, s);
    uint32_t delta = s->rx_ended ? 0 : credit_of(s);
    put(out, &(p2p_yamux_frame){P2P_YAMUX_WINDOW, first_flags(s), s->id, delta});
    s->recv_window += delta;
}

/*
 * The end has a frame of its own, as go-libp2p writes it: js-libp2p looks at the flags of a data
 * frame before its bytes, and then refuses the bytes because the stream has ended.
 */
static void put_end(p2p_yamux_stream *s, sink *out) {
    put(out, &(p2p_yamux_frame){P2P_YAMUX_WINDOW, first_flags(s) | P2P_YAMUX_FIN, s->id, 0});
    s->tx_ended = true;
    p2p_stream_tx_done(p2p_stream_of_mux(s));
}

/* One data frame, as much as fits and may be sent, or the end. False: the block is full enough. */
static bool put_data(p2p_yamux_stream *s, sink *out, size_t max) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    size_t waiting = p2p_stream_tx_len(stream);
    size_t room = out->cap - out->len - P2P_YAMUX_HEADER_LEN;
    if (waiting == 0) {
        put_end(s, out);
        return true;
    }
    size_t len = waiting < max ? waiting : max;
    if (len > s->send_window)
        len = s->send_window;
    if (len > room) {
        if (room == 0 || (out->len > 0 && room < TAIL_MIN))
            return false;
        len = room;
    }
    put(out, &(p2p_yamux_frame){P2P_YAMUX_DATA, first_flags(s), s->id, (uint32_t)len});
    p2p_stream_tx_copy(stream, 0, out->dst + out->len, len);
    out->len += len;
    s->send_window -= (uint32_t)len;
    p2p_stream_tx_consume(stream, len);
    return true;
}

static void put_owed(p2p_yamux_session *y, sink *out) {
    size_t room = (out->cap - out->len) / P2P_YAMUX_HEADER_LEN * P2P_YAMUX_HEADER_LEN;
    out->len += p2p_buf_draw(&y->owed, out->dst + out->len, room);
    if (p2p_buf_len(&y->owed) == 0)
        y->pongs = 0;
}

static void put_ping(p2p_yamux_session *y, sink *out) {
    y->ping_value++;
    y->ping_sent = y->conn.env->now;
    y->ping_due = false;
    y->ping_away = true;
    put(out, &(p2p_yamux_frame){P2P_YAMUX_PING, P2P_YAMUX_SYN, 0, y->ping_value});
}

static void put_streams(p2p_yamux_session *y, sink *out) {
    for (p2p_list *node; has_room(out) && (node = p2p_list_pop(&y->urgent)) != NULL;) {
        p2p_yamux_stream *s = P2P_CONTAINER(node, p2p_yamux_stream, node);
        if (s->reset_due) {
            put_reset(y, s, out);
            continue;
        }
        put_credit(y, s, out);
        p2p_yamux_schedule(y, s);
    }
    for (p2p_list *node; has_room(out) && (node = p2p_list_pop(&y->sending)) != NULL;) {
        p2p_yamux_stream *s = P2P_CONTAINER(node, p2p_yamux_stream, node);
        size_t max = p2p_list_empty(&y->sending) ? FRAME_MAX : TURN;
        if (!put_data(s, out, max)) {
            /* It stays the next in turn. */
            p2p_list_push(y->sending.next, node);
            return;
        }
        p2p_yamux_schedule(y, s);
    }
}

/* While closing: has every stream that the application shut sent its end? */
static bool all_sent(const p2p_yamux_session *y) {
    size_t at = 0;
    for (p2p_map_entry *e; (e = p2p_map_next(&y->streams, &at)) != NULL;) {
        p2p_yamux_stream *s = e->value;
        if (!s->tx_ended && p2p_stream_tx_ends(p2p_stream_of_mux(s)))
            return false;
    }
    return p2p_buf_len(&y->owed) == 0;
}

/* Nothing else is left to send: GoAway, and in the draw after it the end. */
static p2p_err finish(p2p_yamux_session *y, sink *out) {
    if (y->goaway_due) {
        if (!has_room(out) || (y->failed == P2P_OK && !all_sent(y)))
            return P2P_OK;
        y->goaway_due = false;
        /* spec: yamux #session-termination: when a session is being terminated, the Go Away message
         * should be sent. */
        put(out, &(p2p_yamux_frame){P2P_YAMUX_GOAWAY, 0, 0, y->goaway_code});
        p2p_wire_wake(y->layer.wire);
        return P2P_OK;
    }
    if (out->len > 0)
        return P2P_OK;
    if (y->failed != P2P_OK) {
        p2p_err err = y->failed;
        p2p_yamux_end(y, err, false, 0, y->why);
        return err;
    }
    if (y->closing)
        p2p_yamux_end(y, P2P_ERR_CLOSED, false, 0, NULL);
    else if (y->peer_going && y->streams.count == 0)
        p2p_yamux_end(y, P2P_ERR_EOF, true, 0, NULL);
    return P2P_OK;
}

p2p_err p2p_yamux_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    p2p_yamux_session *y = p2p_yamux_of_layer(layer);
    sink out = {dst, cap, 0};
    *len = 0;
    if (y->over || y->peer_gone)
        return P2P_OK;
    if (y->failed == P2P_OK) {
        put_owed(y, &out);
        if (y->ping_due && has_room(&out))
            put_ping(y, &out);
        put_streams(y, &out);
    }
    p2p_err err = finish(y, &out);
    *len = out.len;
    return err;
}
