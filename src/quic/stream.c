/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What applications do with streams. A stream's bytes stay in the application's queue until they
 * are acknowledged: ngtcp2 keeps pointers to them. So whoever empties a queue ends the sending side
 * first, and after that ngtcp2 does not look at it again.
 */
#include "base/bytes.h"
#include "quic/connection.h"

/* Out of memory in one of ngtcp2's small notes: the connection cannot keep its promises. */
static void noted(p2p_quic_conn *conn, int rv) {
    if (rv != 0 && rv != NGTCP2_ERR_STREAM_NOT_FOUND && conn->failure == P2P_OK)
        conn->failure = P2P_ERR_NO_MEMORY;
    p2p_udp_want(&conn->sender);
}

static bool usable(const p2p_quic_conn *conn) {
    return conn->ng != NULL && !conn->over && !conn->closing;
}

static void start_window(const p2p_quic_conn *conn, p2p_quic_stream *stream) {
    const p2p_env *env = conn->endpoint->env;
    stream->window = (p2p_quic_window){.size = env->limits->window_initial, .since = env->now};
}

p2p_err p2p_quic_stream_open(p2p_quic_conn *conn, p2p_quic_stream *stream, bool unidirectional) {
    if (!usable(conn))
        return P2P_ERR_STATE;
    int rv = unidirectional ? ngtcp2_conn_open_uni_stream(conn->ng, &stream->id, stream)
                            : ngtcp2_conn_open_bidi_stream(conn->ng, &stream->id, stream);
    if (rv == NGTCP2_ERR_STREAM_ID_BLOCKED)
        return P2P_ERR_AGAIN;
    if (rv != 0)
        return P2P_ERR_NO_MEMORY;
    stream->attached = true;
    start_window(conn, stream);
    stream->read_over = unidirectional;
    return P2P_OK;
}

void p2p_quic_stream_attach(p2p_quic_conn *conn, p2p_quic_stream *stream, int64_t id) {
    stream->id = id;
    stream->attached = ngtcp2_conn_set_stream_user_data(conn->ng, id, stream) == 0;
    stream->write_over = !ngtcp2_is_bidi_stream(id);
    start_window(conn, stream);
}

void p2p_quic_stream_move(p2p_quic_conn *conn, p2p_quic_stream *from, p2p_quic_stream *to) {
    p2p_list_remove(&from->node);
    *to = *from;
    from->attached = false;
    from->read_over = from->write_over = true;
    if (to->attached && usable(conn))
        noted(conn, ngtcp2_conn_set_stream_user_data(conn->ng, to->id, to));
}

void p2p_quic_stream_want(p2p_quic_conn *conn, p2p_quic_stream *stream) {
    if (!usable(conn) || !stream->attached || stream->write_over)
        return;
    if (!p2p_list_linked(&stream->node))
        p2p_list_push(&conn->sending, &stream->node);
    p2p_udp_want(&conn->sender);
}

void p2p_quic_stream_credit(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t len) {
    if (!usable(conn) || len == 0)
        return;
    const p2p_env *env = conn->endpoint->env;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    stream->unread -= len < stream->unread ? len : stream->unread;
    size_t grown = p2p_quic_window_grow(
        &conn->window, len, env->limits->conn_window_max, info.min_rtt, env->now);
    ngtcp2_conn_extend_max_offset(conn->ng, len + grown);
    if (stream->attached && !stream->read_over) {
        grown = p2p_quic_window_grow(
            &stream->window, len, env->limits->window_max, info.min_rtt, env->now);
        noted(conn, ngtcp2_conn_extend_max_stream_offset(conn->ng, stream->id, len + grown));
    }
    p2p_udp_want(&conn->sender);
}

void p2p_quic_stream_reset_write(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    if (stream->write_over)
        return;
    stream->write_over = true;
    p2p_list_remove(&stream->node);
    if (usable(conn) && stream->attached)
        noted(conn, ngtcp2_conn_shutdown_stream_write(conn->ng, 0, stream->id, code));
}

void p2p_quic_stream_stop(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    if (stream->read_over)
        return;
    stream->read_over = true;
    if (usable(conn) && stream->attached)
        noted(conn, ngtcp2_conn_shutdown_stream_read(conn->ng, 0, stream->id, code));
}

void p2p_quic_stream_reset(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    p2p_quic_stream_reset_write(conn, stream, code);
    p2p_quic_stream_stop(conn, stream, code);
}

void p2p_quic_stream_detach(p2p_quic_conn *conn, p2p_quic_stream *stream) {
    p2p_list_remove(&stream->node);
    if (!usable(conn))
        return;
    p2p_quic_stream_reset(conn, stream, 0);
    p2p_quic_stream_credit(conn, stream, stream->unread);
    if (stream->attached)
        noted(conn, ngtcp2_conn_set_stream_user_data(conn->ng, stream->id, NULL));
    stream->attached = false;
}
