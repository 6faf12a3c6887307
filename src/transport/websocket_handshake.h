/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The WebSocket opening handshake (RFC 6455 section 4), both sides, over the heads of http1.h.
 * Bytes behind the head already belong to the frames: p2p_http_reader_feed leaves them.
 */
#ifndef P2P_TRANSPORT_WEBSOCKET_HANDSHAKE_H
#define P2P_TRANSPORT_WEBSOCKET_HANDSHAKE_H

#include "transport/http1.h"

enum {
    P2P_WS_KEY_TEXT = 24,    /* base64 of 16 bytes */
    P2P_WS_ACCEPT_TEXT = 28, /* base64 of a SHA-1 */
    P2P_WS_REQUEST_MAX = 2048
};

/* --- server --- */

/* Everything zero: any path, any origin, as libp2p nodes do. */
typedef struct p2p_ws_policy {
    const char *path; /* the only path served, without query; NULL: any */
    /* May a page of that origin connect? Not asked for requests without Origin. NULL: any. */
    bool (*allow_origin)(void *ctx, p2p_bytes origin);
    void *ctx;
} p2p_ws_policy;

/* Does the request ask for a WebSocket at all? Otherwise it is plain HTTP. */
bool p2p_ws_is_upgrade(const p2p_http_head *head);
/* The status to answer with: 101, or 400, 403, 404, 405, 426. */
unsigned p2p_ws_judge(const p2p_http_head *head, const p2p_ws_policy *policy);
/* The whole answer. For another status than 101 the connection is closed after it. `head` is used
 * for 101 only. */
void p2p_ws_put_answer(p2p_writer *w, unsigned status, const p2p_http_head *head);

/* --- client --- */

typedef struct p2p_ws_dial {
    /* For the Host header: a name or an IP, which may differ from where the connection goes. */
    const char *host;
    uint16_t port;
    bool secure;    /* wss: 443 is the port that goes without saying */
    p2p_bytes path; /* of /http-path, percent-decoded; may be empty or lack its slash */
} p2p_ws_dial;

/* Writes the request and keeps the key to check the answer with. INVALID: host or path cannot stand
 * in a request. */
P2P_NODISCARD p2p_err p2p_ws_put_request(p2p_writer *w, const p2p_ws_dial *dial,
    const p2p_random *random, char key[P2P_WS_KEY_TEXT + 1]);
/* P2P_OK, REFUSED (the server said another status than 101) or VIOLATION. */
P2P_NODISCARD p2p_err p2p_ws_check_answer(const p2p_http_head *head, const char *key);

#endif
