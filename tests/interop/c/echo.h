/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /echo/1.0.0, for the programs of the tests: what comes goes back until its end. */
#ifndef INTEROP_ECHO_H
#define INTEROP_ECHO_H

#include <p2p/conn.h>

/* Serves it. */
extern const p2p_protocol echo_protocol;
/* Its `readable` and `writable`, for other streams that are to do the same. */
void echo_back(p2p_stream *stream, void *self);

/* Sends `len` bytes of a pattern and compares what comes back. */
typedef struct echo_client {
    p2p_stream *stream;
    size_t len, sent, received;
    bool hold; /* send one byte, and the rest when it is cleared and echo_go is called */
    bool wrong, end_seen;
    void (*progress)(struct echo_client *c);              /* the first byte came back */
    void (*done)(struct echo_client *c, const char *why); /* NULL: all came back */
    void *ctx;
} echo_client;

/* NULL: no stream; `done` was called. The client is gone after `done`. */
echo_client *echo_start(
    p2p_conn *to, size_t len, bool hold, void (*done)(echo_client *c, const char *why), void *ctx);
void echo_go(echo_client *c);

#endif
