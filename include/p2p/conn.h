/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connections: an authenticated peer and its streams. Which transport, security protocol and muxer
 * made it can be asked, but nothing depends on it.
 *
 * A connection can be used from its CONNECTED event on, until its DISCONNECTED event has been
 * taken.
 */
#ifndef P2P_CONN_H
#define P2P_CONN_H

#include <p2p/identity.h>
#include <p2p/protocol.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { P2P_REASON_TEXT_MAX = 240 };

/* Why a connection ended or a dial failed, for programs and for people. */
typedef struct p2p_reason {
    p2p_err err;
    bool by_peer;         /* the other side ended it */
    uint32_t remote_code; /* the code the peer gave, if any */
    /* One sentence that names the cause; never empty when err is not P2P_OK. */
    char text[P2P_REASON_TEXT_MAX];
} p2p_reason;

/*
 * Opens a stream for a protocol. With one id it can be written at once and costs no round trip;
 * with several the first that the peer speaks is taken. `opened` follows, or `closed` with the
 * reason. LIMIT: too many streams; STATE: the connection is closing; UNSUPPORTED: the connection is
 * limited and the protocol is not for those. `out` may be NULL.
 */
P2P_API P2P_NODISCARD p2p_err p2p_conn_open(
    p2p_conn *conn, const p2p_protocol *protocol, void *self, p2p_stream **out);

/* Closes in good order: peers are told the code, queued data of streams that were shut is still
 * sent. */
P2P_API void p2p_conn_close(p2p_conn *conn, uint32_t code);
/* Closes at once. */
P2P_API void p2p_conn_abort(p2p_conn *conn, uint32_t code);

P2P_API uint64_t p2p_conn_id(const p2p_conn *conn); /* unique in its host, never reused */
P2P_API p2p_host *p2p_conn_host(const p2p_conn *conn);
P2P_API const p2p_peer_id *p2p_conn_peer(const p2p_conn *conn);
P2P_API p2p_bytes p2p_conn_public_key(const p2p_conn *conn); /* protobuf PublicKey of the peer */
P2P_API bool p2p_conn_outbound(const p2p_conn *conn);
/* Relayed within limits: only protocols that say so may run on it. */
P2P_API bool p2p_conn_limited(const p2p_conn *conn);
/* The addresses of both ends, without /p2p. */
P2P_API const p2p_multiaddr *p2p_conn_local(const p2p_conn *conn);
P2P_API const p2p_multiaddr *p2p_conn_remote(const p2p_conn *conn);
/* "tcp", "quic-v1" …; "/noise", "/tls/1.0.0" or ""; "/yamux/1.0.0" … or "" where the transport has
 * its own streams. */
P2P_API const char *p2p_conn_transport(const p2p_conn *conn);
P2P_API const char *p2p_conn_security(const p2p_conn *conn);
P2P_API const char *p2p_conn_muxer(const p2p_conn *conn);

typedef struct p2p_conn_stats {
    p2p_time opened;   /* when it became usable */
    p2p_time setup;    /* how long it took from the first packet to usable */
    p2p_time rtt;      /* the latest measured round trip (WebRTC: the shortest); 0: not yet known */
    uint64_t bytes_in; /* stream bytes */
    uint64_t bytes_out;
    size_t streams; /* open now */
} p2p_conn_stats;

P2P_API void p2p_conn_get_stats(const p2p_conn *conn, p2p_conn_stats *stats);

/* The application's own pointer. */
P2P_API void p2p_conn_set_user(p2p_conn *conn, void *user);
P2P_API void *p2p_conn_user(const p2p_conn *conn);

/* Walks the open streams: pass NULL first; NULL at the end. */
P2P_API p2p_stream *p2p_conn_next_stream(const p2p_conn *conn, const p2p_stream *stream);

#ifdef __cplusplus
}
#endif
#endif
