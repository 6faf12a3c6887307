/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ping (/ipfs/ping/1.0.0): 32 random bytes go out and must come back the same.
 *
 * Answering: p2p_host_add_protocol(host, &p2p_ping_protocol, NULL). Asking: p2p_ping_start, then
 * p2p_ping_send for every round trip.
 */
#ifndef P2P_PING_H
#define P2P_PING_H

#include <p2p/conn.h>

#ifdef __cplusplus
extern "C" {
#endif

P2P_API extern const p2p_protocol p2p_ping_protocol;

typedef struct p2p_ping p2p_ping;

/*
 * One answer, or the end. P2P_OK: it took `rtt`; p2p_ping_send or p2p_ping_stop may be called.
 * Otherwise: no more answers will come (VIOLATION: wrong bytes, TIMEOUT, NO_PROTOCOL …) and the
 * ping is gone after this call.
 */
typedef void (*p2p_ping_fn)(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt);

/* Opens a stream and sends the first ping. timeout: for each answer. Errors of p2p_conn_open. */
P2P_API P2P_NODISCARD p2p_err p2p_ping_start(
    p2p_ping **out, p2p_conn *conn, p2p_time timeout, p2p_ping_fn fn, void *ctx);
/* The next one, after the answer to the one before. */
P2P_API void p2p_ping_send(p2p_ping *ping);
/* Ends it in good order; `fn` is not called any more. */
P2P_API void p2p_ping_stop(p2p_ping *ping);

#ifdef __cplusplus
}
#endif
#endif
