/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "echo.h"

#include <stdlib.h>

static const char *const IDS[] = {"/echo/1.0.0", NULL};

void echo_back(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        if (taken == 0)
            return;
        p2p_stream_consume(stream, taken);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

const p2p_protocol echo_protocol = {
    sizeof(p2p_protocol), IDS, true, true, NULL, echo_back, echo_back, NULL};

/* --- the client --- */

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8));
}

static void echo_send(p2p_stream *stream, void *self) {
    echo_client *c = self;
    size_t limit = c->hold ? 1 : c->len;
    while (c->sent < limit) {
        uint8_t block[4096];
        size_t piece = limit - c->sent < sizeof block ? limit - c->sent : sizeof block;
        for (size_t i = 0; i < piece; i++)
            block[i] = pattern(c->sent + i);
        size_t taken = p2p_stream_write(stream, (p2p_bytes){block, piece});
        c->sent += taken;
        if (taken < piece)
            return;
    }
    if (c->sent == c->len)
        p2p_stream_shut(stream);
}

static void echo_receive(p2p_stream *stream, void *self) {
    echo_client *c = self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len; i++)
            c->wrong |= c->received + i >= c->len || view.ptr[i] != pattern(c->received + i);
        bool first = c->received == 0;
        c->received += view.len;
        p2p_stream_consume(stream, view.len);
        if (first && c->progress != NULL)
            c->progress(c);
    }
    c->end_seen |= p2p_stream_at_end(stream);
}

static void echo_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    echo_client *c = self;
    const char *why = NULL;
    if (end->err != P2P_OK)
        why = p2p_err_text(end->err);
    else if (c->wrong)
        why = "other bytes came back";
    else if (c->received != c->len || !c->end_seen)
        why = "not all bytes came back";
    c->done(c, why);
    free(c);
}

static const p2p_protocol ECHO_CLIENT = {
    sizeof(p2p_protocol), IDS, false, true, echo_send, echo_receive, echo_send, echo_closed};

echo_client *echo_start(
    p2p_conn *to, size_t len, bool hold, void (*done)(echo_client *c, const char *why), void *ctx) {
    echo_client *c = calloc(1, sizeof *c);
    c->len = len;
    c->hold = hold;
    c->done = done;
    c->ctx = ctx;
    p2p_err err = p2p_conn_open(to, &ECHO_CLIENT, c, &c->stream);
    if (err != P2P_OK) {
        done(c, p2p_err_text(err));
        free(c);
        return NULL;
    }
    return c;
}

void echo_go(echo_client *c) {
    c->hold = false;
    echo_send(c->stream, c);
}
