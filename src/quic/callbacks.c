/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What ngtcp2 calls while it works on a packet or a time-out, handed to the application's hooks. A
 * hook may close the connection: ngtcp2 is then made to stop at once, and p2p_quic_conn_settle does
 * the rest.
 */
#include "base/bytes.h"
#include "quic/connection.h"

static int goes_on(const p2p_quic_conn *conn) {
    return conn->closing || conn->failure != P2P_OK ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static bool is_local(const p2p_quic_conn *conn, int64_t id) {
    return ((id & 1) == 0) == conn->outbound;
}

/* --- streams --- */

static int stream_open(ngtcp2_conn *ng, int64_t id, void *user) {
    p2p_quic_conn *conn = user;
    uint64_t refusal = 0;
    if (conn->app->stream_opened(conn, id, &refusal) != P2P_OK && !conn->closing &&
        ngtcp2_conn_shutdown_stream(ng, 0, id, refusal) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return goes_on(conn);
}

static int stream_data(ngtcp2_conn *ng, uint32_t flags, int64_t id, uint64_t offset,
    const uint8_t *data, size_t len, void *user, void *stream_user) {
    p2p_quic_conn *conn = user;
    p2p_quic_stream *stream = stream_user;
    bool fin = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;
    (void)id;
    (void)offset;
    if (stream == NULL) {
        ngtcp2_conn_extend_max_offset(ng, len); /* nobody will read it */
        return 0;
    }
    stream->unread += len;
    stream->received += len;
    if (fin)
        stream->read_over = true;
    conn->app->stream_data(conn, stream, p2p_bytes_of(data, len), fin);
    return goes_on(conn);
}

static int stream_reset(ngtcp2_conn *ng, int64_t id, uint64_t final_size, uint64_t code, void *user,
    void *stream_user) {
    p2p_quic_conn *conn = user;
    p2p_quic_stream *stream = stream_user;
    (void)ng;
    (void)id;
    (void)final_size;
    if (stream == NULL)
        return 0;
    stream->read_over = true;
    conn->app->stream_reset(conn, stream, code);
    return goes_on(conn);
}

static int stream_acked(
    ngtcp2_conn *ng, int64_t id, uint64_t offset, uint64_t len, void *user, void *stream_user) {
    p2p_quic_conn *conn = user;
    p2p_quic_stream *stream = stream_user;
    (void)ng;
    (void)id;
    (void)offset;
    if (stream == NULL || stream->write_over)
        return 0;
    stream->sent -= (size_t)len;
    conn->progress = conn->endpoint->env->now;
    /* The end itself may be under way yet; ngtcp2 needs no bytes of ours to repeat it. */
    bool all = stream->fin_sent && stream->sent == 0;
    if (all)
        stream->write_over = true;
    conn->app->stream_acked(conn, stream, (size_t)len, all);
    return goes_on(conn);
}

static int stream_close(
    ngtcp2_conn *ng, uint32_t flags, int64_t id, uint64_t code, void *user, void *stream_user) {
    p2p_quic_conn *conn = user;
    p2p_quic_stream *stream = stream_user;
    (void)flags;
    (void)code;
    if (!is_local(conn, id)) {
        if (ngtcp2_is_bidi_stream(id))
            ngtcp2_conn_extend_max_streams_bidi(ng, 1);
        else
            ngtcp2_conn_extend_max_streams_uni(ng, 1);
    }
    if (stream == NULL)
        return 0;
    stream->attached = false;
    p2p_list_remove(&stream->node);
    if (!stream->write_over) { /* the peer stopped it, and no write was tried since */
        stream->write_over = true;
        conn->app->stream_stopped(conn, stream);
    }
    stream->read_over = true;
    conn->app->stream_closed(conn, stream);
    return goes_on(conn);
}

static int stream_allowed(
    ngtcp2_conn *ng, int64_t id, uint64_t max, void *user, void *stream_user) {
    (void)ng;
    (void)id;
    (void)max;
    if (stream_user != NULL)
        p2p_quic_stream_want(user, stream_user);
    return 0;
}

static int more_streams(ngtcp2_conn *ng, uint64_t max, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    (void)max;
    if (conn->established && conn->app->streams_allowed != NULL)
        conn->app->streams_allowed(conn);
    return goes_on(conn);
}

static int datagram(ngtcp2_conn *ng, uint32_t flags, const uint8_t *data, size_t len, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    (void)flags;
    if (conn->app->datagram != NULL)
        conn->app->datagram(conn, p2p_bytes_of(data, len));
    return goes_on(conn);
}

/* --- the handshake --- */

static int completed(ngtcp2_conn *ng, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    conn->established = true;
    if (!conn->outbound) {
        conn->endpoint->counters.half_open--;
        conn->drop_tls = true; /* for a server complete is confirmed (RFC 9001 §4.1.2) */
    }
    p2p_quic_conn_keep_alive(conn, true);
    conn->failure = conn->app->established(conn);
    if (conn->failure != P2P_OK && !conn->closing) {
        conn->closing = true;
        conn->close_code = p2p_quic_close_code(conn->failure);
    }
    return goes_on(conn);
}

static int can_send(ngtcp2_conn *ng, ngtcp2_encryption_level level, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    if (level != NGTCP2_ENCRYPTION_LEVEL_1RTT || conn->outbound || conn->app->can_send == NULL)
        return 0;
    conn->failure = conn->app->can_send(conn);
    return goes_on(conn);
}

static int confirmed(ngtcp2_conn *ng, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    conn->drop_tls = true;
    return 0;
}

/* What the connection was begun with was another application's. */
static p2p_err adopt_params(const p2p_quic_conn *conn) {
    ngtcp2_transport_params params = *ngtcp2_conn_get_local_transport_params(conn->ng);
    params.initial_max_streams_uni = conn->app->uni_streams;
    params.initial_max_stream_data_uni =
        conn->app->uni_streams > 0 ? params.initial_max_stream_data_bidi_remote : 0;
    params.max_datagram_frame_size = conn->app->datagram_max;
    return ngtcp2_conn_set_local_transport_params(conn->ng, &params) == 0 ? P2P_OK
                                                                          : P2P_ERR_INTERNAL;
}

static p2p_err selected(
    p2p_quic_conn *conn, const char *alpn, const p2p_quic_credentials **own, bool *demand) {
    const p2p_quic_listener *listener =
        p2p_quic_find_listener(conn->endpoint, conn->user.sock, alpn);
    if (listener == NULL)
        return P2P_ERR_NO_PROTOCOL; /* it stopped listening in between */
    conn->app = listener->app;
    conn->ctx = listener->ctx;
    *demand = conn->app->peer_certificate;
    p2p_err err = adopt_params(conn);
    return err == P2P_OK ? conn->app->credentials(conn->ctx, own) : err;
}

static p2p_err verify(p2p_quic_conn *conn, p2p_bytes certificate) {
    return conn->app->verify(conn, certificate);
}

const p2p_quic_tls_hooks p2p_quic_handshake_hooks = {.selected = selected, .verify = verify};

/* --- connection ids, randomness --- */

static int new_cid(ngtcp2_conn *ng, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user) {
    p2p_quic_conn *conn = user;
    p2p_quic_endpoint *endpoint = conn->endpoint;
    (void)ng;
    if (len != P2P_QUIC_CID_LEN)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    p2p_env_random(endpoint->env, cid->data, len);
    cid->datalen = len;
    p2p_quic_reset_token(endpoint, token, cid->data, len);
    return p2p_map_put(&endpoint->cids, p2p_quic_cid_key(cid->data), &conn->route) == P2P_OK
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int remove_cid(ngtcp2_conn *ng, const ngtcp2_cid *cid, void *user) {
    p2p_quic_conn *conn = user;
    uint64_t key = p2p_quic_cid_key(cid->data);
    (void)ng;
    if (p2p_map_get(&conn->endpoint->cids, key) == &conn->route)
        p2p_map_remove(&conn->endpoint->cids, key);
    return 0;
}

/* The peer's id in use, with the token that a stateless reset for it would end in. */
static int peer_cid(ngtcp2_conn *ng, ngtcp2_connection_id_status_type type, uint64_t seq,
    const ngtcp2_cid *cid, const uint8_t *token, void *user) {
    p2p_quic_conn *conn = user;
    p2p_map *resets = &conn->endpoint->resets;
    (void)ng;
    (void)seq;
    (void)cid;
    if (token == NULL || type != NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE)
        return 0;
    if (p2p_map_get(resets, conn->reset_key) == conn)
        p2p_map_remove(resets, conn->reset_key);
    uint64_t key = p2p_load64(token);
    /* Without a place the reset is missed, and the idle time-out does its work. */
    if (p2p_map_get(resets, key) == NULL && p2p_map_put(resets, key, conn) == P2P_OK)
        conn->reset_key = key;
    return 0;
}

static int peer_reset(ngtcp2_conn *ng, const ngtcp2_pkt_stateless_reset *reset, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    (void)reset;
    conn->stateless_reset = true;
    return 0;
}

static void fill_random(uint8_t *dst, size_t len, const ngtcp2_rand_ctx *ctx) {
    p2p_env_random(ctx->native_handle, dst, len);
}

static int challenge(ngtcp2_conn *ng, uint8_t *data, void *user) {
    p2p_quic_conn *conn = user;
    (void)ng;
    p2p_env_random(conn->endpoint->env, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

void p2p_quic_callbacks(ngtcp2_callbacks *callbacks) {
    *callbacks = (ngtcp2_callbacks){.handshake_completed = completed,
        .handshake_confirmed = confirmed,
        .recv_tx_key = can_send,
        .stream_open = stream_open,
        .recv_stream_data = stream_data,
        .acked_stream_data_offset = stream_acked,
        .stream_reset = stream_reset,
        .stream_close = stream_close,
        .extend_max_stream_data = stream_allowed,
        .extend_max_local_streams_bidi = more_streams,
        .extend_max_local_streams_uni = more_streams,
        .recv_datagram = datagram,
        .get_new_connection_id = new_cid,
        .remove_connection_id = remove_cid,
        .dcid_status = peer_cid,
        .recv_stateless_reset = peer_reset,
        .rand = fill_random,
        .get_path_challenge_data = challenge};
    p2p_quic_tls_callbacks(callbacks);
}
