/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A whole HTTP/3 connection and its WebTransport sessions on a QUIC that exists only here: the
 * functions of quic/quic.h that the room calls stand below, and hand what the input says to its
 * hooks. First byte: 1 to be the client. Then steps, a byte each that says what happens to which
 * stream, and what that takes.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "stack/stream.h"
#include "support/check.h"
#include "webtransport/client.h"
#include "webtransport/dial.h"
#include "webtransport/raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STREAMS = 64, HELD_MAX = 64 * 1024, MEMORY_MAX = 1024 * 1024 };

/* --- QUIC --- */

/* By kind (id & 3) and number; `fin` and `reset` are of the peer's direction. */
typedef struct fake_stream {
    p2p_quic_stream *own; /* NULL: not open, or detached */
    bool opened, fin;
    size_t held; /* given without credit */
} fake_stream;

struct p2p_quic_conn {
    p2p_env *env;
    void *self;
    bool outbound, closed, finishing;
    int64_t opened[2]; /* by the host, in each direction */
    p2p_sockaddr remote;
    fake_stream streams[4][STREAMS];
};

static fake_stream *find(p2p_quic_conn *conn, int64_t id) {
    P2P_REQUIRE(id >= 0 && id / 4 < STREAMS);
    return &conn->streams[id & 3][id / 4];
}

void p2p_quic_conn_set_self(p2p_quic_conn *conn, void *self) {
    conn->self = self;
}

void *p2p_quic_conn_self(const p2p_quic_conn *conn) {
    return conn->self;
}

void *p2p_quic_conn_ctx(const p2p_quic_conn *conn) {
    return (void *)conn;
}

p2p_env *p2p_quic_conn_env(const p2p_quic_conn *conn) {
    return conn->env;
}

bool p2p_quic_conn_outbound(const p2p_quic_conn *conn) {
    return conn->outbound;
}

const p2p_sockaddr *p2p_quic_conn_remote(const p2p_quic_conn *conn) {
    return &conn->remote;
}

void p2p_quic_conn_local(const p2p_quic_conn *conn, p2p_sockaddr *local) {
    *local = conn->remote;
}

p2p_time p2p_quic_conn_started(const p2p_quic_conn *conn) {
    return conn->env->now;
}

p2p_time p2p_quic_conn_rtt(const p2p_quic_conn *conn) {
    return conn->env->now;
}

void p2p_quic_conn_close(p2p_quic_conn *conn, uint64_t code) {
    (void)code;
    conn->closed = true;
}

void p2p_quic_conn_finish(p2p_quic_conn *conn, uint64_t code) {
    (void)code;
    conn->finishing = true;
}

p2p_err p2p_quic_conn_send_datagram(p2p_quic_conn *conn, p2p_bytes bytes) {
    (void)conn;
    return bytes.len > p2p_quic_conn_datagram_max(conn) ? P2P_ERR_TOO_BIG : P2P_OK;
}

size_t p2p_quic_conn_datagram_max(const p2p_quic_conn *conn) {
    (void)conn;
    return 1200;
}

p2p_err p2p_quic_stream_open(p2p_quic_conn *conn, p2p_quic_stream *stream, bool unidirectional) {
    int64_t kind = (unidirectional ? 2 : 0) | !conn->outbound;
    if (conn->closed || conn->opened[unidirectional] == STREAMS)
        return P2P_ERR_AGAIN;
    p2p_quic_stream_attach(conn, stream, 4 * conn->opened[unidirectional]++ + kind);
    find(conn, stream->id)->opened = true;
    return P2P_OK;
}

void p2p_quic_stream_attach(p2p_quic_conn *conn, p2p_quic_stream *stream, int64_t id) {
    stream->id = id;
    stream->attached = true;
    find(conn, id)->own = stream;
}

void p2p_quic_stream_move(p2p_quic_conn *conn, p2p_quic_stream *from, p2p_quic_stream *to) {
    P2P_REQUIRE(from->attached && from->sent == 0);
    to->received = from->received;
    p2p_quic_stream_attach(conn, to, from->id);
    from->attached = false;
}

void p2p_quic_stream_want(p2p_quic_conn *conn, p2p_quic_stream *stream) {
    (void)conn;
    (void)stream;
}

void p2p_quic_stream_credit(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t len) {
    if (!stream->attached)
        return;
    P2P_REQUIRE(len <= find(conn, stream->id)->held);
    find(conn, stream->id)->held -= len;
}

void p2p_quic_stream_reset_write(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    (void)conn;
    (void)code;
    stream->write_over = true;
}

void p2p_quic_stream_stop(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    (void)conn;
    (void)code;
    stream->read_over = true;
}

void p2p_quic_stream_reset(p2p_quic_conn *conn, p2p_quic_stream *stream, uint64_t code) {
    p2p_quic_stream_reset_write(conn, stream, code);
    p2p_quic_stream_stop(conn, stream, code);
}

void p2p_quic_stream_detach(p2p_quic_conn *conn, p2p_quic_stream *stream) {
    if (stream->attached)
        find(conn, stream->id)->own = NULL;
    stream->attached = false;
}

/* Nobody dials here. */
p2p_err p2p_wt_dial_start(p2p_transport *transport, p2p_wt_dial *dial, const p2p_multiaddr *addr) {
    (void)transport;
    (void)dial;
    (void)addr;
    return P2P_ERR_UNSUPPORTED;
}

void p2p_wt_dial_cancel(p2p_wt_dial *dial) {
    (void)dial;
}

void p2p_wt_dial_forget(p2p_wt_dial *dial) {
    (void)dial;
}

/* --- the application: everything comes back --- */

static p2p_webtransport_session *session; /* the latest */
static size_t opened, closed;

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        p2p_stream_write(stream, view);
        p2p_stream_consume(stream, view.len);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void session_opened(p2p_webtransport_session *it, void *self) {
    (void)self;
    session = it;
    opened++;
}

static void send_back(p2p_webtransport_session *it, p2p_bytes bytes, void *self) {
    (void)self;
    (void)p2p_webtransport_send_datagram(it, bytes);
}

static void session_closed(p2p_webtransport_session *it, const p2p_reason *reason, void *self) {
    (void)self;
    P2P_REQUIRE(reason->err != P2P_OK);
    if (session == it)
        session = NULL;
    closed++;
}

static const char *const NO_IDS[] = {"", NULL};
static const p2p_protocol ECHO = {
    .size = sizeof(p2p_protocol), .ids = NO_IDS, .readable = echo, .writable = echo};
static const p2p_webtransport_handler HANDLER = {.size = sizeof(p2p_webtransport_handler),
    .path = "/e",
    .streams = &ECHO,
    .opened = session_opened,
    .datagram = send_back,
    .closed = session_closed};

/* A client's session: refuses what the server opens. */
static p2p_wt_session *asked;

static void asked_opened(p2p_wt_session *it) {
    p2p_wt_session_drain(it);
}

static p2p_err asked_stream(p2p_wt_session *it, bool unidirectional, p2p_wt_stream **out) {
    (void)it;
    (void)unidirectional;
    (void)out;
    return P2P_ERR_LIMIT;
}

static void asked_closed(p2p_wt_session *it, const p2p_reason *reason) {
    P2P_REQUIRE(it == asked && reason->err != P2P_OK);
    asked = NULL;
}

static const p2p_wt_app CLIENT = {
    .opened = asked_opened, .stream_opened = asked_stream, .closed = asked_closed};

static void ready(p2p_h3_conn *h3) {
    if (p2p_wt_session_open(&asked, h3, P2P_LITERAL("h:1"), P2P_LITERAL("/e"), &CLIENT, NULL) !=
        P2P_OK)
        asked = NULL;
}

static unsigned request(p2p_h3_conn *h3, p2p_wt_session *it, const p2p_h3_request *head) {
    return p2p_wt_raw_request(h3->env, it, head);
}

static void ended(p2p_h3_conn *h3, const p2p_reason *reason) {
    (void)h3;
    P2P_REQUIRE(reason->err != P2P_OK);
}

static const p2p_h3_owner OWNER = {ready, request, ended};

/* --- the steps --- */

typedef struct steps {
    const uint8_t *at;
    size_t left;
} steps;

static uint8_t next(steps *s) {
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->at++;
}

/* An exact copy of the next bytes, so that a read past their end is found. */
static p2p_bytes take(steps *s, uint8_t **copy) {
    size_t len = next(s);
    if (len > s->left)
        len = s->left;
    *copy = malloc(len + 1);
    memcpy(*copy, s->at, len);
    s->at += len;
    s->left -= len;
    return p2p_bytes_of(*copy, len);
}

static bool by_host(const p2p_quic_conn *conn, unsigned kind) {
    return ((kind & 1) != 0) == !conn->outbound;
}

/* The stream's object, opened by its first data; NULL if it is not for the peer to send on. */
static fake_stream *open_for(p2p_quic_conn *conn, unsigned kind, unsigned number) {
    fake_stream *stream = &conn->streams[kind][number];
    uint64_t refusal;
    if (!stream->opened && !by_host(conn, kind)) {
        stream->opened = true;
        (void)p2p_h3_stream_opened(conn, 4 * (int64_t)number + kind, &refusal);
    }
    bool readable = !by_host(conn, kind) || kind < 2;
    return readable && stream->own != NULL ? stream : NULL;
}

static void give(p2p_quic_conn *conn, fake_stream *stream, p2p_bytes bytes, bool fin) {
    if (stream->fin || stream->held + bytes.len > HELD_MAX)
        return;
    stream->fin = fin;
    if (stream->own->read_over)
        return;
    stream->held += bytes.len;
    stream->own->received += bytes.len;
    stream->own->read_over = fin;
    p2p_h3_stream_data(conn, stream->own, bytes, fin);
}

/* All that the stream has to say is sent and acknowledged. */
static void drain(p2p_quic_conn *conn, fake_stream *stream) {
    for (int turn = 0; turn < 8 && stream->own != NULL && !stream->own->write_over; turn++) {
        p2p_bytes views[4];
        bool fin = false;
        p2p_quic_stream *own = stream->own;
        size_t len = 0, count = p2p_h3_stream_pull(conn, own, own->sent, views, 4, &fin);
        for (size_t i = 0; i < count; i++)
            len += views[i].len;
        own->sent += len;
        p2p_h3_stream_sent(conn, own, len);
        own->fin_sent |= fin;
        own->write_over |= fin;
        if (stream->own == own) {
            size_t acked = own->sent;
            own->sent = 0;
            p2p_h3_stream_acked(conn, own, acked, fin);
        }
        if (len == 0)
            break;
    }
}

static void close_if_over(p2p_quic_conn *conn, fake_stream *stream) {
    p2p_quic_stream *own = stream->own;
    if (own == NULL || !own->write_over || !own->read_over)
        return;
    own->attached = false;
    stream->own = NULL;
    p2p_h3_stream_closed(conn, own);
}

static void turn(p2p_env *env, faulty_mem *mem) {
    for (p2p_list *node; (node = p2p_list_pop(&env->ready)) != NULL;)
        p2p_stream_dispatch(p2p_stream_of_ready(node));
    for (p2p_list *node; (node = p2p_list_pop(&env->dead)) != NULL;) {
        p2p_dead *dead = P2P_CONTAINER(node, p2p_dead, node);
        dead->free(dead);
    }
    P2P_REQUIRE(mem->live_bytes <= MEMORY_MAX);
}

static void step(p2p_quic_conn *conn, steps *s) {
    unsigned what = next(s), which = next(s);
    unsigned kind = which & 3, number = which >> 2;
    fake_stream *stream = what % 16 < 12 ? open_for(conn, kind, number) : NULL;
    uint8_t *copy = NULL;
    p2p_bytes bytes = {0};
    if (what % 16 < 6 || what % 16 == 12)
        bytes = take(s, &copy);
    switch (what % 16) {
    case 6:
    case 7:
        if (stream != NULL && !stream->fin && !stream->own->read_over) {
            stream->fin = stream->own->read_over = true;
            p2p_h3_stream_reset(conn, stream->own, UINT64_C(0x52e4a40fa8db) + next(s));
        }
        break;
    case 8:
    case 9:
        if (stream != NULL && !stream->own->write_over) {
            stream->own->write_over = true;
            p2p_h3_stream_stopped(conn, stream->own);
        }
        break;
    case 12:
        p2p_h3_datagram(conn, bytes);
        break;
    case 13:
        conn->env->now += (which + 1) * 100 * P2P_MILLISECOND;
        p2p_timers_run(&conn->env->timers, conn->env->now);
        break;
    case 14:
        if (session != NULL && (which & 4) != 0)
            p2p_webtransport_close(session, which, P2P_LITERAL("bye"));
        else if (session != NULL)
            (void)p2p_webtransport_open(session, (which & 1) != 0, NULL);
        else if (asked != NULL)
            p2p_wt_session_close(asked, which, P2P_LITERAL("bye"));
        break;
    default:
        if (stream != NULL && what % 16 < 6)
            give(conn, stream, bytes, what % 16 == 5);
        break;
    }
    free(copy);
    for (size_t k = 0; k < 4; k++)
        for (size_t n = 0; n < STREAMS && !conn->closed; n++) {
            drain(conn, &conn->streams[k][n]);
            if (!conn->closed)
                close_if_over(conn, &conn->streams[k][n]);
        }
}

static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    memset(dst, 7, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_limits LIMITS = {.streams = 100,
        .streams_inbound_per_conn = 100,
        .streams_outbound_per_conn = 100,
        .buffered_bytes = 512 * 1024,
        .write_buffer = 16 * 1024,
        .window_initial = 64 * 1024,
        .window_max = 64 * 1024};
    static const p2p_timeouts TIMEOUTS = {
        .accept = 15 * P2P_SECOND, .close = 5 * P2P_SECOND, .negotiate = 5 * P2P_SECOND};
    static const p2p_random RANDOM = {fill, NULL};
    static const p2p_log LOG = {0};
    faulty_mem mem;
    steps s = {data, size};
    faulty_mem_init(&mem);
    p2p_env env = {.now = P2P_SECOND,
        .mem = &mem.mem,
        .random = &RANDOM,
        .log = &LOG,
        .limits = &LIMITS,
        .timeouts = &TIMEOUTS};
    p2p_quic_conn *conn = calloc(1, sizeof *conn);
    p2p_h3_conn *h3;
    p2p_timers_init(&env.timers, &mem.mem);
    p2p_chunk_pool_init(&env.chunks, &mem.mem, LIMITS.buffered_bytes);
    p2p_list_init(&env.ready);
    p2p_list_init(&env.calls);
    p2p_list_init(&env.dead);
    session = NULL;
    asked = NULL;
    opened = closed = 0;
    *conn = (p2p_quic_conn){.env = &env, .remote = {.family = 4, .ip = {192, 0, 2, 1}, .port = 9}};
    conn->outbound = (next(&s) & 1) != 0;
    if (p2p_wt_raw_serve(&env, &HANDLER, NULL) != P2P_OK ||
        p2p_h3_conn_new(&h3, conn, &OWNER, NULL) != P2P_OK)
        abort();
    while (s.left > 0 && !conn->closed && !conn->finishing) {
        step(conn, &s);
        turn(&env, &mem);
    }
    if (!conn->closed)
        p2p_h3_conn_closed(conn->self, &(p2p_reason){.err = P2P_ERR_TIMEOUT, .text = "the end"});
    turn(&env, &mem);
    turn(&env, &mem);
    P2P_REQUIRE(opened == closed && asked == NULL);
    p2p_env_free_parts(&env);
    p2p_chunk_pool_deinit(&env.chunks);
    p2p_timers_deinit(&env.timers);
    P2P_REQUIRE(mem.live_blocks == 0);
    free(conn);
    return 0;
}
