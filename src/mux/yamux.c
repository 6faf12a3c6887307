/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A yamux session (specs/yamux): many streams over one reliable byte stream.
 *
 * This file is its life: start, streams opened and forgotten here, keepalive, and the three ways to
 * end. Whatever is to be sent is kept as flags and counters in the session and its streams until
 * the layer below draws; the only queue holds encoded frames that have no stream (pongs, refusals)
 * and has a maximum.
 *
 * A session that fails does not vanish at once: it ignores what still arrives, lets GoAway be drawn
 * and then ends, so that the peer learns why.
 */
#include "mux/yamux.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "stack/upgrade.h"

enum {
    SILENT_MAX = 3 /* intervals without an answer to a ping; then the peer is taken for dead */
};

static const p2p_conn_ops conn_ops;
static const p2p_layer_ops layer_ops;

static p2p_yamux_session *of_conn(const p2p_conn *conn) {
    return P2P_CONTAINER(conn, p2p_yamux_session, conn);
}

void p2p_yamux_end(
    p2p_yamux_session *y, p2p_err err, bool by_peer, uint32_t code, const char *why) {
    if (y->over)
        return;
    y->over = true;
    p2p_timer_set(&y->conn.env->timers, &y->timer, P2P_NEVER);
    p2p_conn_ended(&y->conn, err, by_peer, code, why);
}

void p2p_yamux_fail(p2p_yamux_session *y, p2p_err err, uint32_t code, const char *why) {
    if (y->failed != P2P_OK || y->peer_gone || y->over)
        return;
    y->failed = err;
    y->why = why;
    y->goaway_code = code;
    y->goaway_due = true;
    y->body = NULL;
    /* A peer that does not read cannot be told: the wait for it is bounded. */
    p2p_timer_set(&y->conn.env->timers, &y->timer, y->conn.env->now + y->conn.env->timeouts->close);
    p2p_wire_wake(y->layer.wire);
}

void p2p_yamux_owe(p2p_yamux_session *y, const p2p_yamux_frame *frame) {
    uint8_t bytes[P2P_YAMUX_HEADER_LEN];
    p2p_yamux_frame_encode(frame, bytes);
    p2p_err err = p2p_buf_append(&y->owed, p2p_bytes_of(bytes, sizeof bytes));
    if (err == P2P_ERR_TOO_BIG)
        p2p_yamux_fail(y, P2P_ERR_LIMIT, P2P_CODE_RESOURCE_LIMIT_EXCEEDED,
            "the peer opens more yamux streams than it may and does not read the refusals");
    else if (err != P2P_OK)
        p2p_yamux_fail(y, err, P2P_YAMUX_INTERNAL_ERROR, "no memory for a yamux frame");
    p2p_wire_wake(y->layer.wire);
}

void p2p_yamux_detach(p2p_yamux_session *y, p2p_yamux_stream *s) {
    if (s->id == 0)
        return;
    p2p_map_remove(&y->streams, s->id);
    p2p_list_remove(&s->node);
    if (y->body == s)
        y->body = NULL;
    if (s->unacked)
        y->unacked--;
    s->unacked = false;
    s->id = 0;
    /* The last stream of a session that is ending may have been what it waited for. */
    if (y->closing || y->peer_going)
        p2p_wire_wake(y->layer.wire);
}

uint32_t p2p_yamux_window_start(const p2p_yamux_session *y) {
    size_t want = y->conn.env->limits->window_initial;
    if (want > y->window_max)
        want = y->window_max;
    return want > P2P_YAMUX_WINDOW_INITIAL ? (uint32_t)want : P2P_YAMUX_WINDOW_INITIAL;
}

static p2p_err open_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_yamux_session *y = of_conn(conn);
    if (y->over || y->closing || y->peer_going || y->failed != P2P_OK || y->next_id == 0)
        return P2P_ERR_STATE;
    /* spec: yamux #ack-backlog--backpressure: implementations SHOULD at most allow an ACK backlog
     * of 256 streams. */
    if (y->unacked >= P2P_YAMUX_UNACKED_MAX)
        return P2P_ERR_AGAIN;
    p2p_yamux_stream *s = p2p_stream_mux(stream);
    p2p_err err = p2p_map_put(&y->streams, y->next_id, s);
    if (err != P2P_OK)
        return err;
    s->id = y->next_id;
    y->next_id = y->next_id > UINT32_MAX - 2 ? 0 : y->next_id + 2;
    s->send_window = s->recv_window = P2P_YAMUX_WINDOW_INITIAL;
    s->window = p2p_yamux_window_start(y);
    s->syn_due = s->unacked = true;
    y->unacked++;
    return P2P_OK;
}

/* What has to be said waits in the stream until there is room for it. */
static void wake_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_yamux_session *y = of_conn(conn);
    p2p_yamux_stream *s = p2p_stream_mux(stream);
    uint32_t code;
    if (s->id == 0 || y->over)
        return;
    s->reset_due = p2p_stream_reset_wanted(stream, &code);
    if (s->reset_due && s->syn_due) {
        /* The peer never heard of it. */
        p2p_yamux_detach(y, s);
        p2p_stream_tx_done(stream);
        return;
    }
    s->unread -= (uint32_t)p2p_stream_rx_taken(stream);
    p2p_yamux_schedule(y, s);
}

static void forget_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_yamux_detach(of_conn(conn), p2p_stream_mux(stream));
}

static void close_session(p2p_conn *conn, uint32_t code) {
    p2p_yamux_session *y = of_conn(conn);
    if (y->over || y->closing || y->failed != P2P_OK)
        return;
    y->closing = y->goaway_due = true;
    y->goaway_code = code;
    p2p_wire_wake(y->layer.wire);
}

static void abort_session(p2p_conn *conn, uint32_t code) {
    p2p_yamux_session *y = of_conn(conn);
    (void)code; /* there is no wire left to tell it on */
    y->over = true;
    p2p_timer_set(&y->conn.env->timers, &y->timer, P2P_NEVER);
}

static void free_session(p2p_conn *conn) {
    p2p_yamux_session *y = of_conn(conn);
    p2p_env *env = conn->env;
    p2p_map_deinit(&y->streams);
    p2p_buf_deinit(&y->owed);
    p2p_timers_forget(&env->timers, &y->timer);
    p2p_conn_deinit(conn);
    p2p_mem_free(env->mem, y, sizeof *y);
}

static p2p_time round_trip(const p2p_conn *conn) {
    return of_conn(conn)->rtt;
}

static void end_as_told(p2p_yamux_session *y) {
    p2p_yamux_end(y, P2P_ERR_RESET, true, y->peer_code, "the peer ended the connection");
}

/* The end of what the peer sends. After its GoAway that is good order; inside a frame it is not. */
static p2p_err end_of_input(p2p_layer *layer) {
    p2p_yamux_session *y = p2p_yamux_of_layer(layer);
    if (y->failed != P2P_OK)
        p2p_yamux_end(y, y->failed, false, 0, y->why);
    else if (y->peer_gone)
        end_as_told(y);
    else if (y->head_len > 0 || y->body_left > 0)
        p2p_yamux_end(y, P2P_ERR_RESET, true, 0, "the connection broke off inside a yamux frame");
    else
        p2p_yamux_end(y, P2P_ERR_EOF, true, 0, NULL);
    return P2P_OK;
}

/* The connection's ops->free frees session and layer together. */
static void free_layer(p2p_layer *layer) {
    (void)layer;
}

static void keep_alive(p2p_timer *timer, p2p_time now) {
    p2p_yamux_session *y = P2P_CONTAINER(timer, p2p_yamux_session, timer);
    p2p_env *env = y->conn.env;
    if (y->failed != P2P_OK) {
        p2p_yamux_end(y, y->failed, false, 0, y->why);
        return;
    }
    if (y->peer_gone) {
        end_as_told(y);
        return;
    }
    y->silent = y->heard ? 0 : y->silent + 1;
    y->heard = false;
    if (y->silent > SILENT_MAX) {
        p2p_yamux_end(y, P2P_ERR_TIMEOUT, false, 0, "the peer does not answer yamux pings");
        return;
    }
    if (y->silent > 0 && !y->ping_away && !y->ping_due) {
        y->ping_due = true;
        p2p_wire_wake(y->layer.wire);
    }
    p2p_timer_set(&env->timers, &y->timer, now + y->keepalive);
}

static p2p_err start(
    p2p_layer **layer, p2p_conn **conn, p2p_env *env, p2p_wire *wire, bool initiator) {
    p2p_yamux_session *y = p2p_mem_alloc(env->mem, sizeof *y);
    if (y == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_conn_init(&y->conn, &conn_ops, env, initiator);
    if (err != P2P_OK)
        goto free_memory;
    err = p2p_timers_expect(&env->timers, &y->timer, keep_alive);
    if (err != P2P_OK)
        goto deinit_conn;
    uint64_t seed = 0;
    p2p_env_random(env, &seed, sizeof seed);
    p2p_map_init(&y->streams, env->mem, seed);
    p2p_buf_init(&y->owed, env->mem, P2P_YAMUX_OWED_MAX * P2P_YAMUX_HEADER_LEN);
    p2p_list_init(&y->urgent);
    p2p_list_init(&y->sending);
    y->layer = (p2p_layer){.ops = &layer_ops, .wire = wire};
    y->next_id = initiator ? 1 : 2;
    /* The first thing that is sent anyway takes a ping with it, to learn the round-trip time. */
    y->ping_due = true;
    y->window_max =
        env->limits->window_max < INT32_MAX ? (uint32_t)env->limits->window_max : INT32_MAX;
    y->keepalive = env->timeouts->keepalive;
    if (y->keepalive > 0)
        p2p_timer_set(&env->timers, &y->timer, env->now + y->keepalive);
    *layer = &y->layer;
    *conn = &y->conn;
    return P2P_OK;

deinit_conn:
    p2p_conn_deinit(&y->conn);
free_memory:
    p2p_mem_free(env->mem, y, sizeof *y);
    return err;
}

static const p2p_layer_ops layer_ops = {
    .name = "yamux",
    .feed = p2p_yamux_feed,
    .draw = p2p_yamux_draw,
    .eof = end_of_input,
    .free = free_layer,
};

static const p2p_conn_ops conn_ops = {
    .stream_size = sizeof(p2p_yamux_stream),
    .open = open_stream,
    .wake = wake_stream,
    .forget = forget_stream,
    .close = close_session,
    .abort = abort_session,
    .free = free_session,
    .rtt = round_trip,
};

const p2p_muxer p2p_yamux = {"/yamux/1.0.0", start};
