/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* spec: ping */
#include <p2p/ping.h>

#include <p2p/host.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { PING_LEN = 32 };

/* A responder waits this long for the next ping (go-libp2p's 30 s stream time-out is the shortest
 * seen). */
#define RESPONDER_PATIENCE (60 * P2P_SECOND)

static const char *const IDS[] = {"/ipfs/ping/1.0.0", NULL};

static p2p_time now(const p2p_stream *stream) {
    return p2p_host_now(p2p_stream_host(stream));
}

/* --- answering --- */

/* Echoing any number of bytes answers whole pings and parts of them alike. */
/* spec: ping #protocol: the listening peer SHOULD loop and echo, and close the stream when the
 * dialing peer has. */
static void answer(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        if (taken == 0)
            return; /* `writable` comes back here */
        p2p_stream_consume(stream, taken);
        p2p_stream_set_deadline(stream, now(stream) + RESPONDER_PATIENCE);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void answer_opened(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_set_deadline(stream, now(stream) + RESPONDER_PATIENCE);
}

const p2p_protocol p2p_ping_protocol = {
    .size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .on_limited = true,
    .opened = answer_opened,
    .readable = answer,
    .writable = answer,
};

/* --- asking --- */

struct p2p_ping {
    p2p_stream *stream;
    p2p_ping_fn fn; /* NULL: stopped */
    void *ctx;
    const p2p_mem *mem;
    p2p_time timeout, sent;
    uint8_t bytes[PING_LEN];
    size_t received;
    p2p_err err; /* of this side's own making */
};

static void report(p2p_ping *ping, p2p_err err, p2p_time rtt) {
    if (ping->fn != NULL)
        ping->fn(ping->ctx, ping, err, rtt);
}

void p2p_ping_send(p2p_ping *ping) {
    p2p_host_random(p2p_stream_host(ping->stream), ping->bytes, PING_LEN);
    ping->received = 0;
    ping->sent = now(ping->stream);
    p2p_stream_set_deadline(ping->stream, ping->sent + ping->timeout);
    /* 32 bytes fit: everything sent before was answered. */
    if (p2p_stream_write(ping->stream, p2p_bytes_of(ping->bytes, PING_LEN)) < PING_LEN)
        p2p_stream_reset(ping->stream, P2P_CODE_NONE);
}

void p2p_ping_stop(p2p_ping *ping) {
    ping->fn = NULL;
    p2p_stream_set_deadline(ping->stream, P2P_NEVER);
    p2p_stream_close(ping->stream);
}

static void ask_opened(p2p_stream *stream, void *self) {
    (void)stream;
    p2p_ping_send(self);
}

/* spec: ping #protocol: the listening peer echoes the same 32-byte payload back. */
static void ask_readable(p2p_stream *stream, void *self) {
    p2p_ping *ping = self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        if (view.len > PING_LEN - ping->received ||
            !p2p_same_secret(view.ptr, ping->bytes + ping->received, view.len)) {
            ping->err = P2P_ERR_VIOLATION;
            p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
            return;
        }
        ping->received += view.len;
        p2p_stream_consume(stream, view.len);
        if (ping->received == PING_LEN) {
            p2p_stream_set_deadline(stream, P2P_NEVER);
            report(ping, P2P_OK, now(stream) - ping->sent);
        }
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_close(stream);
}

static void ask_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    p2p_ping *ping = self;
    p2p_err err = ping->err != P2P_OK ? ping->err : end->err;
    report(ping, err == P2P_OK ? P2P_ERR_EOF : err, 0);
    p2p_mem_free(ping->mem, ping, sizeof *ping);
}

static const p2p_protocol ASK = {
    .size = sizeof(p2p_protocol),
    .ids = IDS,
    .on_limited = true,
    .opened = ask_opened,
    .readable = ask_readable,
    .closed = ask_closed,
};

p2p_err p2p_ping_start(
    p2p_ping **out, p2p_conn *conn, p2p_time timeout, p2p_ping_fn fn, void *ctx) {
    const p2p_mem *mem = p2p_host_mem(p2p_conn_host(conn));
    *out = NULL;
    p2p_ping *ping = p2p_mem_alloc(mem, sizeof *ping);
    if (ping == NULL)
        return P2P_ERR_NO_MEMORY;
    ping->mem = mem;
    ping->fn = fn;
    ping->ctx = ctx;
    ping->timeout = timeout;
    p2p_err err = p2p_conn_open(conn, &ASK, ping, &ping->stream);
    if (err != P2P_OK) {
        p2p_mem_free(mem, ping, sizeof *ping);
        return err;
    }
    *out = ping;
    return P2P_OK;
}
