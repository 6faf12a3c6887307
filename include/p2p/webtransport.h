/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebTransport without libp2p, for programs that talk to a browser or a server directly: sessions
 * that clients open at other paths of the host's WebTransport listeners, and sessions that the host
 * asks a server for. Streams are p2p_stream without protocol negotiation, of both kinds; datagrams
 * are unreliable and unordered. Who the peer is nobody proves, but a server shows a certificate
 * with a hash that its client knows.
 *
 * All callbacks run in p2p_host_next_event.
 */
#ifndef P2P_WEBTRANSPORT_H
#define P2P_WEBTRANSPORT_H

#include <p2p/conn.h>
#include <p2p/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A session: from `opened`, or p2p_webtransport_connect, until `closed` returns. */
typedef struct p2p_wt_muxer p2p_webtransport_session;

typedef struct p2p_webtransport_handler {
    size_t size; /* sizeof(p2p_webtransport_handler) */
    /* "/echo". Serving, what follows a '?' does not count; asking, it may have such a part. */
    const char *path;
    /* Callbacks of the streams, whoever opened them; its ids are not used. A stream's self is that
     * of p2p_webtransport_serve. */
    const p2p_protocol *streams;
    void (*opened)(p2p_webtransport_session *session, void *self);
    void (*datagram)(p2p_webtransport_session *session, p2p_bytes bytes, void *self);
    /* The peer wishes no new streams. May be NULL. */
    void (*draining)(p2p_webtransport_session *session, void *self);
    /*
     * The code is reason->remote_code; the peer's words are the end of reason->text. Without
     * `opened` before: the server could not be reached or refused the session, as the text says.
     */
    void (*closed)(p2p_webtransport_session *session, const p2p_reason *reason, void *self);
} p2p_webtransport_handler;

/* Serves a path. The handler must outlive the host. EXISTS, LIMIT. */
P2P_API P2P_NODISCARD p2p_err p2p_webtransport_serve(
    p2p_host *host, const p2p_webtransport_handler *handler, void *self);

/*
 * Asks a server for a session at the handler's path: `opened` or `closed` follows. addr is
 * /ip…/udp/PORT/quic-v1/webtransport/certhash/…, with the hash of the certificate that the server
 * shows, which must be good for a browser: valid now, for two weeks at most. It makes a connection
 * of its own. The handler must last as long as the session. INVALID: no path; UNSUPPORTED: no such
 * address, or the host has no WebTransport; NO_MEMORY, CRYPTO.
 */
P2P_API P2P_NODISCARD p2p_err p2p_webtransport_connect(p2p_host *host,
    p2p_webtransport_session **out, const p2p_multiaddr *addr,
    const p2p_webtransport_handler *handler, void *self);

/* AGAIN: the peer allows no more at the moment; STATE: it is not open. `out` may be NULL. */
P2P_API P2P_NODISCARD p2p_err p2p_webtransport_open(
    p2p_webtransport_session *session, bool unidirectional, p2p_stream **out);
/* TOO_BIG; AGAIN: the one before has not left yet; UNSUPPORTED by the peer; STATE. */
P2P_API P2P_NODISCARD p2p_err p2p_webtransport_send_datagram(
    p2p_webtransport_session *session, p2p_bytes bytes);
P2P_API size_t p2p_webtransport_datagram_max(const p2p_webtransport_session *session);
/* Asks the peer to open nothing more. */
P2P_API void p2p_webtransport_drain(p2p_webtransport_session *session);
/* Ends the session and its streams; at most 1024 bytes of UTF-8 are said about it. */
P2P_API void p2p_webtransport_close(
    p2p_webtransport_session *session, uint32_t code, p2p_bytes reason);

/* The session of a stream that the handler's callbacks got. */
P2P_API p2p_webtransport_session *p2p_webtransport_of(const p2p_stream *stream);
/* One side only sends, the other only receives. */
P2P_API bool p2p_webtransport_is_unidirectional(const p2p_stream *stream);
P2P_API void p2p_webtransport_set_user(p2p_webtransport_session *session, void *user);
P2P_API void *p2p_webtransport_user(const p2p_webtransport_session *session);

#ifdef __cplusplus
}
#endif
#endif
