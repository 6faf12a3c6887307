/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all connections have in common: identity, counters, the idle time-out, and an orderly end.
 * The end comes in two steps, because callbacks may still be running: p2p_conn_ended closes the
 * carrier and ends the streams at once; the memory goes when the swarm has reported it
 * (p2p_conn_bury).
 */
#include "stack/conn.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/stream.h"

static void timer_fired(p2p_timer *timer, p2p_time now) {
    (void)now;
    p2p_conn *conn = P2P_CONTAINER(timer, p2p_conn, timer);
    if (conn->state == P2P_CONN_OPEN)
        p2p_conn_close(conn, P2P_CODE_GARBAGE_COLLECTED); /* idle for too long */
    else if (conn->state == P2P_CONN_CLOSING)
        p2p_conn_abort(conn, P2P_CODE_NONE);
}

p2p_err p2p_conn_init(p2p_conn *conn, const p2p_conn_ops *ops, p2p_env *env, bool outbound) {
    conn->ops = ops;
    conn->env = env;
    conn->outbound = outbound;
    conn->transport = conn->security = conn->muxer = "";
    conn->started = conn->opened = env->now;
    conn->id = ++env->next_id;
    p2p_list_init(&conn->streams);
    return p2p_timers_expect(&env->timers, &conn->timer, timer_fired);
}

void p2p_conn_deinit(p2p_conn *conn) {
    p2p_timers_forget(&conn->env->timers, &conn->timer);
    p2p_mem_free(conn->env->mem, (void *)conn->public_key.ptr, conn->public_key.len);
    conn->public_key = (p2p_bytes){0};
    p2p_list_remove(&conn->node);
}

p2p_err p2p_conn_authenticated(p2p_conn *conn, const p2p_peer_id *peer, p2p_bytes public_key) {
    conn->peer = *peer;
    conn->public_key.ptr = p2p_mem_copy(conn->env->mem, public_key);
    conn->public_key.len = conn->public_key.ptr == NULL ? 0 : public_key.len;
    return conn->public_key.ptr == NULL && public_key.len > 0 ? P2P_ERR_NO_MEMORY : P2P_OK;
}

/* --- streams --- */

static void arm_idle(p2p_conn *conn) {
    p2p_env *env = conn->env;
    if (conn->state != P2P_CONN_OPEN)
        return;
    bool idle = conn->inbound_streams + conn->outbound_streams == 0 && env->timeouts->idle > 0;
    p2p_timer_set(&env->timers, &conn->timer, idle ? env->now + env->timeouts->idle : P2P_NEVER);
}

p2p_err p2p_conn_admit_stream(const p2p_conn *conn, bool outbound) {
    const p2p_limits *limits = conn->env->limits;
    if (conn->state == P2P_CONN_ENDED)
        return P2P_ERR_STATE;
    if (conn->env->stream_count >= limits->streams)
        return P2P_ERR_LIMIT;
    if (outbound)
        return conn->outbound_streams < limits->streams_outbound_per_conn ? P2P_OK : P2P_ERR_LIMIT;
    return conn->inbound_streams < limits->streams_inbound_per_conn ? P2P_OK : P2P_ERR_LIMIT;
}

void p2p_conn_stream_came(p2p_conn *conn, bool outbound) {
    if (outbound)
        conn->outbound_streams++;
    else
        conn->inbound_streams++;
    arm_idle(conn);
}

void p2p_conn_stream_gone(p2p_conn *conn, bool outbound) {
    if (outbound)
        conn->outbound_streams--;
    else
        conn->inbound_streams--;
    arm_idle(conn);
}

/* --- the end --- */

static void end_conn(p2p_conn *conn, p2p_err err, bool by_peer, uint32_t remote_code,
    const char *text, bool keep_unread) {
    if (conn->state == P2P_CONN_ENDED)
        return;
    /* A connection that was being closed ends as closed, however its last bytes went. */
    if (conn->state == P2P_CONN_CLOSING &&
        (err == P2P_ERR_EOF || err == P2P_ERR_RESET || err == P2P_OK)) {
        err = P2P_ERR_CLOSED;
        by_peer = false;
        text = NULL;
    }
    conn->state = P2P_CONN_ENDED;
    p2p_timer_set(&conn->env->timers, &conn->timer, P2P_NEVER);
    for (p2p_stream *stream = NULL; (stream = p2p_conn_next_stream(conn, stream)) != NULL;)
        p2p_stream_conn_ended(stream, err, keep_unread);
    if (conn->carrier != NULL)
        conn->carrier->ended(conn->carrier, err != P2P_ERR_CLOSED && err != P2P_ERR_EOF);
    p2p_reason reason = {.err = err, .by_peer = by_peer, .remote_code = remote_code};
    snprintf(reason.text, sizeof reason.text, "%s", text != NULL ? text : p2p_err_text(err));
    if (conn->events != NULL)
        conn->events->ended(conn, &reason);
}

void p2p_conn_ended(
    p2p_conn *conn, p2p_err err, bool by_peer, uint32_t remote_code, const char *text) {
    end_conn(conn, err, by_peer, remote_code, text, true);
}

void p2p_conn_close(p2p_conn *conn, uint32_t code) {
    if (conn->state != P2P_CONN_OPEN)
        return;
    conn->state = P2P_CONN_CLOSING;
    p2p_timer_set(&conn->env->timers, &conn->timer, conn->env->now + conn->env->timeouts->close);
    conn->ops->close(conn, code);
}

void p2p_conn_abort(p2p_conn *conn, uint32_t code) {
    if (conn->state == P2P_CONN_ENDED)
        return;
    conn->ops->abort(conn, code);
    end_conn(conn, P2P_ERR_CLOSED, false, 0, NULL, false);
}

static void free_conn(p2p_dead *dead) {
    p2p_conn *conn = P2P_CONTAINER(dead, p2p_conn, dead);
    p2p_carrier *carrier = conn->carrier;
    conn->ops->free(conn);
    if (carrier != NULL)
        carrier->free(carrier);
}

void p2p_conn_bury(p2p_conn *conn) {
    p2p_env_bury(conn->env, &conn->dead, free_conn);
}

/* --- questions --- */

uint64_t p2p_conn_id(const p2p_conn *conn) {
    return conn->id;
}

p2p_host *p2p_conn_host(const p2p_conn *conn) {
    return conn->env->host;
}

const p2p_peer_id *p2p_conn_peer(const p2p_conn *conn) {
    return &conn->peer;
}

p2p_bytes p2p_conn_public_key(const p2p_conn *conn) {
    return conn->public_key;
}

bool p2p_conn_outbound(const p2p_conn *conn) {
    return conn->outbound;
}

bool p2p_conn_limited(const p2p_conn *conn) {
    return conn->limited;
}

const p2p_multiaddr *p2p_conn_local(const p2p_conn *conn) {
    return &conn->local;
}

const p2p_multiaddr *p2p_conn_remote(const p2p_conn *conn) {
    return &conn->remote;
}

const char *p2p_conn_transport(const p2p_conn *conn) {
    return conn->transport;
}

const char *p2p_conn_security(const p2p_conn *conn) {
    return conn->security;
}

const char *p2p_conn_muxer(const p2p_conn *conn) {
    return conn->muxer;
}

void p2p_conn_get_stats(const p2p_conn *conn, p2p_conn_stats *stats) {
    *stats = (p2p_conn_stats){.opened = conn->opened,
        .setup = conn->opened - conn->started,
        .rtt = conn->ops->rtt == NULL ? 0 : conn->ops->rtt(conn),
        .bytes_in = conn->bytes_in,
        .bytes_out = conn->bytes_out,
        .streams = conn->inbound_streams + conn->outbound_streams};
}

void p2p_conn_set_user(p2p_conn *conn, void *user) {
    conn->user = user;
}

void *p2p_conn_user(const p2p_conn *conn) {
    return conn->user;
}
