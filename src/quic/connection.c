/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a connection is made and how it ends. The end is one function, p2p_quic_conn_shut: it writes
 * CONNECTION_CLOSE if that is due, leaves the connection ids to a tomb, and frees all that ngtcp2
 * and TLS hold. The struct itself goes at the end of the turn, since hooks may stand on it.
 */
#include "quic/connection.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"

enum {
    FIRST_CID_LEN = 16, /* of the id a client makes up for its server; 8 at least */
    CIDS_MAX = 16,
    /* All we say about ourselves of the peer's ids: enough to move to a new path a few times. */
    PEER_CIDS = 4
};

/*
 * A connection on which nothing is heard is given up after this time, go-libp2p's. A host that
 * sends no keep-alives does not count either.
 */
static const p2p_time IDLE = 30 * P2P_SECOND;

/*
 * A keep-alive goes when five sixths of the time have passed. If it is lost, it is repeated after a
 * probe time-out, which the rest has room for several times; NATs forget after 30 seconds at the
 * earliest; and each one wakes two processes.
 */
static p2p_time keep_alive_after(p2p_time idle) {
    return idle / 6 * 5;
}

/* --- making --- */

static void qlog_write(void *user, uint32_t flags, const void *data, size_t len) {
    p2p_quic_conn *conn = user;
    const p2p_qlog *qlog = &conn->endpoint->env->qlog;
    p2p_qlog_piece piece = {.number = conn->number,
        .outbound = conn->outbound,
        .cid = p2p_bytes_of(conn->first.data, conn->first.datalen),
        .bytes = p2p_bytes_of(data, len),
        .end = (flags & NGTCP2_QLOG_WRITE_FLAG_FIN) != 0};
    qlog->write(qlog->ctx, &piece);
}

static void fill_settings(p2p_quic_conn *conn, ngtcp2_settings *settings) {
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    static const uint16_t probes[] = {
        P2P_QUIC_PAYLOAD_ETHERNET, P2P_QUIC_PAYLOAD_JUMBO, P2P_QUIC_PAYLOAD_MAX};
    p2p_quic_endpoint *endpoint = conn->endpoint;
    ngtcp2_settings_default(settings);
    settings->initial_ts = endpoint->env->now;
    settings->cc_algo = NGTCP2_CC_ALGO_CUBIC;
    settings->max_tx_udp_payload_size = P2P_QUIC_PAYLOAD_MAX;
    settings->pmtud_probes = probes;
    settings->pmtud_probeslen = P2P_COUNT(probes);
    settings->handshake_timeout =
        conn->handshake_timeout > 0 ? conn->handshake_timeout : UINT64_MAX;
    settings->rand_ctx.native_handle = endpoint->env;
    settings->preferred_versions = settings->available_versions = versions;
    settings->preferred_versionslen = settings->available_versionslen = P2P_COUNT(versions);
    if (endpoint->env->qlog.write != NULL)
        settings->qlog_write = qlog_write;
}

static void fill_params(p2p_quic_conn *conn, ngtcp2_transport_params *params) {
    const p2p_env *env = conn->endpoint->env;
    const p2p_limits *limits = env->limits;
    uint64_t stream = limits->window_initial, all = 2 * stream;
    ngtcp2_transport_params_default(params);
    params->initial_max_stream_data_bidi_local = stream;
    params->initial_max_stream_data_bidi_remote = stream;
    params->initial_max_stream_data_uni = conn->app->uni_streams > 0 ? stream : 0;
    params->initial_max_data = all < limits->conn_window_max ? all : limits->conn_window_max;
    conn->window = (p2p_quic_window){.size = (size_t)params->initial_max_data, .since = env->now};
    params->initial_max_streams_bidi =
        limits->streams_inbound_per_conn < 256 ? limits->streams_inbound_per_conn : 256;
    params->initial_max_streams_uni = conn->app->uni_streams;
    params->max_datagram_frame_size = conn->app->datagram_max;
    params->max_idle_timeout = env->timeouts->keepalive > 0 ? IDLE : 0;
    params->active_connection_id_limit = PEER_CIDS;
    /* grease_quic_bit stays off: other protocols on the port are told apart by that bit. */
}

static void sock_opened(p2p_udp_user *user);

static void sock_closed(p2p_udp_user *user, p2p_err err) {
    p2p_quic_conn *conn = P2P_CONTAINER(user, p2p_quic_conn, user);
    p2p_reason reason = {.err = err};
    snprintf(reason.text, sizeof reason.text, "the UDP socket failed: %s", p2p_err_text(err));
    conn->sender.sock = NULL;
    p2p_quic_conn_report(conn, &reason);
}

static p2p_quic_conn *new_conn(
    p2p_quic_endpoint *endpoint, const p2p_quic_app *app, void *ctx, bool outbound) {
    p2p_env *env = endpoint->env;
    p2p_quic_conn *conn = p2p_mem_alloc(env->mem, sizeof *conn);
    if (conn == NULL)
        return NULL;
    if (p2p_timers_expect(&env->timers, &conn->timer, p2p_quic_conn_fire) != P2P_OK) {
        p2p_mem_free(env->mem, conn, sizeof *conn);
        return NULL;
    }
    conn->endpoint = endpoint;
    conn->mem = env->mem;
    conn->app = app;
    conn->ctx = ctx;
    conn->outbound = outbound;
    conn->started = env->now;
    conn->number = ++endpoint->numbers;
    conn->sender.draw = p2p_quic_conn_draw;
    conn->user.opened = sock_opened;
    conn->user.closed = sock_closed;
    p2p_list_init(&conn->sending);
    p2p_list_push(&endpoint->conns, &conn->node);
    endpoint->counters.conns++;
    if (!outbound)
        endpoint->counters.half_open++;
    return conn;
}

static p2p_err random_cid(p2p_quic_conn *conn, ngtcp2_cid *cid) {
    cid->datalen = P2P_QUIC_CID_LEN;
    p2p_env_random(conn->endpoint->env, cid->data, cid->datalen);
    return p2p_map_put(&conn->endpoint->cids, p2p_quic_cid_key(cid->data), &conn->route);
}

static p2p_err start_tls(p2p_quic_conn *conn) {
    p2p_quic_endpoint *endpoint = conn->endpoint;
    p2p_quic_tls_params params = {.context = endpoint->tls,
        .conn = conn,
        .ng = conn->ng,
        .hooks = &p2p_quic_handshake_hooks,
        .server = !conn->outbound};
    if (conn->outbound) {
        p2p_err err = conn->app->credentials(conn->ctx, &params.own);
        if (err != P2P_OK)
            return err;
        params.alpn[params.alpn_count++] = conn->app->alpn;
    } else {
        const p2p_list *all = &endpoint->listeners;
        for (p2p_list *node = all->next; node != all; node = node->next) {
            const p2p_quic_listener *listener = P2P_CONTAINER(node, p2p_quic_listener, node);
            if (listener->sock == conn->user.sock && params.alpn_count < P2P_QUIC_ALPN_MAX)
                params.alpn[params.alpn_count++] = listener->app->alpn;
        }
    }
    return p2p_quic_tls_session_new(&conn->tls, &params);
}

static p2p_err start_client(p2p_quic_conn *conn) {
    p2p_quic_endpoint *endpoint = conn->endpoint;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    p2p_quic_path path;
    ngtcp2_cid scid;
    p2p_err err = random_cid(conn, &scid);
    if (err != P2P_OK)
        return err;
    conn->first.datalen = FIRST_CID_LEN;
    p2p_env_random(endpoint->env, conn->first.data, conn->first.datalen);
    p2p_quic_callbacks(&callbacks);
    fill_settings(conn, &settings);
    fill_params(conn, &params);
    conn->path_local = *p2p_udp_local(conn->user.sock);
    p2p_quic_path_of(&path, &conn->path_local, &conn->remote);
    if (ngtcp2_conn_client_new(&conn->ng, &conn->first, &scid, &path.path, NGTCP2_PROTO_VER_V1,
            &callbacks, &settings, &params, &endpoint->mem, conn) != 0) {
        conn->ng = NULL; /* freed, but not cleared */
        p2p_map_remove(&endpoint->cids, p2p_quic_cid_key(scid.data));
        return P2P_ERR_NO_MEMORY;
    }
    return start_tls(conn);
}

static void sock_opened(p2p_udp_user *user) {
    p2p_quic_conn *conn = P2P_CONTAINER(user, p2p_quic_conn, user);
    conn->sender.sock = user->sock;
    p2p_err err = start_client(conn);
    if (err == P2P_OK) {
        p2p_udp_want(&conn->sender);
        return;
    }
    p2p_reason reason = {.err = err};
    snprintf(reason.text, sizeof reason.text, "could not start a QUIC connection: %s",
        p2p_err_text(err));
    p2p_quic_conn_report(conn, &reason);
}

p2p_err p2p_quic_dial(
    p2p_quic_endpoint *endpoint, p2p_quic_conn **out, const p2p_quic_dial_params *params) {
    p2p_quic_conn *conn = new_conn(endpoint, params->app, params->ctx, true);
    *out = conn;
    if (conn == NULL)
        return P2P_ERR_NO_MEMORY;
    conn->self = params->self;
    conn->remote = params->remote;
    conn->handshake_timeout = params->timeout;
    p2p_err err = p2p_udp_dial(endpoint->udp, &conn->user, &params->remote);
    if (err != P2P_OK) {
        p2p_quic_conn_shut(conn, NULL);
        *out = NULL;
    }
    return err;
}

static p2p_err start_server(p2p_quic_conn *conn, const p2p_quic_arrival *in,
    const ngtcp2_pkt_hd *hd, const ngtcp2_cid *original) {
    p2p_quic_endpoint *endpoint = conn->endpoint;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    p2p_quic_path path;
    ngtcp2_cid scid;
    p2p_err err = random_cid(conn, &scid);
    if (err != P2P_OK)
        return err;
    p2p_quic_callbacks(&callbacks);
    fill_settings(conn, &settings);
    fill_params(conn, &params);
    conn->first = params.original_dcid = original == NULL ? hd->dcid : *original;
    params.original_dcid_present = 1;
    if (original != NULL) {
        params.retry_scid = hd->dcid;
        params.retry_scid_present = 1;
        settings.token = hd->token;
        settings.tokenlen = hd->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    params.stateless_reset_token_present = 1;
    p2p_quic_reset_token(endpoint, params.stateless_reset_token, scid.data, scid.datalen);
    conn->path_local = *p2p_udp_local(in->sock);
    p2p_quic_path_of(&path, &conn->path_local, &in->from->remote);
    if (ngtcp2_conn_server_new(&conn->ng, &hd->scid, &scid, &path.path, hd->version, &callbacks,
            &settings, &params, &endpoint->mem, conn) != 0) {
        conn->ng = NULL; /* freed, but not cleared */
        p2p_map_remove(&endpoint->cids, p2p_quic_cid_key(scid.data));
        return P2P_ERR_NO_MEMORY;
    }
    uint64_t key = p2p_quic_initial_key(
        endpoint, p2p_bytes_of(hd->dcid.data, hd->dcid.datalen), &in->from->remote);
    err = p2p_map_put(&endpoint->initials, key, &conn->route);
    if (err != P2P_OK)
        return err;
    conn->initial_key = key;
    return start_tls(conn);
}

void p2p_quic_conn_accept(p2p_quic_endpoint *endpoint, const p2p_quic_listener *listener,
    const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd, const ngtcp2_cid *original) {
    p2p_quic_conn *conn = new_conn(endpoint, listener->app, listener->ctx, false);
    if (conn == NULL) {
        /* The application admitted it and waits to hear of its end. */
        listener->app->lost(listener->ctx, &in->from->remote, P2P_ERR_NO_MEMORY);
        return;
    }
    conn->remote = in->from->remote;
    conn->local = in->from->local;
    conn->handshake_timeout = endpoint->env->timeouts->accept;
    p2p_udp_share(in->sock, &conn->user);
    conn->sender.sock = in->sock;
    p2p_err err = start_server(conn, in, hd, original);
    if (err == P2P_OK) {
        p2p_quic_conn_datagram(conn, in);
        return;
    }
    p2p_reason reason = {.err = err};
    snprintf(
        reason.text, sizeof reason.text, "could not take a QUIC connection: %s", p2p_err_text(err));
    p2p_quic_conn_report(conn, &reason);
}

/* --- the end --- */

static void free_conn(p2p_dead *dead) {
    p2p_quic_conn *conn = P2P_CONTAINER(dead, p2p_quic_conn, dead);
    p2p_mem_free(conn->mem, conn, sizeof *conn);
}

/* The ids that lead here, out of the tables. */
static size_t take_cids(p2p_quic_conn *conn, ngtcp2_cid cids[CIDS_MAX]) {
    p2p_quic_endpoint *endpoint = conn->endpoint;
    size_t count = ngtcp2_conn_get_scid(conn->ng, NULL);
    if (count > CIDS_MAX)
        count = 0; /* ngtcp2 never has more than nine */
    else
        ngtcp2_conn_get_scid(conn->ng, cids);
    for (size_t i = 0; i < count; i++)
        if (cids[i].datalen == P2P_QUIC_CID_LEN)
            p2p_map_remove(&endpoint->cids, p2p_quic_cid_key(cids[i].data));
    if (conn->initial_key != 0)
        p2p_map_remove(&endpoint->initials, conn->initial_key);
    if (p2p_map_get(&endpoint->resets, conn->reset_key) == conn)
        p2p_map_remove(&endpoint->resets, conn->reset_key);
    return count;
}

static p2p_bytes write_close(p2p_quic_conn *conn, const ngtcp2_ccerr *why, uint8_t *packet) {
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_path_storage_zero(&path);
    ngtcp2_ssize len = ngtcp2_conn_write_connection_close(conn->ng, &path.path, &info, packet,
        P2P_QUIC_PAYLOAD_ETHERNET, why, conn->endpoint->env->now);
    if (len <= 0)
        return (p2p_bytes){0};
    p2p_quic_sockaddr_to(&conn->remote, path.path.remote.addr);
    return p2p_bytes_of(packet, (size_t)len);
}

static void leave_tomb(p2p_quic_conn *conn, const ngtcp2_ccerr *why) {
    uint8_t packet[P2P_QUIC_PAYLOAD_ETHERNET];
    ngtcp2_cid cids[CIDS_MAX];
    p2p_bytes last = {0};
    if (why != NULL)
        last = write_close(conn, why, packet);
    size_t count = take_cids(conn, cids);
    if (conn->user.sock == NULL)
        return;
    if (last.len > 0) {
        p2p_sockaddr source = p2p_quic_conn_source(conn);
        p2p_err lost = p2p_udp_send(conn->user.sock, &conn->remote, &source, last);
        (void)lost; /* the peer's idle time-out tells it as well */
    }
    p2p_quic_bury(conn->endpoint, conn->user.sock, cids, count, conn->initial_key, last);
}

void p2p_quic_conn_shut(p2p_quic_conn *conn, const ngtcp2_ccerr *why) {
    p2p_quic_endpoint *endpoint = conn->endpoint;
    p2p_env *env = endpoint->env;
    if (conn->over)
        return;
    conn->over = true;
    if (conn->ng != NULL)
        leave_tomb(conn, why);
    while (p2p_list_pop(&conn->sending) != NULL) {
    }
    p2p_udp_unwant(&conn->sender);
    conn->sender.sock = NULL;
    p2p_udp_release(&conn->user);
    p2p_quic_tls_session_free(conn->tls);
    ngtcp2_conn_del(conn->ng);
    conn->tls = NULL;
    conn->ng = NULL;
    p2p_quic_conn_drop_held(conn);
    p2p_mem_free(env->mem, (void *)conn->datagram.ptr, conn->datagram.len);
    p2p_timers_forget(&env->timers, &conn->timer);
    p2p_list_remove(&conn->node);
    endpoint->counters.conns--;
    if (!conn->outbound && !conn->established)
        endpoint->counters.half_open--;
    p2p_env_bury(env, &conn->dead, free_conn);
}

void p2p_quic_conn_report(p2p_quic_conn *conn, const p2p_reason *reason) {
    p2p_quic_conn_shut(conn, NULL);
    conn->app->closed(conn, reason);
}

static void close_now(p2p_quic_conn *conn, uint64_t code) {
    ngtcp2_ccerr why;
    ngtcp2_ccerr_set_application_error(&why, code, NULL, 0);
    p2p_quic_conn_shut(conn, &why);
}

void p2p_quic_conn_close(p2p_quic_conn *conn, uint64_t code) {
    if (conn->over || conn->closing)
        return;
    if (!conn->busy) {
        close_now(conn, code);
        return;
    }
    conn->closing = true;
    conn->close_code = code;
}

void p2p_quic_conn_finish(p2p_quic_conn *conn, uint64_t code) {
    conn->finishing = true;
    conn->close_code = code;
    p2p_udp_want(&conn->sender);
}

void p2p_quic_conn_end_finished(p2p_quic_conn *conn) {
    p2p_reason reason = {.err = P2P_ERR_CLOSED};
    snprintf(reason.text, sizeof reason.text, "%s", p2p_err_text(P2P_ERR_CLOSED));
    close_now(conn, conn->close_code);
    conn->app->closed(conn, &reason);
}

void p2p_quic_conn_settle(p2p_quic_conn *conn) {
    if (conn->over || conn->busy)
        return;
    if (conn->closing) {
        close_now(conn, conn->close_code);
        return;
    }
    if (conn->failure != P2P_OK) {
        p2p_quic_conn_fail(conn, NGTCP2_ERR_NOMEM);
        return;
    }
    if (conn->drop_tls && conn->tls != NULL) {
        p2p_quic_tls_session_free(conn->tls);
        conn->tls = NULL;
    }
}

void p2p_quic_conn_fail(p2p_quic_conn *conn, int rv) {
    p2p_reason reason;
    ngtcp2_ccerr why;
    conn->busy = false;
    if (conn->over)
        return;
    if (conn->closing) {
        close_now(conn, conn->close_code);
        return;
    }
    bool tell = p2p_quic_explain(conn, rv, &reason, &why);
    p2p_quic_conn_shut(conn, tell ? &why : NULL);
    conn->app->closed(conn, &reason);
}

void p2p_quic_abandon(p2p_quic_endpoint *endpoint, const void *ctx) {
    p2p_reason reason = {.err = P2P_ERR_SHUTDOWN};
    for (p2p_list *node = endpoint->conns.next, *next; node != &endpoint->conns; node = next) {
        p2p_quic_conn *conn = P2P_CONTAINER(node, p2p_quic_conn, node);
        next = node->next;
        if (conn->ctx != ctx)
            continue;
        p2p_quic_conn_report(conn, &reason);
        p2p_list_remove(&conn->dead.node);
        free_conn(&conn->dead);
    }
}

/* The host is gone: applications have closed all connections they knew; handshakes remain. */
void p2p_quic_conns_clear(p2p_quic_endpoint *endpoint) {
    while (!p2p_list_empty(&endpoint->conns)) {
        p2p_quic_conn *conn = P2P_CONTAINER(endpoint->conns.next, p2p_quic_conn, node);
        p2p_quic_conn_shut(conn, NULL);
        p2p_list_remove(&conn->dead.node);
        free_conn(&conn->dead);
    }
}

/* --- questions and settings --- */

void p2p_quic_conn_set_self(p2p_quic_conn *conn, void *self) {
    conn->self = self;
}

void *p2p_quic_conn_self(const p2p_quic_conn *conn) {
    return conn->self;
}

void *p2p_quic_conn_ctx(const p2p_quic_conn *conn) {
    return conn->ctx;
}

p2p_env *p2p_quic_conn_env(const p2p_quic_conn *conn) {
    return conn->endpoint->env;
}

bool p2p_quic_conn_outbound(const p2p_quic_conn *conn) {
    return conn->outbound;
}

const p2p_sockaddr *p2p_quic_conn_remote(const p2p_quic_conn *conn) {
    return &conn->remote;
}

void p2p_quic_conn_local(const p2p_quic_conn *conn, p2p_sockaddr *local) {
    *local = (p2p_sockaddr){0};
    if (conn->user.sock != NULL)
        *local = *p2p_udp_local(conn->user.sock);
    if (conn->local.family != 0)
        memcpy(local->ip, conn->local.ip, sizeof local->ip);
}

bool p2p_quic_conn_is_established(const p2p_quic_conn *conn) {
    return conn->established;
}

p2p_time p2p_quic_conn_started(const p2p_quic_conn *conn) {
    return conn->started;
}

p2p_time p2p_quic_conn_rtt(const p2p_quic_conn *conn) {
    ngtcp2_conn_info info;
    if (conn->ng == NULL)
        return 0;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    return info.latest_rtt;
}

void p2p_quic_conn_keep_alive(p2p_quic_conn *conn, bool on) {
    const p2p_env *env = conn->endpoint->env;
    const ngtcp2_transport_params *theirs;
    conn->keep_alive = on && env->timeouts->keepalive > 0;
    if (conn->ng == NULL || (theirs = ngtcp2_conn_get_remote_transport_params(conn->ng)) == NULL)
        return;
    p2p_time idle = ngtcp2_conn_get_local_transport_params(conn->ng)->max_idle_timeout;
    if (theirs->max_idle_timeout > 0 && theirs->max_idle_timeout < idle)
        idle = theirs->max_idle_timeout;
    p2p_time apart = keep_alive_after(idle);
    if (env->timeouts->keepalive < apart)
        apart = env->timeouts->keepalive;
    ngtcp2_conn_set_keep_alive_timeout(conn->ng, conn->keep_alive ? apart : UINT64_MAX);
}

size_t p2p_quic_conn_datagram_max(const p2p_quic_conn *conn) {
    enum { OVERHEAD = 64 }; /* short header, frame header, tag */

    const ngtcp2_transport_params *theirs;
    if (conn->ng == NULL || (theirs = ngtcp2_conn_get_remote_transport_params(conn->ng)) == NULL)
        return 0;
    size_t path = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->ng) - OVERHEAD;
    return theirs->max_datagram_frame_size < path ? (size_t)theirs->max_datagram_frame_size : path;
}

p2p_err p2p_quic_conn_send_datagram(p2p_quic_conn *conn, p2p_bytes bytes) {
    size_t max = p2p_quic_conn_datagram_max(conn);
    if (max == 0)
        return P2P_ERR_UNSUPPORTED;
    if (bytes.len == 0 || bytes.len > max)
        return P2P_ERR_TOO_BIG;
    if (conn->datagram.len > 0)
        return P2P_ERR_AGAIN;
    uint8_t *copy = p2p_mem_copy(conn->endpoint->env->mem, bytes);
    if (copy == NULL)
        return P2P_ERR_NO_MEMORY;
    conn->datagram = p2p_bytes_of(copy, bytes.len);
    p2p_udp_want(&conn->sender);
    return P2P_OK;
}
