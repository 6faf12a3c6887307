/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Streams: ordered, reliable, flow-controlled bytes in both directions, many to a connection. All
 * transports and muxers give the same object.
 *
 * Reading is peek and consume: the library lends a view, the application says how much of it is
 * done with. Not consuming is back-pressure: the peer's window closes. Writing says how much it
 * took; when that is less than offered, the protocol's `writable` callback tells when to go on.
 *
 * Each direction ends by itself: p2p_stream_shut ends ours (the peer sees end of data), the peer's
 * end shows as p2p_stream_at_end. A reset ends both at once. When both have ended, or after a
 * reset, the protocol's `closed` callback is called once; the stream is gone when that returns.
 *
 * When the connection ends, so do its streams. What was not read then is dropped, unless the peer
 * had ended its direction before: a complete message is not lost to a reader that was slow.
 * `readable` is called once more, and what it leaves goes with `closed`, which follows at once. Not
 * so when this side aborted the connection.
 */
#ifndef P2P_STREAM_H
#define P2P_STREAM_H

#include <p2p/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_stream p2p_stream;
typedef struct p2p_conn p2p_conn;
typedef struct p2p_host p2p_host;

/*
 * Error codes for reset and for closing a connection (libp2p error-codes registry). Carried where
 * the muxer can: QUIC, yamux, WebRTC. Others may be used by applications: 0 and everything from
 * 0x2000 on.
 */
enum {
    P2P_CODE_NONE = 0,
    P2P_CODE_PROTOCOL_NEGOTIATION_FAILED = 0x1000,
    P2P_CODE_RESOURCE_LIMIT_EXCEEDED = 0x1001,
    P2P_CODE_RATE_LIMITED = 0x1002,
    P2P_CODE_PROTOCOL_VIOLATION = 0x1003,
    P2P_CODE_SUPPLANTED = 0x1004,
    P2P_CODE_GARBAGE_COLLECTED = 0x1005,
    P2P_CODE_SHUTDOWN = 0x1006,
    P2P_CODE_GATED = 0x1007,
    P2P_CODE_OUT_OF_RANGE = 0x1008
};

/* The next bytes that can be read without waiting; empty when there are none. Valid until the next
 * call on it. */
P2P_API p2p_bytes p2p_stream_peek(p2p_stream *stream);
/* Drops len bytes (at most what peek gave) from the front. */
P2P_API void p2p_stream_consume(p2p_stream *stream, size_t len);
/* Bytes that have arrived and are not consumed; peek may show only the first part of them. */
P2P_API size_t p2p_stream_readable(const p2p_stream *stream);
/* True when all has been consumed and the peer will send no more. */
P2P_API bool p2p_stream_at_end(const p2p_stream *stream);

/*
 * Queues a copy of the bytes for sending; returns how many it took, from 0 to len. Takes 0 after
 * shut or reset and while an outbound stream with several proposed protocols is being negotiated.
 */
P2P_API size_t p2p_stream_write(p2p_stream *stream, p2p_bytes bytes);
/* How many bytes a write would take now. */
P2P_API size_t p2p_stream_writable(const p2p_stream *stream);
/* Ends our direction after what was written. May be called once or many times. */
P2P_API void p2p_stream_shut(p2p_stream *stream);
/*
 * Ends the stream in good order when the application has no more interest in it: shut, and what
 * still arrives is thrown away. `closed` follows.
 */
P2P_API void p2p_stream_close(p2p_stream *stream);
/* Ends both directions at once; unsent bytes are dropped. `closed` follows with P2P_ERR_CLOSED. */
P2P_API void p2p_stream_reset(p2p_stream *stream, uint32_t code);
/* Resets the stream with P2P_ERR_TIMEOUT when it still exists at `when` on the host's clock;
 * P2P_NEVER clears. */
P2P_API void p2p_stream_set_deadline(p2p_stream *stream, p2p_time when);

/* The application's own pointer: a protocol's state for this stream. */
P2P_API void p2p_stream_set_user(p2p_stream *stream, void *user);
P2P_API void *p2p_stream_user(const p2p_stream *stream);

P2P_API p2p_conn *p2p_stream_conn(const p2p_stream *stream);
P2P_API p2p_host *p2p_stream_host(const p2p_stream *stream);
/* The negotiated protocol id; for an outbound stream that is still negotiating, "". */
P2P_API const char *p2p_stream_protocol(const p2p_stream *stream);
P2P_API bool p2p_stream_outbound(const p2p_stream *stream);

/* Why a stream ended, as `closed` gets it. */
typedef struct p2p_stream_end {
    p2p_err err;          /* P2P_OK: both directions ended in good order */
    uint32_t remote_code; /* of the peer's reset, if it carried one */
} p2p_stream_end;

#ifdef __cplusplus
}
#endif
#endif
