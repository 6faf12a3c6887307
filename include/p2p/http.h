/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Plain HTTP/1.1 requests on the ports where the host listens for WebSockets: a health check, a
 * page of metrics. One request a connection, bodies of at most 64 KiB, the answer in one piece.
 * This is no web server.
 *
 *     static void serve(void *ctx, const p2p_http_request *request, p2p_http_response *response) {
 *         p2p_http_response_set_status(response, 200);
 *         p2p_http_response_write(response, text);
 *     }
 *     p2p_host_set_http_handler(host, serve, NULL);
 */
#ifndef P2P_HTTP_H
#define P2P_HTTP_H

#include <p2p/base.h>
#include <p2p/multiaddr.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_host p2p_host;

enum {
    P2P_HTTP_REQUEST_BODY_MAX = 64 * 1024,
    P2P_HTTP_RESPONSE_HEADERS_MAX = 4 * 1024,
    P2P_HTTP_RESPONSE_BODY_MAX = 1024 * 1024
};

/* Views are valid during the call. */
typedef struct p2p_http_request {
    p2p_bytes method; /* "GET" */
    p2p_bytes path;   /* as it came, percent-encoded, without the query */
    p2p_bytes query;  /* behind the "?"; empty without one */
    p2p_bytes body;
    bool tls;
    const p2p_multiaddr *remote;
    const void *head;
} p2p_http_request;

typedef struct p2p_http_response p2p_http_response;

/* The value of the first header field with that name (in any case); ptr NULL if there is none. */
P2P_API p2p_bytes p2p_http_request_header(const p2p_http_request *request, const char *name);

/* Without a call it is 404. 200 to 599. */
P2P_API void p2p_http_response_set_status(p2p_http_response *response, unsigned status);
/* Adds a header field. Content-Length and Connection are the library's. INVALID: a character that
 * cannot stand in one; TOO_BIG; NO_MEMORY. */
P2P_API P2P_NODISCARD p2p_err p2p_http_response_add_header(
    p2p_http_response *response, const char *name, const char *value);
/* Appends to the body, which is copied. After TOO_BIG or NO_MEMORY the answer will be 500. */
P2P_API void p2p_http_response_write(p2p_http_response *response, p2p_bytes bytes);

/* Called for every request from p2p_host_next_event; the response goes out when it returns. */
typedef void (*p2p_http_fn)(
    void *ctx, const p2p_http_request *request, p2p_http_response *response);

/* NULL: every request is answered with 404. */
P2P_API void p2p_host_set_http_handler(p2p_host *host, p2p_http_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
