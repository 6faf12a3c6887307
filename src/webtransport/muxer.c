/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A p2p_conn whose streams are those of a WebTransport session. As with plain QUIC a stream's send
 * queue is the retransmission buffer. Before that the peers prove their identities by Noise on the
 * client's first stream: the TLS certificate says nothing about the peer, so the server names the
 * hashes of its certificates inside the handshake, and the client looks for those it dialled with.
 *
 * Streams that the client opens before its last handshake message has arrived wait in the session.
 */
#include "webtransport/muxer.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/stream.h"

static p2p_wt_muxer *muxer_of(p2p_conn *conn) {
    return P2P_CONTAINER(conn, p2p_wt_muxer, conn);
}

static p2p_wt_muxer *muxer_of_session(const p2p_wt_session *session) {
    return p2p_wt_session_self(session);
}

/* --- libp2p's streams, from above --- */

static p2p_err open_stream(p2p_conn *conn, p2p_stream *stream) {
    p2p_wt_muxer *muxer = muxer_of(conn);
    p2p_wt_stream *own = p2p_stream_mux(stream);
    own->ops = &p2p_wt_muxer_stream_ops;
    return muxer->session == NULL ? P2P_ERR_STATE : p2p_wt_stream_open(muxer->session, own, false);
}

/* Nothing is left that was written to streams. */
static bool all_sent(const p2p_conn *conn) {
    for (p2p_stream *at = NULL; (at = p2p_conn_next_stream(conn, at)) != NULL;) {
        const p2p_wt_stream *own = p2p_stream_mux(at);
        if (!own->any.quic.write_over && (p2p_stream_tx_len(at) > 0 || p2p_stream_tx_ends(at)))
            return false;
    }
    return true;
}

static void quit_if_sent(p2p_wt_muxer *muxer) {
    if (muxer->quitting && muxer->session != NULL && all_sent(&muxer->conn)) {
        muxer->quitting = false;
        p2p_wt_session_close(muxer->session, muxer->close_code, (p2p_bytes){0});
    }
}

static void wake(p2p_conn *conn, p2p_stream *stream) {
    p2p_wt_stream *own = p2p_stream_mux(stream);
    uint32_t code;
    p2p_wt_stream_credit(own, p2p_stream_rx_taken(stream));
    if (p2p_stream_reset_wanted(stream, &code)) {
        p2p_wt_stream_reset_write(own, code);
        p2p_wt_stream_stop(own, code);
        if (!own->resetting || own->session == NULL)
            p2p_stream_tx_done(stream);
    } else if (p2p_stream_tx_len(stream) > p2p_wt_stream_sent(own) ||
               (p2p_stream_tx_ends(stream) && !own->any.quic.fin_sent)) {
        p2p_wt_stream_want(own);
    }
    (void)conn;
}

static void forget(p2p_conn *conn, p2p_stream *stream) {
    p2p_wt_stream_detach(p2p_stream_mux(stream));
    /* Without a swarm nobody else would free it. */
    if (muxer_of(conn)->handler != NULL && conn->state == P2P_CONN_ENDED &&
        conn->inbound_streams + conn->outbound_streams == 1)
        p2p_conn_bury(conn);
}

static void close_conn(p2p_conn *conn, uint32_t code) {
    p2p_wt_muxer *muxer = muxer_of(conn);
    muxer->close_code = code;
    muxer->quitting = true;
    quit_if_sent(muxer);
}

static void abort_conn(p2p_conn *conn, uint32_t code) {
    p2p_wt_muxer *muxer = muxer_of(conn);
    p2p_wt_session *session = muxer->session;
    muxer->session = NULL;
    if (session != NULL)
        p2p_wt_session_abandon(session, code, (p2p_bytes){0});
}

static void free_conn(p2p_conn *conn) {
    p2p_wt_muxer_free(muxer_of(conn));
}

static p2p_time rtt(const p2p_conn *conn) {
    const p2p_wt_muxer *muxer = P2P_CONTAINER(conn, const p2p_wt_muxer, conn);
    const p2p_quic_conn *quic = muxer->session == NULL ? NULL : p2p_wt_session_quic(muxer->session);
    return quic == NULL ? 0 : p2p_quic_conn_rtt(quic);
}

static const p2p_conn_ops OPS = {.stream_size = sizeof(p2p_wt_stream),
    .open = open_stream,
    .wake = wake,
    .forget = forget,
    .close = close_conn,
    .abort = abort_conn,
    .free = free_conn,
    .rtt = rtt};

/* --- libp2p's streams, from below --- */

static void stream_data(p2p_wt_stream *own, p2p_bytes bytes, bool fin) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    /* A full host resets the stream by itself. */
    if (p2p_stream_rx(stream, bytes) == P2P_OK && fin)
        p2p_stream_rx_fin(stream);
}

static void stream_reset(p2p_wt_stream *own, uint32_t code) {
    p2p_wt_stream_reset_write(own, code);
    p2p_stream_rx_reset(p2p_stream_of_mux(own), code);
}

static void stream_stopped(p2p_wt_stream *own) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    p2p_stream_rx_stop(stream, P2P_CODE_NONE);
    p2p_stream_tx_done(stream);
}

static size_t stream_pull(
    p2p_wt_stream *own, size_t offset, p2p_bytes *views, size_t count, bool *fin) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    size_t len = p2p_stream_tx_len(stream), found = 0;
    while (found < count && offset < len) {
        views[found] = p2p_stream_tx_peek(stream, offset);
        offset += views[found++].len;
    }
    *fin = offset >= len && p2p_stream_tx_ends(stream);
    return found;
}

static void stream_sent(p2p_wt_stream *own, size_t len) {
    p2p_stream_tx_sent(p2p_stream_of_mux(own), len);
}

static void stream_acked(p2p_wt_stream *own, size_t len, bool all) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    p2p_wt_muxer *muxer = muxer_of(p2p_stream_conn(stream));
    p2p_stream_tx_consume(stream, len);
    if (all)
        p2p_stream_tx_done(stream);
    quit_if_sent(muxer);
}

static void stream_closed(p2p_wt_stream *own) {
    (void)own; /* both halves have said so already */
}

const p2p_wt_stream_ops p2p_wt_muxer_stream_ops = {stream_data, stream_reset, stream_stopped,
    stream_pull, stream_sent, stream_acked, stream_closed};

/* --- Noise --- */

static void explain(const p2p_wt_muxer *muxer, p2p_err err, p2p_reason *reason) {
    char wanted[P2P_PEER_ID_TEXT_MAX], theirs[P2P_PEER_ID_TEXT_MAX];
    *reason = (p2p_reason){.err = err};
    if (err == P2P_ERR_WRONG_PEER) {
        p2p_peer_id_format(wanted, sizeof wanted, &muxer->params.expected);
        p2p_peer_id_format(theirs, sizeof theirs, &muxer->seen);
        snprintf(reason->text, sizeof reason->text, "wrong peer: expected %.90s but %.90s answered",
            wanted, theirs);
    } else {
        snprintf(
            reason->text, sizeof reason->text, "%s during the Noise handshake", p2p_err_text(err));
    }
}

/* Told once; whoever is told frees it, or gives it to the swarm. */
static void tell(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    if (muxer->told)
        return;
    muxer->told = true;
    p2p_list_remove(&muxer->node);
    p2p_timer_set(&muxer->conn.env->timers, &muxer->timer, P2P_NEVER);
    if (reason == NULL)
        muxer->params.ready(muxer);
    else
        muxer->params.failed(muxer, reason);
}

static void fail(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    if (muxer->told)
        return;
    abort_conn(&muxer->conn, P2P_CODE_NONE);
    tell(muxer, reason);
}

static void fail_with(p2p_wt_muxer *muxer, p2p_err err) {
    p2p_reason reason;
    explain(muxer, err, &reason);
    fail(muxer, &reason);
}

static void go_on(p2p_wt_muxer *muxer) {
    if (!muxer->secured || muxer->told)
        return;
    tell(muxer, NULL);
    if (muxer->session != NULL)
        p2p_wt_session_take_waiting(muxer->session);
}

static void timer_fired(p2p_timer *timer, p2p_time now) {
    p2p_wt_muxer *muxer = P2P_CONTAINER(timer, p2p_wt_muxer, timer);
    (void)now;
    if (muxer->reason.err != P2P_OK)
        fail_with(muxer, muxer->reason.err);
    else if (muxer->secured)
        go_on(muxer);
    else
        fail_with(muxer, P2P_ERR_TIMEOUT);
}

/* Outside of QUIC's hooks: soon, when nobody stands on the muxer. */
static void soon(p2p_wt_muxer *muxer) {
    p2p_env *env = muxer->conn.env;
    p2p_timer_set(&env->timers, &muxer->timer, env->now);
}

static p2p_err secured(void *ctx, const p2p_secured *result) {
    p2p_wt_muxer *muxer = ctx;
    p2p_err err = p2p_conn_authenticated(&muxer->conn, &result->peer, result->public_key);
    if (err != P2P_OK)
        return err;
    muxer->secured = true;
    soon(muxer);
    p2p_wt_stream_want(&muxer->login); /* for its end */
    return P2P_OK;
}

static void noise_failed(void *ctx, p2p_err err) {
    p2p_wt_muxer *muxer = ctx;
    muxer->reason.err = err;
    soon(muxer);
}

/* spec: webtransport #security-handshake: every hash that was dialled is one the peer vouches for.
 */
static p2p_err check_certhashes(void *ctx, const p2p_bytes *listed, size_t count) {
    const p2p_wt_muxer *muxer = ctx;
    for (size_t i = 0; i < muxer->dialled_count; i++) {
        size_t at = 0;
        while (at < count && !p2p_bytes_equal(listed[at],
                                 p2p_bytes_of(muxer->dialled[i], sizeof muxer->dialled[i])))
            at++;
        if (at == count)
            return P2P_ERR_BAD_CERTIFICATE;
    }
    return P2P_OK;
}

static void wire_wake(p2p_wire *wire) {
    p2p_wt_stream_want(&P2P_CONTAINER(wire, p2p_wt_muxer, wire)->login);
}

static const p2p_wire_ops WIRE_OPS = {.wake = wire_wake};

static p2p_err start_noise(p2p_wt_muxer *muxer) {
    p2p_secure_params secure = {.env = muxer->conn.env,
        .wire = &muxer->wire,
        .initiator = muxer->conn.outbound,
        .expected = muxer->params.expected,
        .done = secured,
        .failed = noise_failed,
        .ctx = muxer,
        .seen = &muxer->seen};
    p2p_noise_options options = {.ctx = muxer};
    if (muxer->conn.outbound) {
        options.check_certhashes = check_certhashes;
    } else {
        options.certhashes = muxer->params.certhashes;
        options.certhash_count = muxer->params.certhash_count;
    }
    muxer->wire.ops = &WIRE_OPS;
    p2p_err err = p2p_noise_start(&muxer->noise, &secure, &options);
    muxer->wire.bottom = muxer->noise;
    return err;
}

static p2p_wt_muxer *muxer_of_login(p2p_wt_stream *login) {
    return P2P_CONTAINER(login, p2p_wt_muxer, login);
}

static void login_data(p2p_wt_stream *login, p2p_bytes bytes, bool fin) {
    p2p_wt_muxer *muxer = muxer_of_login(login);
    p2p_wt_stream_credit(login, bytes.len);
    while (bytes.len > 0 && !muxer->told) {
        uint8_t block[1024]; /* Noise decrypts in place */
        size_t len = bytes.len < sizeof block ? bytes.len : sizeof block;
        memcpy(block, bytes.ptr, len);
        p2p_err err = p2p_layer_feed(muxer->noise, block, len);
        if (err != P2P_OK) {
            fail_with(muxer, err);
            return;
        }
        bytes = p2p_bytes_of(bytes.ptr + len, bytes.len - len);
        go_on(muxer);
    }
    if (fin && !muxer->told)
        fail_with(muxer, P2P_ERR_EOF);
    if (muxer->session != NULL)
        p2p_wt_stream_want(login);
}

static void login_reset(p2p_wt_stream *login, uint32_t code) {
    p2p_wt_stream_reset_write(login, code);
    fail_with(muxer_of_login(login), P2P_ERR_RESET);
}

static void login_stopped(p2p_wt_stream *login) {
    p2p_wt_muxer *muxer = muxer_of_login(login);
    p2p_chunkq_clear(&muxer->login_tx, &muxer->conn.env->chunks);
    /* A peer that has read all it needs may say so. */
    if (!muxer->secured)
        fail_with(muxer, P2P_ERR_RESET);
}

static size_t login_pull(
    p2p_wt_stream *login, size_t offset, p2p_bytes *views, size_t count, bool *fin) {
    p2p_wt_muxer *muxer = muxer_of_login(login);
    uint8_t block[1024];
    size_t len = 0, found = 0;
    do {
        p2p_err err = p2p_layer_draw(muxer->noise, block, sizeof block, &len);
        if (err == P2P_OK && p2p_chunkq_append(&muxer->login_tx, &muxer->conn.env->chunks,
                                 p2p_bytes_of(block, len)) < len)
            err = P2P_ERR_NO_MEMORY;
        if (err != P2P_OK) {
            noise_failed(muxer, err);
            break;
        }
    } while (len > 0);
    while (found < count && offset < muxer->login_tx.len) {
        views[found] = p2p_chunkq_peek_at(&muxer->login_tx, offset);
        offset += views[found++].len;
    }
    *fin = muxer->secured && offset >= muxer->login_tx.len;
    return found;
}

static void login_sent(p2p_wt_stream *login, size_t len) {
    (void)login;
    (void)len;
}

static void login_acked(p2p_wt_stream *login, size_t len, bool all) {
    p2p_wt_muxer *muxer = muxer_of_login(login);
    (void)all;
    p2p_chunkq_consume(&muxer->login_tx, &muxer->conn.env->chunks, len);
}

static void free_noise(p2p_wt_muxer *muxer) {
    if (muxer->noise != NULL)
        muxer->noise->ops->free(muxer->noise);
    muxer->noise = NULL;
    muxer->wire.bottom = NULL;
}

static void login_closed(p2p_wt_stream *login) {
    p2p_wt_muxer *muxer = muxer_of_login(login);
    if (!muxer->secured)
        fail_with(muxer, P2P_ERR_EOF);
    else
        free_noise(muxer);
}

static const p2p_wt_stream_ops LOGIN_OPS = {
    login_data, login_reset, login_stopped, login_pull, login_sent, login_acked, login_closed};

/* --- the session --- */

static void session_opened(p2p_wt_session *session) {
    p2p_wt_muxer *muxer = muxer_of_session(session);
    muxer->login.ops = &LOGIN_OPS;
    p2p_err err = p2p_wt_stream_open(session, &muxer->login, false);
    if (err == P2P_OK)
        err = start_noise(muxer);
    if (err != P2P_OK)
        fail_with(muxer, err);
    else
        p2p_wt_stream_want(&muxer->login);
}

static p2p_err stream_opened(p2p_wt_session *session, bool unidirectional, p2p_wt_stream **out) {
    p2p_wt_muxer *muxer = muxer_of_session(session);
    if (unidirectional)
        return P2P_ERR_UNSUPPORTED; /* libp2p has none */
    if (!muxer->conn.outbound && muxer->login.ops == NULL) {
        muxer->login.ops = &LOGIN_OPS;
        *out = &muxer->login;
        return start_noise(muxer);
    }
    if (!muxer->told)
        return P2P_ERR_AGAIN;
    p2p_stream *stream;
    p2p_err err = p2p_stream_inbound(&muxer->conn, &stream);
    if (err != P2P_OK)
        return P2P_ERR_LIMIT;
    *out = p2p_stream_mux(stream);
    (*out)->ops = &p2p_wt_muxer_stream_ops;
    return P2P_OK;
}

static void session_closed(p2p_wt_session *session, const p2p_reason *reason) {
    p2p_wt_muxer *muxer = muxer_of_session(session);
    bool ready = muxer->told;
    muxer->session = NULL;
    if (ready)
        p2p_conn_ended(
            &muxer->conn, reason->err, reason->by_peer, reason->remote_code, reason->text);
    else
        tell(muxer, reason);
}

const p2p_wt_app p2p_wt_muxer_app = {
    .opened = session_opened, .stream_opened = stream_opened, .closed = session_closed};

/* --- life --- */

p2p_err p2p_wt_muxer_new(p2p_wt_muxer **out, const p2p_wt_muxer_params *params) {
    p2p_env *env = params->env;
    p2p_wt_muxer *muxer = p2p_mem_alloc(env->mem, sizeof *muxer);
    *out = muxer;
    if (muxer == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_conn_init(&muxer->conn, &OPS, env, params->outbound);
    if (err == P2P_OK) {
        err = p2p_timers_expect(&env->timers, &muxer->timer, timer_fired);
        if (err != P2P_OK)
            p2p_conn_deinit(&muxer->conn);
    }
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, muxer, sizeof *muxer);
        *out = NULL;
        return err;
    }
    muxer->params = *params;
    for (size_t i = 0; params->outbound && i < params->certhash_count; i++)
        if (muxer->dialled_count < P2P_WT_DIALLED_MAX && params->certhashes[i].len == 34)
            memcpy(muxer->dialled[muxer->dialled_count++], params->certhashes[i].ptr, 34);
    p2p_timer_set(&env->timers, &muxer->timer, env->now + env->timeouts->accept);
    return P2P_OK;
}

void p2p_wt_muxer_attach(p2p_wt_muxer *muxer, p2p_wt_session *session) {
    const p2p_quic_conn *quic = p2p_wt_session_quic(session);
    muxer->session = session;
    muxer->remote = *p2p_quic_conn_remote(quic);
    muxer->conn.started = p2p_quic_conn_started(quic);
    p2p_quic_conn_local(quic, &muxer->local);
    p2p_wt_addr_of(&muxer->conn.local, &muxer->local);
    p2p_wt_addr_of(&muxer->conn.remote, &muxer->remote);
    muxer->conn.transport = "webtransport";
}

void p2p_wt_muxer_skip_login(p2p_wt_muxer *muxer) {
    muxer->told = true;
    p2p_timer_set(&muxer->conn.env->timers, &muxer->timer, P2P_NEVER);
}

void p2p_wt_muxer_quit(p2p_wt_muxer *muxer) {
    muxer->told = true;
    p2p_timer_set(&muxer->conn.env->timers, &muxer->timer, P2P_NEVER);
    p2p_list_remove(&muxer->node);
    abort_conn(&muxer->conn, P2P_CODE_NONE);
}

void p2p_wt_muxer_free(p2p_wt_muxer *muxer) {
    p2p_env *env = muxer->conn.env;
    p2p_list_remove(&muxer->conn.dead.node);
    p2p_list_remove(&muxer->node);
    p2p_wt_stream_detach(&muxer->login);
    free_noise(muxer);
    p2p_chunkq_clear(&muxer->login_tx, &env->chunks);
    p2p_timers_forget(&env->timers, &muxer->timer);
    p2p_conn_deinit(&muxer->conn);
    p2p_mem_free(env->mem, muxer, sizeof *muxer);
}
