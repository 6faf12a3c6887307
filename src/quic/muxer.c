/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A p2p_conn whose streams are QUIC's. The stream's send queue is QUIC's retransmission buffer: its
 * bytes stay there until they are acknowledged, so nothing is copied to be sent.
 *
 * Codes are 32 bits in libp2p and 62 in QUIC; larger ones are reported as OUT_OF_RANGE (specs
 * error-codes).
 */
#include "quic/muxer.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/stream.h"

static p2p_quic_muxer *muxer_of(p2p_conn *conn) {
    return P2P_CONTAINER(conn, p2p_quic_muxer, conn);
}

static uint32_t narrow(uint64_t code) {
    return code > UINT32_MAX ? P2P_CODE_OUT_OF_RANGE : (uint32_t)code;
}

/* --- from the streams --- */

static p2p_err open_stream(p2p_conn *conn, p2p_stream *stream) {
    const p2p_quic_muxer *muxer = muxer_of(conn);
    return muxer->quic == NULL ? P2P_ERR_STATE
                               : p2p_quic_stream_open(muxer->quic, p2p_stream_mux(stream), false);
}

static void wake(p2p_conn *conn, p2p_stream *stream) {
    const p2p_quic_muxer *muxer = muxer_of(conn);
    p2p_quic_stream *own = p2p_stream_mux(stream);
    uint32_t code;
    if (muxer->quic == NULL)
        return;
    p2p_quic_stream_credit(muxer->quic, own, p2p_stream_rx_taken(stream));
    if (p2p_stream_reset_wanted(stream, &code)) {
        p2p_quic_stream_reset(muxer->quic, own, code);
        p2p_stream_tx_done(stream);
    } else if (p2p_stream_tx_len(stream) > own->sent ||
               (p2p_stream_tx_ends(stream) && !own->fin_sent)) {
        p2p_quic_stream_want(muxer->quic, own);
    }
}

static void forget(p2p_conn *conn, p2p_stream *stream) {
    const p2p_quic_muxer *muxer = muxer_of(conn);
    if (muxer->quic != NULL)
        p2p_quic_stream_detach(muxer->quic, p2p_stream_mux(stream));
}

static void close_conn(p2p_conn *conn, uint32_t code) {
    const p2p_quic_muxer *muxer = muxer_of(conn);
    if (muxer->quic != NULL)
        p2p_quic_conn_finish(muxer->quic, code);
}

static void abort_conn(p2p_conn *conn, uint32_t code) {
    p2p_quic_muxer *muxer = muxer_of(conn);
    p2p_quic_conn *quic = muxer->quic;
    muxer->quic = NULL;
    if (quic != NULL)
        p2p_quic_conn_close(quic, code);
}

static void free_conn(p2p_conn *conn) {
    p2p_quic_muxer_free(muxer_of(conn));
}

static p2p_time rtt(const p2p_conn *conn) {
    const p2p_quic_muxer *muxer = P2P_CONTAINER(conn, const p2p_quic_muxer, conn);
    return muxer->quic == NULL ? 0 : p2p_quic_conn_rtt(muxer->quic);
}

static const p2p_conn_ops OPS = {.stream_size = sizeof(p2p_quic_stream),
    .open = open_stream,
    .wake = wake,
    .forget = forget,
    .close = close_conn,
    .abort = abort_conn,
    .free = free_conn,
    .rtt = rtt};

/* --- from QUIC --- */

static p2p_quic_muxer *muxer_of_quic(const p2p_quic_conn *quic) {
    return p2p_quic_conn_self(quic);
}

p2p_err p2p_quic_muxer_stream_opened(p2p_quic_conn *quic, int64_t id, uint64_t *refusal) {
    p2p_stream *stream;
    p2p_err err = p2p_stream_inbound(&muxer_of_quic(quic)->conn, &stream);
    *refusal = P2P_CODE_RESOURCE_LIMIT_EXCEEDED;
    if (err != P2P_OK)
        return err;
    p2p_quic_stream_attach(quic, p2p_stream_mux(stream), id);
    p2p_quic_stream_want(quic, p2p_stream_mux(stream));
    return P2P_OK;
}

void p2p_quic_muxer_stream_data(
    p2p_quic_conn *quic, p2p_quic_stream *own, p2p_bytes bytes, bool fin) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    (void)quic;
    /* A full host resets the stream by itself. */
    if (p2p_stream_rx(stream, bytes) == P2P_OK && fin)
        p2p_stream_rx_fin(stream);
}

/* libp2p knows no half reset: a peer that resets wants no answer either. */
void p2p_quic_muxer_stream_reset(p2p_quic_conn *quic, p2p_quic_stream *own, uint64_t code) {
    p2p_quic_stream_reset_write(quic, own, code);
    p2p_stream_rx_reset(p2p_stream_of_mux(own), narrow(code));
}

void p2p_quic_muxer_stream_stopped(p2p_quic_conn *quic, p2p_quic_stream *own) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    (void)quic;
    p2p_stream_rx_stop(stream, P2P_CODE_NONE);
    p2p_stream_tx_done(stream);
}

size_t p2p_quic_muxer_stream_pull(p2p_quic_conn *quic, p2p_quic_stream *own, size_t offset,
    p2p_bytes *views, size_t count, bool *fin) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    size_t len = p2p_stream_tx_len(stream), found = 0;
    (void)quic;
    while (found < count && offset < len) {
        views[found] = p2p_stream_tx_peek(stream, offset);
        offset += views[found++].len;
    }
    *fin = offset >= len && p2p_stream_tx_ends(stream);
    return found;
}

void p2p_quic_muxer_stream_sent(p2p_quic_conn *quic, p2p_quic_stream *own, size_t len) {
    (void)quic;
    p2p_stream_tx_sent(p2p_stream_of_mux(own), len);
}

void p2p_quic_muxer_stream_acked(p2p_quic_conn *quic, p2p_quic_stream *own, size_t len, bool all) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    (void)quic;
    p2p_stream_tx_consume(stream, len);
    if (all)
        p2p_stream_tx_done(stream);
}

void p2p_quic_muxer_stream_closed(p2p_quic_conn *quic, p2p_quic_stream *own) {
    (void)quic;
    (void)own; /* both halves have said so already */
}

/* --- life --- */

p2p_err p2p_quic_muxer_new(
    p2p_quic_muxer **out, p2p_quic_conn *quic, const p2p_peer_id *peer, p2p_bytes public_key) {
    p2p_env *env = p2p_quic_conn_env(quic);
    p2p_quic_muxer *muxer = p2p_mem_alloc(env->mem, sizeof *muxer);
    *out = muxer;
    if (muxer == NULL)
        return P2P_ERR_NO_MEMORY;
    muxer->quic = quic;
    p2p_err err = p2p_conn_init(&muxer->conn, &OPS, env, p2p_quic_conn_outbound(quic));
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, muxer, sizeof *muxer);
        *out = NULL;
        return err;
    }
    err = p2p_conn_authenticated(&muxer->conn, peer, public_key);
    if (err != P2P_OK) {
        p2p_quic_muxer_free(muxer);
        *out = NULL;
    }
    return err;
}

void p2p_quic_muxer_free(p2p_quic_muxer *muxer) {
    const p2p_mem *mem = muxer->conn.env->mem;
    p2p_conn_deinit(&muxer->conn);
    p2p_mem_free(mem, muxer, sizeof *muxer);
}
