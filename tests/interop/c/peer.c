/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The library's own interop peer: the command line of tests/interop/CONTRACT.md on the public
 * interface alone.
 *
 *     c-peer listen [--listen ADDR]… [--security noise,tls] [--muxer yamux,mplex] [--key-type TYPE]
 *         [--raw]
 *     c-peer dial ADDR [options] TEST…
 *     c-peer dial ADDR --raw
 *
 * `listen --raw` also serves browsers that speak no libp2p, `dial --raw` is such a client (raw.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <uv.h>

#include <p2p/node.h>
#include <p2p/perf.h>
#include <p2p/ping.h>
#include <p2p/websocket.h>

#include "certificate.h"
#include "echo.h"
#include "raw.h"

enum { LIST_MAX = 8, LISTEN_MAX = 16, ECHO_LEN = 100000, TEST_PATIENCE_S = 60 };

typedef struct options {
    const char *listen[LISTEN_MAX];
    size_t listen_count;
    const char *target;
    const char *const *tests;
    p2p_key_kind key;
    const p2p_security *security[LIST_MAX];
    const p2p_muxer *muxers[LIST_MAX];
    int dialer_version;
    bool raw;
} options;

static options opt = {.key = P2P_ED25519};
static p2p_node *node;
static p2p_conn *conn; /* of the dialler */
static int exit_status;
static p2p_time test_started;

static void usage(const char *why) {
    fprintf(stderr, "c-peer: %s\n", why);
    exit(2);
}

static p2p_host *host(void) {
    return p2p_node_host(node);
}

/* --- the protocols of the contract --- */

static void reset_readable(p2p_stream *stream, void *self) {
    (void)self;
    if (p2p_stream_readable(stream) > 0)
        p2p_stream_reset(stream, 7);
}

static const char *const RESET_IDS[] = {"/interop/reset/1.0.0", NULL};
static const p2p_protocol SERVE_RESET = {
    sizeof(p2p_protocol), RESET_IDS, true, true, NULL, reset_readable, NULL, NULL};

/* --- /interop/open --- */

static void open_answer(echo_client *c, const char *why) {
    p2p_stream *stream = c->ctx;
    const char *text = why == NULL ? "ok" : why;
    if (stream == NULL)
        return;
    p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)text, strlen(text)});
    p2p_stream_close(stream);
    p2p_stream_set_user(stream, NULL);
}

static void open_readable(p2p_stream *stream, void *self) {
    (void)self;
    if (p2p_stream_readable(stream) == 0 || p2p_stream_user(stream) != NULL)
        return;
    p2p_stream_consume(stream, p2p_stream_peek(stream).len);
    echo_client *c = echo_start(p2p_stream_conn(stream), 1000, false, open_answer, stream);
    p2p_stream_set_user(stream, c);
}

static void open_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)end;
    (void)self;
    echo_client *c = p2p_stream_user(stream);
    if (c != NULL)
        c->ctx = NULL;
}

static const char *const OPEN_IDS[] = {"/interop/open/1.0.0", NULL};
static const p2p_protocol SERVE_OPEN = {
    sizeof(p2p_protocol), OPEN_IDS, true, true, NULL, open_readable, NULL, open_closed};

/* --- the dialler's tests --- */

enum { TIMER_TEST = 1, TIMER_IDLE = 2 };

static bool identified;
static char identify_json[8192];
static const char *current; /* the test that runs */
static bool waiting_identify;

static void next_test(void);

static void json_text(char *dst, size_t cap, const char *text, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < len && at + 8 < cap; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            at += (size_t)snprintf(dst + at, cap - at, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            at += (size_t)snprintf(dst + at, cap - at, "\\u%04x", c);
        else
            dst[at++] = (char)c;
    }
    dst[at] = 0;
}

static void report(bool ok, const char *extra) {
    char name[64];
    size_t len = strcspn(current, ":");
    snprintf(name, sizeof name, "%.*s", (int)len, current);
    uint64_t took = uv_hrtime() - test_started;
    printf("{\"test\":\"%s\",\"ok\":%s,\"ms\":%.3f%s}\n", name, ok ? "true" : "false",
        (double)took / 1e6, extra);
    fflush(stdout);
    if (!ok)
        exit_status = 1;
}

static void pass(const char *extra) {
    report(true, extra);
    next_test();
}

static void fail(const char *why) {
    char text[1024], extra[1100];
    json_text(text, sizeof text, why, strlen(why));
    snprintf(extra, sizeof extra, ",\"error\":\"%s\"", text);
    report(false, extra);
    next_test();
}

static void echo_done(echo_client *c, const char *why) {
    (void)c;
    if (why == NULL)
        pass("");
    else
        fail(why);
}

static size_t pings_wanted, pings_got;
static p2p_time ping_times[1000];

static int by_time(const void *a, const void *b) {
    p2p_time x = *(const p2p_time *)a, y = *(const p2p_time *)b;
    return x < y ? -1 : x > y;
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    if (err != P2P_OK) {
        fail(p2p_err_text(err));
        return;
    }
    ping_times[pings_got++] = rtt;
    if (pings_got < pings_wanted) {
        p2p_ping_send(ping);
        return;
    }
    p2p_ping_stop(ping);
    qsort(ping_times, pings_got, sizeof ping_times[0], by_time);
    char extra[100];
    snprintf(extra, sizeof extra, ",\"count\":%zu,\"rtt_ms\":%.3f", pings_got,
        (double)ping_times[pings_got / 2] / 1e6);
    pass(extra);
}

static void start_ping(size_t count) {
    p2p_ping *ping;
    pings_wanted = count < 1000 ? count : 1000;
    pings_got = 0;
    p2p_err err = p2p_ping_start(&ping, conn, TEST_PATIENCE_S * P2P_SECOND, on_ping, NULL);
    if (err != P2P_OK)
        fail(p2p_err_text(err));
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *p) {
    (void)ctx;
    (void)perf;
    if (!p->done)
        return;
    if (p->err != P2P_OK) {
        fail(p2p_err_text(p->err));
        return;
    }
    double up_s = (double)(p->upload_done - p->started) / 1e9;
    double down_s = (double)(p2p_host_now(host()) - p->upload_done) / 1e9;
    char extra[128];
    snprintf(extra, sizeof extra, ",\"up_mbit\":%.1f,\"down_mbit\":%.1f",
        up_s > 0 ? (double)p->uploaded * 8 / up_s / 1e6 : 0,
        down_s > 0 ? (double)p->downloaded * 8 / down_s / 1e6 : 0);
    pass(extra);
}

static void reset_start(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)"x", 1});
}

static void reset_end(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    char extra[100];
    snprintf(extra, sizeof extra, ",\"seen\":\"%s\",\"code\":%u", p2p_err_name(end->err),
        end->remote_code);
    /* In good order although this side never ended its direction: the peer refuses what it would
     * send. */
    if (end->err == P2P_ERR_RESET || end->err == P2P_OK)
        pass(extra);
    else
        fail("expected a reset");
}

static const p2p_protocol RESET_CLIENT = {
    sizeof(p2p_protocol), RESET_IDS, false, true, reset_start, NULL, NULL, reset_end};

static char open_text[64];

static void open_start(p2p_stream *stream, void *self) {
    (void)self;
    open_text[0] = 0;
    p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)"x", 1});
}

static void open_answered(p2p_stream *stream, void *self) {
    (void)self;
    p2p_bytes view = p2p_stream_peek(stream);
    size_t used = strlen(open_text);
    snprintf(
        open_text + used, sizeof open_text - used, "%.*s", (int)view.len, (const char *)view.ptr);
    p2p_stream_consume(stream, view.len);
    if (p2p_stream_at_end(stream))
        p2p_stream_close(stream);
}

static void open_end(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    if (end->err == P2P_OK && strcmp(open_text, "ok") == 0)
        pass("");
    else
        fail(end->err != P2P_OK ? p2p_err_text(end->err) : open_text);
}

static const p2p_protocol OPEN_CLIENT = {
    sizeof(p2p_protocol), OPEN_IDS, false, true, open_start, open_answered, NULL, open_end};

static size_t streams_wanted, streams_open, streams_done;
static echo_client *streams[4096];

static void open_next_stream(void);

/* One is opened when the one before has answered: some peers drop streams that arrive faster than
 * they accept. */
static void stream_progress(echo_client *c) {
    (void)c;
    if (++streams_open < streams_wanted) {
        open_next_stream();
        return;
    }
    for (size_t i = 0; i < streams_wanted; i++)
        echo_go(streams[i]);
}

static void stream_done(echo_client *c, const char *why) {
    (void)c;
    if (streams_done == streams_wanted)
        return; /* it failed already */
    if (why != NULL)
        streams_done = streams_wanted - 1;
    if (++streams_done < streams_wanted)
        return;
    if (why == NULL)
        pass("");
    else
        fail(why);
}

static void open_next_stream(void) {
    streams[streams_open] = echo_start(conn, 1001, true, stream_done, NULL);
    if (streams[streams_open] != NULL)
        streams[streams_open]->progress = stream_progress;
}

static void start_streams(size_t count) {
    streams_wanted = count < 4096 ? count : 4096;
    streams_open = streams_done = 0;
    open_next_stream();
}

static void start_test(const char *test) {
    unsigned long long a = 1, b = 0;
    p2p_err err = P2P_OK;
    p2p_perf *perf;
    current = test;
    test_started = uv_hrtime();
    sscanf(test, "%*[a-z]:%llu:%llu", &a, &b);
    if (p2p_host_set_timer(
            host(), TIMER_TEST, p2p_host_now(host()) + TEST_PATIENCE_S * P2P_SECOND) != P2P_OK)
        exit(1);
    if (strncmp(test, "ping", 4) == 0)
        start_ping((size_t)a);
    else if (strcmp(test, "identify") == 0 && identified)
        pass(identify_json);
    else if (strcmp(test, "identify") == 0)
        waiting_identify = true;
    else if (strncmp(test, "perf:", 5) == 0)
        err = p2p_perf_start(&perf, conn, a, b, 0, on_perf, NULL);
    else if (strncmp(test, "halfclose", 9) == 0)
        echo_start(conn, strchr(test, ':') == NULL ? ECHO_LEN : (size_t)a, false, echo_done, NULL);
    else if (strcmp(test, "reset") == 0)
        err = p2p_conn_open(conn, &RESET_CLIENT, NULL, NULL);
    else if (strncmp(test, "streams:", 8) == 0)
        start_streams((size_t)a);
    else if (strcmp(test, "open") == 0)
        err = p2p_conn_open(conn, &OPEN_CLIENT, NULL, NULL);
    else if (strncmp(test, "idle:", 5) == 0) {
        err = p2p_host_set_timer(host(), TIMER_IDLE, p2p_host_now(host()) + a * P2P_SECOND);
        if (err == P2P_OK)
            err = p2p_host_set_timer(
                host(), TIMER_TEST, p2p_host_now(host()) + (a + TEST_PATIENCE_S) * P2P_SECOND);
    }
    if (err != P2P_OK)
        fail(p2p_err_text(err));
}

static void next_test(void) {
    if (conn != NULL && *opt.tests != NULL)
        start_test(*opt.tests++);
    else
        p2p_host_close(host());
}

static void check_test_name(const char *test) {
    static const char *const NAMES[] = {
        "ping", "identify", "perf:", "halfclose", "reset", "streams:", "open", "idle:"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strncmp(test, NAMES[i], strlen(NAMES[i])) == 0)
            return;
    usage("unknown test");
}

/* --- events --- */

static void print_addr(const p2p_multiaddr *addr) {
    char text[P2P_MULTIADDR_TEXT_MAX], peer[P2P_PEER_ID_TEXT_MAX];
    p2p_multiaddr_format(text, sizeof text, addr);
    p2p_peer_id_format(peer, sizeof peer, p2p_host_peer(host()));
    printf("%s/p2p/%s\n", text, peer);
}

static size_t append(char *dst, size_t cap, size_t at, const char *text) {
    return at + (size_t)snprintf(dst + at, at < cap ? cap - at : 0, "%s", text);
}

static void note_identify(const p2p_peer_info *info) {
    char text[P2P_MULTIADDR_TEXT_MAX];
    size_t cap = sizeof identify_json - 1;
    identified = true;
    json_text(text, sizeof text, (const char *)info->agent.ptr, info->agent.len);
    size_t at = append(identify_json, cap, 0, ",\"agent\":\"");
    at = append(identify_json, cap, at, text);
    at = append(identify_json, cap, at, "\",\"protocols\":[");
    for (size_t i = 0; i < info->protocol_count && at < cap - 400; i++) {
        json_text(text, sizeof text, (const char *)info->protocols[i].ptr, info->protocols[i].len);
        at = append(identify_json, cap, at, i > 0 ? ",\"" : "\"");
        at = append(identify_json, cap, at, text);
        at = append(identify_json, cap, at, "\"");
    }
    p2p_multiaddr_format(text, sizeof text, &info->observed);
    at = append(identify_json, cap, at, "],\"observed\":\"");
    at = append(identify_json, cap, at, text);
    at = append(identify_json, cap, at, "\",\"listen\":[");
    for (size_t i = 0; i < info->addr_count && at < cap - 1400; i++) {
        p2p_multiaddr_format(text, sizeof text, &info->addrs[i]);
        at = append(identify_json, cap, at, i > 0 ? ",\"" : "\"");
        at = append(identify_json, cap, at, text);
        at = append(identify_json, cap, at, "\"");
    }
    append(identify_json, cap, at, "]");
}

static void on_connected(p2p_conn *c) {
    char peer[P2P_PEER_ID_TEXT_MAX], extra[512];
    conn = c;
    p2p_peer_id_format(peer, sizeof peer, p2p_conn_peer(c));
    snprintf(extra, sizeof extra, ",\"peer\":\"%s\",\"security\":\"%s\",\"muxer\":\"%s\"", peer,
        p2p_conn_security(c), p2p_conn_muxer(c));
    pass(extra);
}

static size_t pending_listens;

static void listen_settled(void) {
    p2p_multiaddr addr;
    if (--pending_listens > 0 || opt.target != NULL)
        return;
    for (size_t i = 0; p2p_host_addr(host(), i, &addr); i++)
        print_addr(&addr);
    printf("ready\n");
    fflush(stdout);
}

static void on_event(void *ctx, p2p_host *h, const p2p_event *event) {
    (void)ctx;
    (void)h;
    switch (event->type) {
    case P2P_EVENT_LISTENING:
        listen_settled();
        break;
    case P2P_EVENT_LISTEN_FAILED:
        usage(event->reason.text);
        break;
    case P2P_EVENT_DIALED:
        on_connected(event->conn);
        break;
    case P2P_EVENT_DIAL_FAILED:
        fail(event->reason.text);
        break;
    case P2P_EVENT_DISCONNECTED:
        if (event->conn == conn)
            conn = NULL;
        fprintf(stderr, "disconnected: %s\n", event->reason.text);
        break;
    case P2P_EVENT_IDENTIFIED:
        if (event->conn != conn && opt.target == NULL)
            break;
        note_identify(event->info);
        if (waiting_identify) {
            waiting_identify = false;
            pass(identify_json);
        }
        break;
    case P2P_EVENT_INBOUND_FAILED:
        fprintf(stderr, "inbound connection failed: %s\n", event->reason.text);
        break;
    case P2P_EVENT_TIMER:
        if (event->request == RAW_TIMER)
            raw_on_timer();
        else if (event->request == TIMER_IDLE && conn != NULL)
            start_ping(1);
        else
            fail("time ran out");
        break;
    case P2P_EVENT_STOPPED:
        uv_stop(uv_default_loop());
        break;
    default:
        break;
    }
}

/* --- the program --- */

static void on_stdin(uv_stream_t *in, ssize_t n, const uv_buf_t *buf) {
    (void)buf;
    if (n >= 0)
        return;
    uv_close((uv_handle_t *)in, NULL);
    exit(0);
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    static char block[64];
    (void)handle;
    (void)size;
    *buf = uv_buf_init(block, sizeof block);
}

static void parse_lists(const char *name, const char *value) {
    size_t count = 0;
    char text[128];
    snprintf(text, sizeof text, "%s", value);
    for (char *item = strtok(text, ","); item != NULL; item = strtok(NULL, ","), count++) {
        if (count == LIST_MAX - 1)
            usage("too long a list");
        if (strcmp(name, "--security") == 0 && strcmp(item, "noise") == 0)
            opt.security[count] = &p2p_noise;
        else if (strcmp(name, "--security") == 0 && strcmp(item, "tls") == 0)
            opt.security[count] = &p2p_tls;
        else if (strcmp(name, "--muxer") == 0 && strcmp(item, "yamux") == 0)
            opt.muxers[count] = &p2p_yamux;
        else if (strcmp(name, "--muxer") == 0 && strcmp(item, "mplex") == 0)
            opt.muxers[count] = &p2p_mplex;
        else
            usage("unknown security protocol or muxer");
    }
}

static p2p_key_kind parse_key(const char *name) {
    if (strcmp(name, "secp256k1") == 0)
        return P2P_SECP256K1;
    if (strcmp(name, "ecdsa") == 0)
        return P2P_ECDSA;
    if (strcmp(name, "rsa") == 0)
        return P2P_RSA;
    if (strcmp(name, "ed25519") != 0)
        usage("unknown key type");
    return P2P_ED25519;
}

static void parse(int argc, char **argv) {
    bool dial = argc > 1 && strcmp(argv[1], "dial") == 0;
    if (argc < 2 || (!dial && strcmp(argv[1], "listen") != 0))
        usage("usage: c-peer listen|dial …");
    int at = 2;
    if (dial && at < argc)
        opt.target = argv[at++];
    else if (dial)
        usage("dial needs an address");
    for (; at < argc && argv[at][0] == '-'; at += 2) {
        if (strcmp(argv[at], "--raw") == 0) {
            opt.raw = true;
            at--;
            continue;
        }
        if (at + 1 >= argc)
            usage("an option without a value");
        if (strcmp(argv[at], "--listen") == 0 && opt.listen_count < LISTEN_MAX)
            opt.listen[opt.listen_count++] = argv[at + 1];
        else if (strcmp(argv[at], "--security") == 0 || strcmp(argv[at], "--muxer") == 0)
            parse_lists(argv[at], argv[at + 1]);
        else if (strcmp(argv[at], "--key-type") == 0)
            opt.key = parse_key(argv[at + 1]);
        else if (strcmp(argv[at], "--dialer-version") == 0)
            opt.dialer_version = atoi(argv[at + 1]);
        else
            usage("unknown option");
    }
    opt.tests = (const char *const *)argv + at;
    for (; at < argc; at++)
        check_test_name(argv[at]);
    if (!dial && opt.listen_count == 0)
        opt.listen[opt.listen_count++] = "/ip4/127.0.0.1/tcp/0";
}

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    while (len > 0) {
        ssize_t n = getrandom(dst, len, 0);
        dst += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static void must(p2p_err err, const char *what) {
    if (err == P2P_OK)
        return;
    fprintf(stderr, "c-peer: %s: %s\n", what, p2p_err_text(err));
    exit(err == P2P_ERR_UNSUPPORTED ? 2 : 1);
}

static void raw_said(const char *test, const char *why) {
    char text[256] = "";
    if (why != NULL)
        json_text(text, sizeof text, why, strlen(why));
    printf("{\"test\":\"%s\",\"ok\":%s,\"error\":\"%s\"}\n", test, why == NULL ? "true" : "false",
        text);
    exit_status |= why != NULL;
}

int main(int argc, char **argv) {
    static const p2p_mem MEM = {0};
    static const p2p_random RANDOM = {fill_random, NULL};
    p2p_identity *identity;
    parse(argc, argv);
    must(p2p_identity_generate(&identity, opt.key, &MEM, &RANDOM), "key");
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.identity = identity;
    config.random = RANDOM;
    config.timeouts.dial = config.timeouts.dial_local = config.timeouts.accept =
        config.timeouts.negotiate = TEST_PATIENCE_S * P2P_SECOND;
    if (opt.security[0] != NULL)
        config.security = opt.security;
    if (opt.muxers[0] != NULL)
        config.muxers = opt.muxers;
    uv_loop_t *loop = uv_default_loop();
    must(p2p_node_new_on(&node, &config, loop), "node");
    p2p_node_on_event(node, on_event, NULL);
    must(p2p_host_add_protocol(host(), &p2p_ping_protocol, NULL), "ping");
    must(p2p_host_add_protocol(host(), &p2p_perf_protocol, NULL), "perf");
    must(p2p_host_add_protocol(host(), &echo_protocol, NULL), "echo");
    must(p2p_host_add_protocol(host(), &SERVE_RESET, NULL), "reset");
    must(p2p_host_add_protocol(host(), &SERVE_OPEN, NULL), "open");
    must(show_certificate(host()), "certificate");
    if (opt.raw && opt.target == NULL)
        must(raw_serve(host()), "raw");
    pending_listens = opt.listen_count;
    for (size_t i = 0; i < opt.listen_count; i++)
        must(p2p_node_listen(node, opt.listen[i]), opt.listen[i]);
    if (opt.target != NULL) {
        p2p_multiaddr addr;
        char why[128];
        if (p2p_multiaddr_parse(&addr, opt.target, why) != P2P_OK)
            usage(why);
        p2p_dial_options dial = {
            .size = sizeof dial, .insecure_tls = true, .webrtc_version = opt.dialer_version};
        current = "connect";
        test_started = uv_hrtime();
        if (opt.raw)
            must(raw_dial(host(), &addr, raw_said), "raw dial");
        else
            must(p2p_host_dial(host(), NULL, &addr, 1, &dial, NULL), "dial");
    } else {
        static uv_pipe_t in;
        uv_pipe_init(loop, &in, 0);
        if (uv_pipe_open(&in, 0) == 0)
            uv_read_start((uv_stream_t *)&in, lend, on_stdin);
    }
    p2p_node_kick(node);
    uv_run(loop, UV_RUN_DEFAULT);
    p2p_node_free(node);
    uv_run(loop, UV_RUN_DEFAULT);
    p2p_identity_free(identity);
    return exit_status;
}
