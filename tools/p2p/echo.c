/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* /echo/1.0.0: everything comes back, and the end after it. */
#include "program.h"

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        if (taken == 0)
            return; /* `writable` comes back here */
        p2p_stream_consume(stream, taken);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void opened(p2p_stream *stream, void *self) {
    (void)stream;
    (void)self;
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)end;
    (void)self;
}

static const char *const IDS[] = {"/echo/1.0.0", NULL};

const p2p_protocol cli_echo_protocol = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .on_limited = true,
    .opened = opened,
    .readable = echo,
    .writable = echo,
    .closed = closed};
