/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The stream between a muxer below and a protocol above. The muxer pushes what arrived (rx) and
 * pulls what is to be sent (tx); the stream keeps both queues, negotiates its protocol by
 * multistream-select, and queues the protocol's callbacks.
 */
#ifndef P2P_STACK_STREAM_H
#define P2P_STACK_STREAM_H

#include <p2p/stream.h>

#include "base/chunkq.h"
#include "stack/conn.h"
#include "stack/multistream.h"

/* --- for muxers: receiving --- */

/* A stream that the peer opened. LIMIT or NO_MEMORY: refuse it (reset). */
P2P_NODISCARD p2p_err p2p_stream_inbound(p2p_conn *conn, p2p_stream **out);
/*
 * A stream without negotiation, of this side's or the peer's opening: usable at once, `opened`
 * follows. For carriers whose streams are not libp2p's.
 */
P2P_NODISCARD p2p_err p2p_stream_raw(
    p2p_conn *conn, const p2p_protocol *protocol, void *self, bool outbound, p2p_stream **out);
/* Takes back a raw stream that could not be opened: no callback comes. */
void p2p_stream_discard(p2p_stream *stream);
/*
 * Bytes arrived in order. They are copied. LIMIT: the host's buffer is full, the muxer resets the
 * stream. The muxer guards its own flow control before calling.
 */
P2P_NODISCARD p2p_err p2p_stream_rx(p2p_stream *stream, p2p_bytes bytes);
/* The peer ended its direction. */
void p2p_stream_rx_fin(p2p_stream *stream);
/* The peer reset the stream: both directions end. */
void p2p_stream_rx_reset(p2p_stream *stream, uint32_t code);
/* The peer will read no more: our direction ends, theirs goes on. */
void p2p_stream_rx_stop(p2p_stream *stream, uint32_t code);
/* Bytes that the application consumed since the last call: credit that can be given to the peer. */
size_t p2p_stream_rx_taken(p2p_stream *stream);

/* --- for muxers: sending --- */

/* Bytes in the send queue; the muxer remembers itself how many of them it has sent and awaits
 * acknowledgement for. */
size_t p2p_stream_tx_len(const p2p_stream *stream);
/* A view of the queue from `offset` on. */
p2p_bytes p2p_stream_tx_peek(p2p_stream *stream, size_t offset);
/* Copies from `offset` on; the number copied. */
size_t p2p_stream_tx_copy(p2p_stream *stream, size_t offset, uint8_t *dst, size_t cap);
/*
 * A muxer that keeps bytes in the queue until they are acknowledged sent len more of them: they do
 * not count against what the application may write, up to the largest window.
 */
void p2p_stream_tx_sent(p2p_stream *stream, size_t len);
/* The first len bytes are no longer needed. */
void p2p_stream_tx_consume(p2p_stream *stream, size_t len);
/* The application ended this direction: after the last byte of the queue comes the end. */
bool p2p_stream_tx_ends(const p2p_stream *stream);
/*
 * The end or the reset was sent (and, where the muxer waits for that, acknowledged): nothing more
 * goes out and the queue is not looked at again. A stream lives until this was called, or its
 * connection ended, or the peer reset it.
 */
void p2p_stream_tx_done(p2p_stream *stream);
/* This side reset the stream: tell the peer the code when there is room to, then call
 * p2p_stream_tx_done. */
bool p2p_stream_reset_wanted(const p2p_stream *stream, uint32_t *code);

/* The muxer's own part, stream_size bytes. */
void *p2p_stream_mux(p2p_stream *stream);
p2p_stream *p2p_stream_of_mux(void *mux);

/* --- for connections and the host --- */

/*
 * Ends a stream because its connection does. keep_unread: if all of the peer's bytes have arrived,
 * its end included, the protocol may read what is left in one more `readable`, then comes `closed`;
 * the end is a good one if it read everything and our direction was over, too.
 */
void p2p_stream_conn_ended(p2p_stream *stream, p2p_err err, bool keep_unread);
/* Runs one stream's due callbacks. */
void p2p_stream_dispatch(p2p_stream *stream);

/* Lets streams write again that found the host's pool exhausted, if it has room now. */
void p2p_stream_feed_starved(p2p_env *env);

/* The stream whose `ready` link this is. */
p2p_stream *p2p_stream_of_ready(p2p_list *ready);

#endif
