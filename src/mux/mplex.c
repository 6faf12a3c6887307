/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An mplex session (specs/mplex), for peers too old to have yamux. It has neither flow control nor
 * error codes nor a goodbye; so it is not offered unless asked for.
 *
 * As in yamux, whatever is to be sent waits in the streams until the layer below draws.
 */
#include "mux/mplex.h"

#include "base/cursor.h"
#include "base/mem.h"
#include "stack/upgrade.h"

enum {
    HEADER_ROOM = 14,                /* number and length as they are sent */
    TURN_ROOM = 3 * HEADER_ROOM + 1, /* new stream, one byte of data, end */
    TURN = 16 * 1024,                /* what a stream sends in its turn */
    ID_MAX = 0x0fffffff              /* streams opened here; nobody gets that far */
};

typedef struct sink {
    uint8_t *dst;
    size_t cap;
    size_t len;
} sink;

static p2p_mplex_session *of_conn(const p2p_conn *conn) {
    return P2P_CONTAINER(conn, p2p_mplex_session, conn);
}

static void end_session(p2p_mplex_session *m, p2p_err err, bool by_peer, const char *why) {
    m->over = true;
    p2p_conn_ended(&m->conn, err, by_peer, 0, why);
}

/* --- streams --- */

static bool has_something(const p2p_mplex_stream *s) {
    p2p_stream *stream = p2p_stream_of_mux((void *)s);
    if (s->reset_due)
        return true;
    return !s->tx_ended && (p2p_stream_tx_len(stream) > 0 || p2p_stream_tx_ends(stream));
}

void p2p_mplex_schedule(p2p_mplex_session *m, p2p_mplex_stream *s) {
    if (!s->known || !has_something(s))
        return;
    if (!p2p_list_linked(&s->node))
        p2p_list_push(&m->sending, &s->node);
    p2p_wire_wake(m->layer.wire);
}

void p2p_mplex_detach(p2p_mplex_session *m, p2p_mplex_stream *s) {
    if (!s->known)
        return;
    s->known = false;
    p2p_map_remove(&m->streams, p2p_mplex_key(s->id, s->outbound));
    p2p_list_remove(&s->node);
    if (m->body == s)
        m->body = NULL;
    if (m->closing)
        p2p_wire_wake(m->layer.wire);
}

static p2p_err open_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_mplex_session *m = of_conn(conn);
    p2p_mplex_stream *s = p2p_stream_mux(stream);
    if (m->over || m->closing || m->next_id > ID_MAX)
        return P2P_ERR_STATE;
    p2p_err err = p2p_map_put(&m->streams, p2p_mplex_key(m->next_id, true), s);
    if (err != P2P_OK)
        return err;
    s->id = m->next_id++;
    s->known = s->outbound = s->new_due = true;
    return P2P_OK;
}

static void wake_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_mplex_session *m = of_conn(conn);
    p2p_mplex_stream *s = p2p_stream_mux(stream);
    uint32_t code;
    if (!s->known || m->over)
        return;
    s->reset_due = p2p_stream_reset_wanted(stream, &code);
    if (s->reset_due && s->new_due) {
        /* The peer never heard of it. */
        p2p_mplex_detach(m, s);
        p2p_stream_tx_done(stream);
        return;
    }
    s->unread -= p2p_stream_rx_taken(stream);
    p2p_mplex_schedule(m, s);
}

static void forget_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_mplex_detach(of_conn(conn), p2p_stream_mux(stream));
}

/* --- sending --- */

static void put_header(sink *out, uint64_t id, p2p_mplex_flag flag, size_t length) {
    p2p_writer w = p2p_writer_of(out->dst + out->len, out->cap - out->len);
    p2p_writer_uvarint(&w, id << 3 | (uint64_t)flag);
    p2p_writer_uvarint(&w, length);
    out->len += w.len;
}

p2p_err p2p_mplex_refuse(p2p_mplex_session *m, uint64_t id) {
    uint8_t frame[P2P_MPLEX_HEADER_MAX];
    sink out = {frame, sizeof frame, 0};
    put_header(&out, id, P2P_MPLEX_RESET_RECEIVER, 0);
    p2p_err err = p2p_buf_append(&m->owed, p2p_bytes_of(frame, out.len));
    p2p_wire_wake(m->layer.wire);
    return err == P2P_ERR_TOO_BIG ? P2P_ERR_LIMIT : err;
}

static void put_data(p2p_mplex_stream *s, sink *out) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    size_t room = out->cap - out->len - 2 * HEADER_ROOM; /* of the data and of the end */
    size_t len = p2p_stream_tx_len(stream);
    len = len < room ? len : room;
    len = len < TURN ? len : TURN;
    if (len == 0)
        return;
    put_header(
        out, s->id, s->outbound ? P2P_MPLEX_MESSAGE_INITIATOR : P2P_MPLEX_MESSAGE_RECEIVER, len);
    p2p_stream_tx_copy(stream, 0, out->dst + out->len, len);
    out->len += len;
    p2p_stream_tx_consume(stream, len);
}

static void put_stream(p2p_mplex_session *m, p2p_mplex_stream *s, sink *out) {
    p2p_stream *stream = p2p_stream_of_mux(s);
    if (s->reset_due) {
        put_header(
            out, s->id, s->outbound ? P2P_MPLEX_RESET_INITIATOR : P2P_MPLEX_RESET_RECEIVER, 0);
        p2p_mplex_detach(m, s);
        p2p_stream_tx_done(stream);
        return;
    }
    if (s->new_due)
        put_header(out, s->id, P2P_MPLEX_NEW, 0);
    s->new_due = false;
    put_data(s, out);
    if (p2p_stream_tx_len(stream) == 0 && p2p_stream_tx_ends(stream)) {
        put_header(
            out, s->id, s->outbound ? P2P_MPLEX_CLOSE_INITIATOR : P2P_MPLEX_CLOSE_RECEIVER, 0);
        s->tx_ended = true;
        p2p_stream_tx_done(stream);
    }
    p2p_mplex_schedule(m, s);
}

/* While closing: have all streams that were shut sent their end? */
static bool all_sent(const p2p_mplex_session *m) {
    size_t at = 0;
    for (p2p_map_entry *e; (e = p2p_map_next(&m->streams, &at)) != NULL;) {
        p2p_mplex_stream *s = e->value;
        if (!s->tx_ended && p2p_stream_tx_ends(p2p_stream_of_mux(s)))
            return false;
    }
    return true;
}

/* Blocks shorter than TURN_ROOM stay empty. */
static p2p_err draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    p2p_mplex_session *m = p2p_mplex_of_layer(layer);
    sink out = {dst, cap, 0};
    *len = 0;
    if (m->over)
        return P2P_OK;
    out.len = p2p_buf_draw(&m->owed, dst, cap);
    p2p_list *node;
    while (out.cap - out.len >= TURN_ROOM && (node = p2p_list_pop(&m->sending)) != NULL)
        put_stream(m, P2P_CONTAINER(node, p2p_mplex_stream, node), &out);
    *len = out.len;
    if (out.len == 0 && m->closing && all_sent(m))
        end_session(m, P2P_ERR_CLOSED, false, NULL);
    return P2P_OK;
}

/* --- life --- */

static void close_session(p2p_conn *conn, uint32_t code) {
    p2p_mplex_session *m = of_conn(conn);
    (void)code; /* mplex has no way to say it */
    m->closing = true;
    p2p_wire_wake(m->layer.wire);
}

static void abort_session(p2p_conn *conn, uint32_t code) {
    (void)code;
    of_conn(conn)->over = true;
}

static void free_session(p2p_conn *conn) {
    p2p_mplex_session *m = of_conn(conn);
    p2p_env *env = conn->env;
    p2p_map_deinit(&m->streams);
    p2p_buf_deinit(&m->owed);
    p2p_conn_deinit(conn);
    p2p_mem_free(env->mem, m, sizeof *m);
}

static p2p_err end_of_input(p2p_layer *layer) {
    p2p_mplex_session *m = p2p_mplex_of_layer(layer);
    if (m->over)
        return P2P_OK;
    if (m->head_len > 0 || m->body_left > 0)
        end_session(m, P2P_ERR_RESET, true, "the connection broke off inside an mplex frame");
    else
        end_session(m, P2P_ERR_EOF, true, NULL);
    return P2P_OK;
}

/* The connection's ops->free frees session and layer together. */
static void free_layer(p2p_layer *layer) {
    (void)layer;
}

static const p2p_layer_ops layer_ops = {
    .name = "mplex", .feed = p2p_mplex_feed, .draw = draw, .eof = end_of_input, .free = free_layer};

static const p2p_conn_ops conn_ops = {
    .stream_size = sizeof(p2p_mplex_stream),
    .open = open_stream,
    .wake = wake_stream,
    .forget = forget_stream,
    .close = close_session,
    .abort = abort_session,
    .free = free_session,
};

static p2p_err start(
    p2p_layer **layer, p2p_conn **conn, p2p_env *env, p2p_wire *wire, bool initiator) {
    p2p_mplex_session *m = p2p_mem_alloc(env->mem, sizeof *m);
    if (m == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_conn_init(&m->conn, &conn_ops, env, initiator);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, m, sizeof *m);
        return err;
    }
    uint64_t seed = 0;
    p2p_env_random(env, &seed, sizeof seed);
    p2p_map_init(&m->streams, env->mem, seed);
    p2p_buf_init(&m->owed, env->mem, P2P_MPLEX_OWED_MAX);
    p2p_list_init(&m->sending);
    m->layer = (p2p_layer){.ops = &layer_ops, .wire = wire};
    *layer = &m->layer;
    *conn = &m->conn;
    return P2P_OK;
}

const p2p_muxer p2p_mplex = {"/mplex/6.7.0", start};
