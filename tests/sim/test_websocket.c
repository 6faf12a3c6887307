/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 10 ms ──── b        raw ──── 10 ms ──── b
 *
 * WebSocket with and without TLS, several kinds of connection on one port, and clients that follow
 * no rule: `raw` is a plain socket of the simulated network that sends what it is told.
 */
#include <openssl/ssl.h>

#include <p2p/http.h>
#include <p2p/perf.h>
#include <p2p/ping.h>
#include <p2p/websocket.h>

#include "host/host.h"

#include "sim/certificate.h"
#include "sim/world.h"

/* --- two hosts --- */

static void start_pair(world *w, node **a, node **b, const p2p_config *config_b) {
    world_init(w, 7);
    *a = world_add(w, NULL);
    *b = world_add(w, config_b);
    world_link(w, *a, *b, &(link){.latency = 10 * P2P_MILLISECOND});
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_ping_protocol, NULL));
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_perf_protocol, NULL));
}

static void dial_text(node *from, node *to, const char *tail, bool insecure) {
    char text[256];
    p2p_multiaddr addr;
    p2p_dial_options options = {sizeof options, .insecure_tls = insecure, .force_new = true};
    snprintf(text, sizeof text, "/ip4/10.0.0.%u%s", to->ip.ip[3], tail);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    check_ok(p2p_host_dial(from->host, p2p_host_peer(to->host), &addr, 1, &options, NULL));
    world_pump(from);
}

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

static void check_perf(world *w, node *a, uint64_t up, uint64_t down) {
    p2p_perf *perf;
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, up, down, 0, on_perf, NULL));
    world_run(w, 60 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(result.uploaded == up && result.downloaded == down);
}

static void check_conn(const p2p_conn *conn, const char *transport, const char *end) {
    char text[P2P_MULTIADDR_TEXT_MAX];
    assert_string_equal(p2p_conn_transport(conn), transport);
    p2p_multiaddr_format(text, sizeof text, p2p_conn_remote(conn));
    check(strlen(text) >= strlen(end));
    assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void bytes_pass_over_ws(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, NULL);
    world_listen(b, "/tcp/4001/ws");
    dial_text(a, b, "/tcp/4001/ws", false);
    world_run(&w, P2P_SECOND);
    if (a->connected != 1)
        fail_msg("a: %s, b: %s", a->last_reason.text, b->last_reason.text);
    check_conn(a->last_conn, "ws", "/tcp/4001/ws");
    check_conn(b->last_conn, "ws", "/ws");
    check_perf(&w, a, 3 << 20, 5 << 20);
    p2p_host_close(a->host);
    world_run(&w, 5 * P2P_SECOND);
    check(a->stopped);
    check(b->disconnected == 1);
    check_err(P2P_ERR_EOF, b->last_reason.err == P2P_ERR_RESET ? P2P_ERR_EOF : b->last_reason.err);
    world_deinit(&w);
}

static void bytes_pass_over_wss(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, NULL);
    give_certificate(b);
    world_listen(b, "/tcp/4001/wss");
    dial_text(a, b, "/tcp/4001/tls/sni/example.org/ws/http-path/a%2Fb", true);
    world_run(&w, P2P_SECOND);
    if (a->connected != 1)
        fail_msg("a: %s, b: %s", a->last_reason.text, b->last_reason.text);
    check_conn(a->last_conn, "wss", "/ws/http-path/a%2Fb");
    check_conn(b->last_conn, "wss", "/tls/ws");
    p2p_multiaddr addr;
    char text[P2P_MULTIADDR_TEXT_MAX];
    check(p2p_host_addr(b->host, 0, &addr));
    p2p_multiaddr_format(text, sizeof text, &addr);
    assert_string_equal(text, "/ip4/10.0.0.2/tcp/4001/tls/ws");
    check_perf(&w, a, 3 << 20, 5 << 20);
    /* A new certificate does not touch it. */
    give_certificate(b);
    check_perf(&w, a, 1 << 20, 1 << 20);
    p2p_conn_close(b->last_conn, 0);
    world_run(&w, 5 * P2P_SECOND);
    check(a->disconnected == 1);
    world_deinit(&w);
}

static void a_certificate_nobody_vouches_for_is_refused(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, NULL);
    give_certificate(b);
    world_listen(b, "/tcp/4001/tls/ws");
    dial_text(a, b, "/tcp/4001/tls/sni/example.org/ws", false);
    world_run(&w, P2P_SECOND);
    check(a->connected == 0);
    check_err(P2P_ERR_BAD_CERTIFICATE, a->last_reason.err);
    check(strstr(a->last_reason.text, "certificate was not accepted: self") != NULL);
    check(strstr(b->last_reason.text, "alert") != NULL);
    world_deinit(&w);
}

/* Dials with the certificate among the system's authorities. */
static void check_trusted(const char *tail, uint64_t wall_ms, const char *why) {
    world w;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    char path[] = "/tmp/p2p-test-XXXXXX";
    pem p;
    int fd = mkstemp(path);
    check(fd >= 0);
    make_pem(&p, "example.org");
    FILE *file = fdopen(fd, "w");
    check(fwrite(p.cert, 1, p.cert_len, file) == p.cert_len);
    fclose(file);
    setenv("SSL_CERT_FILE", path, 1);
    world_init(&w, 7);
    config.wall_ms = wall_ms;
    node *a = world_add(&w, &config), *b = world_add(&w, NULL);
    check_ok(p2p_websocket_set_certificate(
        b->host, p2p_bytes_of(p.cert, p.cert_len), p2p_bytes_of(p.key, p.key_len)));
    world_listen(b, "/tcp/4001/tls/ws");
    dial_text(a, b, tail, false);
    world_run(&w, P2P_SECOND);
    unsetenv("SSL_CERT_FILE");
    remove(path);
    check(a->connected == (why == NULL));
    if (why != NULL && strstr(a->last_reason.text, why) == NULL)
        fail_msg("%s", a->last_reason.text);
    world_deinit(&w);
}

static void the_certificate_must_be_for_the_name_and_the_time(void **state) {
    (void)state;
    check_trusted("/tcp/4001/tls/sni/example.org/ws", 0, NULL);
    check_trusted("/tcp/4001/tls/sni/example.net/ws", 0, "hostname mismatch");
    check_trusted("/tcp/4001/tls/ws", 0, "IP address mismatch");
    check_trusted("/tcp/4001/tls/sni/example.org/ws", UINT64_C(1950000000000), "expired");
}

static void listening_with_tls_needs_a_certificate(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    pem p, other;
    start_pair(&w, &a, &b, NULL);
    check_ok(p2p_multiaddr_parse(&addr, "/ip4/10.0.0.2/tcp/4001/tls/ws", NULL));
    check_err(P2P_ERR_STATE, p2p_host_listen(b->host, &addr, NULL));
    make_pem(&p, "a.example");
    make_pem(&other, "b.example");
    check_err(P2P_ERR_INVALID, p2p_websocket_set_certificate(b->host, P2P_LITERAL("nonsense"),
                                   p2p_bytes_of(p.key, p.key_len)));
    check_err(
        P2P_ERR_INVALID, p2p_websocket_set_certificate(b->host, p2p_bytes_of(p.cert, p.cert_len),
                             p2p_bytes_of(other.key, other.key_len)));
    check_err(P2P_ERR_STATE, p2p_host_listen(b->host, &addr, NULL));
    world_deinit(&w);
}

/* --- one port for all --- */

static void one_port_serves_every_kind(void **state) {
    (void)state;
    static const char *const TAILS[] = {"/tcp/4001", "/tcp/4001/ws", "/tcp/4001/tls/ws"};
    static const char *const NAMES[] = {"tcp", "ws", "wss"};
    for (size_t i = 0; i < 3; i++) {
        world w;
        node *a, *b;
        start_pair(&w, &a, &b, NULL);
        give_certificate(b);
        for (size_t k = 0; k < 3; k++)
            world_listen(b, TAILS[(i + k) % 3]);
        dial_text(a, b, TAILS[i], true);
        world_run(&w, P2P_SECOND);
        if (a->connected != 1)
            fail_msg("%s: a: %s, b: %s", TAILS[i], a->last_reason.text, b->last_reason.text);
        assert_string_equal(p2p_conn_transport(a->last_conn), NAMES[i]);
        assert_string_equal(p2p_conn_transport(b->last_conn), NAMES[i]);
        check_perf(&w, a, 100000, 100000);
        world_deinit(&w);
    }
}

static void unlisten_of_one_kind_keeps_the_others(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr raw, ws;
    uint64_t raw_number, ws_number;
    start_pair(&w, &a, &b, NULL);
    check_ok(p2p_multiaddr_parse(&raw, "/ip4/10.0.0.2/tcp/4001", NULL));
    check_ok(p2p_multiaddr_parse(&ws, "/ip4/10.0.0.2/tcp/4001/ws", NULL));
    check_ok(p2p_host_listen(b->host, &raw, &raw_number));
    world_run(&w, P2P_SECOND);
    check_ok(p2p_host_listen(b->host, &ws, &ws_number)); /* the socket is open already */
    check_err(P2P_ERR_ADDRESS_IN_USE, p2p_host_listen(b->host, &ws, NULL));
    p2p_host_unlisten(b->host, raw_number);
    world_run(&w, P2P_SECOND);
    dial_text(a, b, "/tcp/4001/ws", false);
    world_run(&w, P2P_SECOND);
    check(a->connected == 1);
    dial_text(a, b, "/tcp/4001", false);
    world_run(&w, 20 * P2P_SECOND);
    check(a->connected == 1);
    p2p_host_unlisten(b->host, ws_number);
    world_run(&w, P2P_SECOND);
    dial_text(a, b, "/tcp/4001/ws", false);
    world_run(&w, P2P_SECOND);
    check_err(P2P_ERR_REFUSED, a->last_reason.err);
    world_deinit(&w);
}

/* --- a client without rules --- */

typedef struct raw {
    p2p_sock sock;
    node *self;
    const uint8_t *out;
    size_t out_len;
    size_t piece; /* most bytes in one draw; 0: any */
    uint8_t in[300000];
    size_t in_len;
    bool open, eof, closed;
} raw;

static void raw_opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)local;
    (void)remote;
    raw *r = P2P_CONTAINER(sock, raw, sock);
    r->open = true;
    p2p_io_wake(&r->self->host->env.io, sock);
}

static void raw_bytes(p2p_sock *sock, uint8_t *data, size_t len) {
    raw *r = P2P_CONTAINER(sock, raw, sock);
    size_t n = len < sizeof r->in - r->in_len ? len : sizeof r->in - r->in_len;
    p2p_copy(r->in + r->in_len, data, n);
    r->in_len += n;
}

static size_t raw_draw(p2p_sock *sock, uint8_t *dst, size_t cap) {
    raw *r = P2P_CONTAINER(sock, raw, sock);
    size_t n = r->out_len < cap ? r->out_len : cap;
    n = r->piece > 0 && n > r->piece ? r->piece : n;
    p2p_copy(dst, r->out, n);
    r->out = n > 0 ? r->out + n : r->out;
    r->out_len -= n;
    return n;
}

static void raw_eof(p2p_sock *sock) {
    P2P_CONTAINER(sock, raw, sock)->eof = true;
}

static void raw_closed(p2p_sock *sock, p2p_err err) {
    (void)err;
    P2P_CONTAINER(sock, raw, sock)->closed = true;
}

static const p2p_sock_ops RAW_OPS = {.opened = raw_opened,
    .bytes = raw_bytes,
    .eof = raw_eof,
    .closed = raw_closed,
    .draw = raw_draw};

static raw client;

static void raw_send(const void *data, size_t len) {
    client.out = data;
    client.out_len = len;
    p2p_io_wake(&client.self->host->env.io, &client.sock);
    world_pump(client.self);
}

static void raw_connect(node *self, const node *to, const void *data, size_t len) {
    p2p_sockaddr at = to->ip;
    at.port = 4001;
    memset(&client, 0, sizeof client);
    client.self = self;
    client.out = data;
    client.out_len = len;
    check_ok(p2p_io_connect(&self->host->env.io, &client.sock, &RAW_OPS, &at, NULL));
    world_pump(self);
}

static bool raw_heard(const char *text) {
    return client.in_len >= strlen(text) && memmem(client.in, client.in_len, text, strlen(text));
}

static void raw_close(world *w) {
    p2p_io_close(&client.self->host->env.io, &client.sock, false);
    world_run(w, 20 * P2P_SECOND);
}

static const char UPGRADE[] = "GET /any/path HTTP/1.1\r\nHost: b\r\nUpgrade: WebSocket\r\n"
                              "Connection: keep-alive, Upgrade\r\nOrigin: https://example.org\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n\r\n";

static void start_shared(world *w, node **a, node **b, const p2p_config *config) {
    start_pair(w, a, b, config);
    give_certificate(*b);
    world_listen(*b, "/tcp/4001");
    world_listen(*b, "/tcp/4001/ws");
    world_listen(*b, "/tcp/4001/tls/ws");
}

static void nothing_is_said_before_the_first_byte(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, NULL, 0);
    world_run(&w, 4 * P2P_SECOND);
    check(client.open && client.in_len == 0 && !client.eof && !client.closed);
    world_run(&w, 2 * P2P_SECOND);
    check(client.closed || client.eof);
    check_err(P2P_ERR_TIMEOUT, b->last_reason.err);
    raw_close(&w);
    world_deinit(&w);
}

static void a_port_for_tcp_alone_speaks_first(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, NULL);
    world_listen(b, "/tcp/4001");
    raw_connect(a, b, NULL, 0);
    world_run(&w, P2P_SECOND);
    check(raw_heard("/multistream/1.0.0\n"));
    raw_close(&w);
    world_deinit(&w);
}

static void another_first_byte_is_refused(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, "\x05\x01", 2);
    world_run(&w, P2P_SECOND);
    check(client.closed && client.in_len == 0);
    check(strstr(b->last_reason.text, "0x05") != NULL);
    raw_close(&w);
    world_deinit(&w);
}

static void a_slow_request_is_served_or_runs_out_of_time(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, NULL, 0);
    for (size_t i = 0; i + 1 < sizeof UPGRADE; i++) {
        raw_send(UPGRADE + i, 1);
        world_run(&w, 20 * P2P_MILLISECOND);
    }
    world_run(&w, P2P_SECOND);
    check(raw_heard("HTTP/1.1 101 "));
    check(raw_heard("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    check(raw_heard("/multistream/1.0.0\n"));
    raw_close(&w);
    raw_connect(a, b, NULL, 0);
    for (size_t i = 0; i < 40; i++) {
        raw_send(UPGRADE + i, 1);
        world_run(&w, 500 * P2P_MILLISECOND);
    }
    check(client.closed || client.eof);
    check_err(P2P_ERR_TIMEOUT, b->last_reason.err);
    raw_close(&w);
    world_deinit(&w);
}

static void a_megabyte_of_headers_is_refused(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    size_t len = 1 << 20;
    char *head = malloc(len);
    memset(head, 'x', len);
    memcpy(head, "GET / HTTP/1.1\r\nA: ", 19);
    raw_connect(a, b, head, len);
    world_run(&w, 5 * P2P_SECOND);
    check(raw_heard("HTTP/1.1 431 "));
    check(client.eof || client.closed);
    check(b->mem.peak_bytes < 1 << 20);
    raw_close(&w);
    free(head);
    world_deinit(&w);
}

/* Sends the upgrade and these frames behind it; the server must close with that code. */
static void check_frames(const void *frames, size_t len, unsigned code) {
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, UPGRADE, sizeof UPGRADE - 1);
    world_run(&w, P2P_SECOND);
    check(raw_heard("HTTP/1.1 101 "));
    raw_send(frames, len);
    world_run(&w, P2P_SECOND);
    check(client.eof);
    check(client.in_len >= 4);
    check_same(p2p_bytes_of(client.in + client.in_len - 4, 4),
        p2p_bytes_of(((uint8_t[]){0x88, 2, (uint8_t)(code >> 8), (uint8_t)code}), 4));
    raw_close(&w);
    check(b->connected == 0);
    world_deinit(&w);
}

static void frames_against_the_rules_are_answered_with_their_code(void **state) {
    (void)state;
    check_frames("\x82\x01\x13", 3, 1002);                        /* not masked */
    check_frames("\x83\x80\0\0\0\0", 6, 1002);                    /* reserved opcode */
    check_frames("\xc2\x80\0\0\0\0", 6, 1002);                    /* compressed */
    check_frames("\x81\x82\0\0\0\0hi", 8, 1003);                  /* text */
    check_frames("\x82\xff\x7f\0\0\0\0\0\0\0\0\0\0\0", 14, 1009); /* far too long */
    check_frames("\x80\x80\0\0\0\0", 6, 1002);                    /* continues nothing */
    check_frames("\x88\x82\0\0\0\0\x03\xe8", 8, 1000);            /* a close */
}

static void a_flood_of_pings_takes_no_memory(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, UPGRADE, sizeof UPGRADE - 1);
    world_run(&w, P2P_SECOND);
    size_t before = b->mem.live_bytes;
    static uint8_t pings[6 * 20000];
    for (size_t i = 0; i < sizeof pings; i += 6)
        memcpy(pings + i, "\x89\x80\0\0\0", 6);
    raw_send(pings, sizeof pings);
    world_run(&w, P2P_SECOND);
    check(!client.eof && !client.closed);
    check(client.in[client.in_len - 2] == 0x8a);
    check(b->mem.live_bytes == before);
    raw_close(&w);
    world_deinit(&w);
}

static void fragments_without_end_take_no_memory(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    raw_connect(a, b, UPGRADE, sizeof UPGRADE - 1);
    world_run(&w, P2P_SECOND);
    size_t before = b->mem.live_bytes;
    static uint8_t fragments[6 * 20000];
    for (size_t i = 0; i < sizeof fragments; i += 6)
        memcpy(fragments + i, "\x00\x80\0\0\0", 6);
    fragments[0] = 0x02;
    raw_send(fragments, sizeof fragments);
    world_run(&w, P2P_SECOND);
    check(!client.eof && !client.closed);
    check(b->mem.live_bytes == before);
    world_run(&w, 20 * P2P_SECOND);
    check(client.eof || client.closed); /* the deadline still counts */
    check_err(P2P_ERR_TIMEOUT, b->last_reason.err);
    raw_close(&w);
    world_deinit(&w);
}

static void origins_may_be_named(void **state) {
    (void)state;
    static const char *const OURS[] = {"https://example.org", NULL};
    static const char *const OTHERS[] = {"https://example.net", "null", NULL};
    for (int i = 0; i < 4; i++) {
        world w;
        node *a, *b;
        p2p_config config = P2P_CONFIG_DEFAULTS;
        config.ws_origins = i % 2 == 0 ? OURS : OTHERS;
        start_shared(&w, &a, &b, &config);
        if (i >= 2) /* another choice while it runs */
            p2p_host_set_ws_origins(b->host, i == 2 ? OTHERS : NULL);
        raw_connect(a, b, UPGRADE, sizeof UPGRADE - 1);
        world_run(&w, P2P_SECOND);
        check(raw_heard(i == 0 || i == 3 ? "HTTP/1.1 101 " : "HTTP/1.1 403 "));
        raw_close(&w);
        world_deinit(&w);
    }
}

/* --- plain HTTP --- */

static size_t requests;

static void serve(void *ctx, const p2p_http_request *request, p2p_http_response *response) {
    (void)ctx;
    requests++;
    check_same(p2p_http_request_header(request, "x-number"), P2P_LITERAL("7"));
    check(p2p_http_request_header(request, "other").ptr == NULL);
    if (!p2p_bytes_equal(request->path, P2P_LITERAL("/hello")))
        return;
    check_same(request->method, P2P_LITERAL("POST"));
    check_same(request->query, P2P_LITERAL("a=b"));
    p2p_http_response_set_status(response, 200);
    check_ok(p2p_http_response_add_header(response, "X-Answer", "yes"));
    check_err(P2P_ERR_INVALID, p2p_http_response_add_header(response, "X\r\nY", "yes"));
    check_err(P2P_ERR_INVALID, p2p_http_response_add_header(response, "X", "a\r\nb"));
    check_err(P2P_ERR_INVALID, p2p_http_response_add_header(response, "Content-Length", "1"));
    p2p_http_response_write(response, P2P_LITERAL("you said "));
    p2p_http_response_write(response, request->body);
}

static void check_http(bool handler, const char *request, const char *status, const char *end) {
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    requests = 0;
    if (handler)
        p2p_host_set_http_handler(b->host, serve, NULL);
    raw_connect(a, b, request, strlen(request));
    world_run(&w, P2P_SECOND);
    check(raw_heard(status));
    check(raw_heard(end));
    check(client.eof);
    raw_close(&w);
    check(b->mem.live_blocks > 0);
    world_deinit(&w);
}

static void plain_requests_go_to_the_handler(void **state) {
    (void)state;
    check_http(true,
        "POST /hello?a=b HTTP/1.1\r\nHost: b\r\nX-Number: 7\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\n", "Content-Length: 12\r\nX-Answer: yes\r\n\r\nyou said abc");
    check(requests == 1);
    check_http(true, "GET /nothing HTTP/1.1\r\nHost: b\r\nX-Number: 7\r\n\r\n", "HTTP/1.1 404 ",
        "Content-Length: 0\r\n\r\n");
    check(requests == 1);
    check_http(false, "GET / HTTP/1.1\r\nHost: b\r\n\r\n", "HTTP/1.1 404 ", "\r\n\r\n");
    check_http(true, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 65537\r\n\r\n", "HTTP/1.1 413 ",
        "\r\n\r\n");
    check(requests == 0);
}

static void a_served_request_is_no_failed_connection(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    raw_connect(a, b, REQUEST, sizeof REQUEST - 1);
    raw_close(&w);
    check_ok(b->last_reason.err);
    check(b->host->swarm.pending_inbound == 0);
    world_deinit(&w);
}

static void a_request_over_tls_is_served_too(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_shared(&w, &a, &b, NULL);
    /* Without a handler even the path of a WebSocket is 404 for a plain request. */
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION); /* the older one is served, too */
    raw_connect(a, b, NULL, 0);
    static uint8_t block[20000];
    char answer[1000] = "";
    size_t done = 0, len = 0;
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(ssl);
        if (SSL_is_init_finished(ssl) && len == 0)
            SSL_write_ex(ssl, "GET / HTTP/1.1\r\nHost: b\r\n\r\n", 27, &len);
        int n = BIO_read(out, block, sizeof block);
        if (n > 0)
            raw_send(block, (size_t)n);
        world_run(&w, 100 * P2P_MILLISECOND);
        BIO_write(in, client.in + done, (int)(client.in_len - done));
        done = client.in_len;
        if (SSL_is_init_finished(ssl))
            (void)SSL_read(ssl, answer, sizeof answer - 1);
    }
    check(strstr(answer, "HTTP/1.1 404 ") != NULL);
    check(SSL_get_shutdown(ssl) == SSL_RECEIVED_SHUTDOWN);
    check(client.eof);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    raw_close(&w);
    world_deinit(&w);
}

/* --- the wrong protocol --- */

static void tls_and_no_tls_do_not_meet(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, NULL);
    give_certificate(b);
    world_listen(b, "/tcp/4001/ws");
    world_listen(b, "/tcp/4002/tls/ws");
    dial_text(a, b, "/tcp/4001/tls/ws", true);
    world_run(&w, 20 * P2P_SECOND);
    check(a->connected == 0 && b->connected == 0);
    check(strstr(a->last_reason.text, "does not speak TLS") != NULL);
    dial_text(a, b, "/tcp/4002/ws", true);
    world_run(&w, 20 * P2P_SECOND);
    check(a->connected == 0 && b->connected == 0);
    if (strstr(b->last_reason.text, "does not speak TLS") == NULL)
        fail_msg("%s", b->last_reason.text);
    world_deinit(&w);
}

/* A server that answers with what it is told. */
static const char *script;
static raw accepted_one;

static void script_accepted(
    p2p_sock *sock, p2p_socket socket, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)sock;
    node *self = accepted_one.self;
    memset(&accepted_one.sock, 0, sizeof accepted_one.sock);
    check_ok(
        p2p_io_adopt(&self->host->env.io, &accepted_one.sock, &RAW_OPS, socket, local, remote));
    accepted_one.out = (const uint8_t *)script;
    accepted_one.out_len = strlen(script);
    p2p_io_wake(&self->host->env.io, &accepted_one.sock);
}

static const p2p_sock_ops SCRIPT_OPS = {
    .opened = raw_opened, .accepted = script_accepted, .closed = raw_closed};

static void check_server(const char *says, p2p_err err, const char *text) {
    world w;
    node *a, *b;
    raw *listener = calloc(1, sizeof *listener);
    start_pair(&w, &a, &b, NULL);
    memset(&accepted_one, 0, sizeof accepted_one);
    accepted_one.self = listener->self = b;
    script = says;
    p2p_sockaddr at = b->ip;
    at.port = 4001;
    check_ok(p2p_io_listen(&b->host->env.io, &listener->sock, &SCRIPT_OPS, &at));
    world_pump(b);
    dial_text(a, b, "/tcp/4001/ws/http-path/wrong", false);
    world_run(&w, 20 * P2P_SECOND);
    check(a->connected == 0);
    check_err(err, a->last_reason.err);
    if (strstr(a->last_reason.text, text) == NULL)
        fail_msg("%s", a->last_reason.text);
    check(memmem(accepted_one.in, accepted_one.in_len, "GET /wrong HTTP/1.1\r\n", 21) != NULL);
    check(memmem(accepted_one.in, accepted_one.in_len, "Host: 10.0.0.2:4001\r\n", 21) != NULL);
    p2p_io_close(&b->host->env.io, &accepted_one.sock, true);
    p2p_io_close(&b->host->env.io, &listener->sock, true);
    world_run(&w, P2P_SECOND);
    free(listener);
    world_deinit(&w);
}

static void servers_that_refuse_or_babble_are_named(void **state) {
    (void)state;
    check_server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", P2P_ERR_REFUSED, "404");
    check_server("HTTP/1.1 101 Switching Protocols\r\n\r\n", P2P_ERR_VIOLATION, "RFC 6455");
    check_server("\x13/multistream/1.0.0\n", P2P_ERR_MALFORMED, "does not answer in HTTP");
    check_server("", P2P_ERR_TIMEOUT, "WebSocket handshake");
}

/* --- memory --- */

/* Fails the n-th request for memory of either host, until a whole visit needs fewer. */
static void any_allocation_may_fail(void **state) {
    (void)state;
    for (size_t at = 1, whole = 0; whole == 0; at += 1 + at / 50) {
        world w;
        node *a, *b;
        start_shared(&w, &a, &b, NULL);
        a->mem.fail_at = a->mem.requests + at;
        b->mem.fail_at = b->mem.requests + at;
        char text[64];
        p2p_multiaddr addr;
        p2p_dial_options options = {sizeof options, .insecure_tls = true};
        snprintf(text, sizeof text, "/ip4/10.0.0.2/tcp/4001%s", at % 2 == 0 ? "/ws" : "/tls/ws");
        check_ok(p2p_multiaddr_parse(&addr, text, NULL));
        p2p_err err = p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, &options, NULL);
        world_run(&w, 30 * P2P_SECOND);
        if (err == P2P_OK && a->connected == 1 && a->mem.requests < a->mem.fail_at &&
            b->mem.requests < b->mem.fail_at)
            whole = at;
        world_deinit(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_over_ws),
        cmocka_unit_test(bytes_pass_over_wss),
        cmocka_unit_test(a_certificate_nobody_vouches_for_is_refused),
        cmocka_unit_test(the_certificate_must_be_for_the_name_and_the_time),
        cmocka_unit_test(listening_with_tls_needs_a_certificate),
        cmocka_unit_test(one_port_serves_every_kind),
        cmocka_unit_test(unlisten_of_one_kind_keeps_the_others),
        cmocka_unit_test(nothing_is_said_before_the_first_byte),
        cmocka_unit_test(a_port_for_tcp_alone_speaks_first),
        cmocka_unit_test(another_first_byte_is_refused),
        cmocka_unit_test(a_slow_request_is_served_or_runs_out_of_time),
        cmocka_unit_test(a_megabyte_of_headers_is_refused),
        cmocka_unit_test(frames_against_the_rules_are_answered_with_their_code),
        cmocka_unit_test(a_flood_of_pings_takes_no_memory),
        cmocka_unit_test(fragments_without_end_take_no_memory),
        cmocka_unit_test(origins_may_be_named),
        cmocka_unit_test(plain_requests_go_to_the_handler),
        cmocka_unit_test(a_served_request_is_no_failed_connection),
        cmocka_unit_test(a_request_over_tls_is_served_too),
        cmocka_unit_test(tls_and_no_tls_do_not_meet),
        cmocka_unit_test(servers_that_refuse_or_babble_are_named),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
