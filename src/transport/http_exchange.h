/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One plain HTTP request on a WebSocket port: its body is collected, the application's handler
 * (p2p/http.h) is called from p2p_host_next_event, and its answer is put into one buffer.
 */
#ifndef P2P_TRANSPORT_HTTP_EXCHANGE_H
#define P2P_TRANSPORT_HTTP_EXCHANGE_H

#include "stack/env.h"
#include "transport/http1.h"

typedef struct p2p_http_exchange p2p_http_exchange;

struct p2p_http_exchange {
    p2p_call call;
    p2p_env *env;
    const p2p_http_head *head;
    const p2p_multiaddr *remote;
    bool tls;
    p2p_buf body;
    uint64_t body_len;
    p2p_buf *out; /* gets the answer */
    /* The answer is in `out`, or could not be put there. */
    void (*answered)(p2p_http_exchange *exchange, p2p_err err);
};

enum { P2P_HTTP_ANSWER_MAX = P2P_HTTP_RESPONSE_BODY_MAX + P2P_HTTP_RESPONSE_HEADERS_MAX + 256 };

/*
 * env, head, remote, tls, out and answered are filled in. Returns 0, or the status to refuse the
 * request with.
 */
unsigned p2p_http_exchange_start(p2p_http_exchange *exchange);
void p2p_http_exchange_deinit(p2p_http_exchange *exchange);
/* Takes bytes of the body; `answered` comes later, once it is whole. What comes behind is ignored.
 */
P2P_NODISCARD p2p_err p2p_http_exchange_feed(p2p_http_exchange *exchange, p2p_bytes in);

#endif
