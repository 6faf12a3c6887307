/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p on QUIC (specs/quic): one bidirectional stream of QUIC's is one libp2p stream; no muxer is
 * negotiated.
 */
#ifndef P2P_QUIC_MUXER_H
#define P2P_QUIC_MUXER_H

#include "quic/quic.h"
#include "stack/conn.h"

typedef struct p2p_quic_muxer {
    p2p_conn conn;
    p2p_quic_conn *quic; /* NULL: over */
} p2p_quic_muxer;

/* A connection for the peer whose certificate was just judged. */
P2P_NODISCARD p2p_err p2p_quic_muxer_new(
    p2p_quic_muxer **out, p2p_quic_conn *quic, const p2p_peer_id *peer, p2p_bytes public_key);
/* One that was never handed over. */
void p2p_quic_muxer_free(p2p_quic_muxer *muxer);

/* The stream hooks of p2p_quic_app; `self` of the connection is a p2p_quic_muxer. */
p2p_err p2p_quic_muxer_stream_opened(p2p_quic_conn *quic, int64_t id, uint64_t *refusal);
void p2p_quic_muxer_stream_data(
    p2p_quic_conn *quic, p2p_quic_stream *stream, p2p_bytes bytes, bool fin);
void p2p_quic_muxer_stream_reset(p2p_quic_conn *quic, p2p_quic_stream *stream, uint64_t code);
void p2p_quic_muxer_stream_stopped(p2p_quic_conn *quic, p2p_quic_stream *stream);
size_t p2p_quic_muxer_stream_pull(p2p_quic_conn *quic, p2p_quic_stream *stream, size_t offset,
    p2p_bytes *views, size_t count, bool *fin);
void p2p_quic_muxer_stream_sent(p2p_quic_conn *quic, p2p_quic_stream *stream, size_t len);
void p2p_quic_muxer_stream_acked(
    p2p_quic_conn *quic, p2p_quic_stream *stream, size_t len, bool all);
void p2p_quic_muxer_stream_closed(p2p_quic_conn *quic, p2p_quic_stream *stream);

#endif
