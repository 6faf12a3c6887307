/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sim/echo.h"

const char *const ECHO_ID[] = {"/echo/1", NULL};

static void echo_readable(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        p2p_stream_consume(stream, taken);
        if (taken < view.len)
            return;
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

const p2p_protocol echo = {.size = sizeof(p2p_protocol),
    .ids = ECHO_ID,
    .inbound = true,
    .readable = echo_readable,
    .writable = echo_readable};

static void ask(p2p_stream *stream, void *self) {
    many *m = self;
    m->opened++;
    check(p2p_stream_write(stream, P2P_LITERAL("half of it")) == 10);
    p2p_stream_shut(stream);
}

static void answered(p2p_stream *stream, void *self) {
    many *m = self;
    p2p_bytes view = p2p_stream_peek(stream);
    if (!p2p_stream_at_end(stream) && view.len == 10) {
        check_same(view, P2P_LITERAL("half of it"));
        m->answered++;
        p2p_stream_consume(stream, view.len);
    }
}

static void asked(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    many *m = self;
    (void)stream;
    m->closed++;
    m->last = *end;
}

const p2p_protocol asker = {.size = sizeof(p2p_protocol),
    .ids = ECHO_ID,
    .opened = ask,
    .readable = answered,
    .closed = asked};
