/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset) for a QUIC library that does not know it:
 * the transport parameter, and a pass over the plaintext of received packets that leaves a plain
 * RESET_STREAM where the frame was. Only peers of WebTransport send it: a stream whose head is
 * still delivered although the stream is reset.
 *
 * Nothing but tls_gnutls.c uses this. When ngtcp2 has the frame, both files of this name go.
 */
#ifndef P2P_QUIC_RESET_STREAM_AT_H
#define P2P_QUIC_RESET_STREAM_AT_H

#include "base/cursor.h"

/* Says that this side understands the frame, under both of its numbers. */
void p2p_reset_stream_at_put_parameter(p2p_writer *w);

/* How many bytes of a stream were received in order; UINT64_MAX: it is over. */
typedef uint64_t (*p2p_stream_received)(void *ctx, int64_t id);

/*
 * Turns every RESET_STREAM_AT of a 1-RTT payload into RESET_STREAM, behind all other frames so that
 * bytes in the same packet come first; the length stays. AGAIN: bytes that must be delivered are
 * missing, or there is no room: the packet is spoiled and to be treated as lost, so that the peer
 * repeats what it says. What is malformed stays as it is.
 */
P2P_NODISCARD p2p_err p2p_reset_stream_at_rewrite(
    uint8_t *payload, size_t len, p2p_stream_received received, void *ctx);

#endif
