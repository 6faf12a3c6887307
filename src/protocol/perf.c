/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* spec: perf. The bytes themselves are zeros: nobody looks at them, and every layer below encrypts
 * them. */
#include <p2p/perf.h>

#include <p2p/host.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { BLOCK = 64 * 1024, HEADER_LEN = 8 };

static const char *const IDS[] = {"/perf/1.0.0", NULL};

static const uint8_t ZEROS[BLOCK];

/* Writes zeros until *left is used up or the stream takes no more. */
static uint64_t pump(p2p_stream *stream, uint64_t *left, size_t block) {
    uint64_t before = *left;
    while (*left > 0) {
        size_t piece = *left < block ? (size_t)*left : block;
        size_t taken = p2p_stream_write(stream, p2p_bytes_of(ZEROS, piece));
        *left -= taken;
        if (taken < piece)
            break;
    }
    return before - *left;
}

static uint64_t drain(p2p_stream *stream) {
    uint64_t drained = 0;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0; drained += view.len)
        p2p_stream_consume(stream, view.len);
    return drained;
}

/* --- serving --- */

typedef struct server {
    const p2p_mem *mem;
    uint8_t header[HEADER_LEN];
    size_t header_len;
    uint64_t left; /* to send back */
    bool sending;
} server;

static void serve_opened(p2p_stream *stream, void *self) {
    (void)self;
    const p2p_mem *mem = p2p_host_mem(p2p_stream_host(stream));
    server *own = p2p_mem_alloc(mem, sizeof *own);
    if (own == NULL) {
        p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        return;
    }
    own->mem = mem;
    p2p_stream_set_user(stream, own);
}

static void serve_writable(p2p_stream *stream, void *self) {
    (void)self;
    server *own = p2p_stream_user(stream);
    if (own == NULL || !own->sending)
        return;
    pump(stream, &own->left, BLOCK);
    if (own->left == 0)
        p2p_stream_shut(stream);
}

static void serve_readable(p2p_stream *stream, void *self) {
    server *own = p2p_stream_user(stream);
    if (own == NULL)
        return;
    while (own->header_len < HEADER_LEN) {
        p2p_bytes view = p2p_stream_peek(stream);
        if (view.len == 0)
            break;
        size_t piece =
            view.len < HEADER_LEN - own->header_len ? view.len : HEADER_LEN - own->header_len;
        memcpy(own->header + own->header_len, view.ptr, piece);
        own->header_len += piece;
        p2p_stream_consume(stream, piece);
    }
    drain(stream);
    if (!p2p_stream_at_end(stream) || own->sending)
        return;
    /* spec: perf #protocol: the number of bytes to send back is a single big-endian uint64. */
    if (own->header_len < HEADER_LEN) {
        p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
        return;
    }
    own->left = p2p_load64(own->header);
    own->sending = true;
    serve_writable(stream, self);
}

static void serve_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)end;
    (void)self;
    server *own = p2p_stream_user(stream);
    if (own != NULL)
        p2p_mem_free(own->mem, own, sizeof *own);
}

const p2p_protocol p2p_perf_protocol = {
    .size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .opened = serve_opened,
    .readable = serve_readable,
    .writable = serve_writable,
    .closed = serve_closed,
};

/* --- asking --- */

struct p2p_perf {
    const p2p_mem *mem;
    p2p_stream *stream;
    p2p_perf_fn fn;
    void *ctx;
    uint64_t left, wanted;
    size_t block;
    p2p_perf_progress progress;
};

static void report(p2p_perf *perf) {
    if (perf->fn != NULL)
        perf->fn(perf->ctx, perf, &perf->progress);
}

static void ask_writable(p2p_stream *stream, void *self) {
    p2p_perf *perf = self;
    uint64_t sent = pump(stream, &perf->left, perf->block);
    perf->progress.uploaded += sent;
    if (perf->left == 0)
        p2p_stream_shut(stream);
    if (sent > 0)
        report(perf);
}

static void ask_opened(p2p_stream *stream, void *self) {
    p2p_perf *perf = self;
    uint8_t header[HEADER_LEN];
    p2p_store64(header, perf->wanted);
    if (p2p_stream_write(stream, p2p_bytes_of(header, sizeof header)) < sizeof header)
        p2p_stream_reset(stream, P2P_CODE_NONE);
    else
        ask_writable(stream, self);
}

static void ask_readable(p2p_stream *stream, void *self) {
    p2p_perf *perf = self;
    if (perf->progress.upload_done == 0)
        perf->progress.upload_done = p2p_host_now(p2p_stream_host(stream));
    perf->progress.downloaded += drain(stream);
    report(perf);
}

static void ask_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    p2p_perf *perf = self;
    perf->progress.done = true;
    perf->progress.err = end->err;
    if (end->err == P2P_OK && (perf->left > 0 || perf->progress.downloaded != perf->wanted))
        perf->progress.err = P2P_ERR_VIOLATION;
    report(perf);
    p2p_mem_free(perf->mem, perf, sizeof *perf);
}

static const p2p_protocol ASK = {
    .size = sizeof(p2p_protocol),
    .ids = IDS,
    .opened = ask_opened,
    .readable = ask_readable,
    .writable = ask_writable,
    .closed = ask_closed,
};

p2p_err p2p_perf_start(p2p_perf **out, p2p_conn *conn, uint64_t upload, uint64_t download,
    size_t block, p2p_perf_fn fn, void *ctx) {
    p2p_host *host = p2p_conn_host(conn);
    *out = NULL;
    p2p_perf *perf = p2p_mem_alloc(p2p_host_mem(host), sizeof *perf);
    if (perf == NULL)
        return P2P_ERR_NO_MEMORY;
    perf->mem = p2p_host_mem(host);
    perf->fn = fn;
    perf->ctx = ctx;
    perf->left = upload;
    perf->wanted = download;
    perf->block = block == 0 || block > BLOCK ? BLOCK : block;
    perf->progress.started = p2p_host_now(host);
    p2p_err err = p2p_conn_open(conn, &ASK, perf, &perf->stream);
    if (err != P2P_OK) {
        p2p_mem_free(perf->mem, perf, sizeof *perf);
        return err;
    }
    *out = perf;
    return P2P_OK;
}

void p2p_perf_stop(p2p_perf *perf) {
    p2p_stream_reset(perf->stream, P2P_CODE_NONE);
}
