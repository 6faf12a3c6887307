/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The library's side of tests/bench/run.py, on the public interface alone. Each command prints
 * JSON objects, one a line.
 *
 *     bench-peer listen ADDR    prints the addresses, then `ready`; for each line on stdin what it
 *                               holds (memory in use, allocations so far, connections)
 *     bench-peer perf ADDR      uploads --bytes over --streams in writes of --block
 *     bench-peer hold ADDR      makes --count connections, and keeps them when identify is done
 *
 * All take --security noise|tls, and end with their stdin or their work. Memory is counted twice:
 * `counted` through the library's own allocator, `heap` by the C library, which includes what
 * OpenSSL, GnuTLS and libuv hold.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <uv.h>

#include <p2p/node.h>
#include <p2p/perf.h>
#include <p2p/ping.h>

enum { DIALS_AT_ONCE = 16 };

static struct {
    const char *command, *address;
    const p2p_security *security[2];
    uint64_t bytes, count;
    size_t streams, block;
} opt = {.bytes = 1000000000, .count = 1, .streams = 1, .block = 65536};

static uv_loop_t loop;
static uv_pipe_t input;
static char input_block[256];
static p2p_node *node;
static p2p_multiaddr target;
static uint64_t conns, started_conns, identified, allocations, allocations_before;
static size_t counted;
static p2p_time started, finished;
static size_t running; /* perf streams */

static void die(const char *why) {
    fprintf(stderr, "bench-peer: %s\n", why);
    exit(1);
}

static void must(p2p_err err) {
    if (err != P2P_OK)
        die(p2p_err_text(err));
}

static void *count_resize(void *ctx, void *ptr, size_t old_size, size_t new_size) {
    (void)ctx;
    counted += new_size - old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    allocations++;
    void *block = realloc(ptr, new_size);
    if (block == NULL)
        die("out of memory");
    return block;
}

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    if (getrandom(dst, len, 0) != (ssize_t)len)
        die("no randomness");
}

static void print_holdings(void) {
    struct mallinfo2 heap = mallinfo2();
    printf("{\"conns\":%llu,\"counted\":%zu,\"heap\":%zu,\"allocations\":%llu}\n",
        (unsigned long long)conns, counted, heap.uordblks + heap.hblkhd,
        (unsigned long long)allocations);
    fflush(stdout);
}

/* --- perf */

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    if (!progress->done)
        return;
    must(progress->err);
    if (progress->upload_done > finished)
        finished = progress->upload_done;
    if (--running > 0)
        return;
    double seconds = (double)(finished - started) / (double)P2P_SECOND;
    printf("{\"gbit\":%.3f,\"seconds\":%.3f,\"allocations\":%llu}\n",
        (double)opt.bytes * 8e-9 / seconds, seconds,
        (unsigned long long)(allocations - allocations_before));
    exit(fflush(stdout));
}

static void start_perf(p2p_conn *conn) {
    p2p_perf *perf;
    allocations_before = allocations;
    running = opt.streams;
    started = p2p_host_now(p2p_conn_host(conn));
    for (size_t i = 0; i < opt.streams; i++)
        must(p2p_perf_start(&perf, conn, opt.bytes / opt.streams, 0, opt.block, on_perf, NULL));
}

/* --- connections */

static void dial(void) {
    const p2p_dial_options options = {.size = sizeof options, .force_new = true};
    if (started_conns == opt.count)
        return;
    started_conns++;
    must(p2p_host_dial(p2p_node_host(node), NULL, &target, 1, &options, NULL));
}

/* Identify may be pushed again later. */
static void held(p2p_conn *conn) {
    p2p_conn_set_user(conn, &identified);
    if (++identified == opt.count)
        print_holdings();
    else
        dial();
}

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    char text[P2P_MULTIADDR_TEXT_MAX], peer[P2P_PEER_ID_TEXT_MAX];
    (void)ctx;
    switch (event->type) {
    case P2P_EVENT_LISTENING:
        p2p_multiaddr_format(text, sizeof text, &event->addr);
        p2p_peer_id_format(peer, sizeof peer, p2p_host_peer(host));
        printf("%s/p2p/%s\nready\n", text, peer);
        fflush(stdout);
        break;
    case P2P_EVENT_CONNECTED:
        conns++;
        break;
    case P2P_EVENT_DIALED:
        if (strcmp(opt.command, "perf") == 0)
            start_perf(event->conn);
        break;
    case P2P_EVENT_IDENTIFIED:
        if (strcmp(opt.command, "hold") == 0 && p2p_conn_user(event->conn) == NULL)
            held(event->conn);
        break;
    case P2P_EVENT_DISCONNECTED:
        conns--;
        if (strcmp(opt.command, "listen") != 0)
            die(event->reason.text);
        break;
    case P2P_EVENT_LISTEN_FAILED:
    case P2P_EVENT_DIAL_FAILED:
        die(event->reason.text);
        break;
    default:
        break;
    }
}

/* --- start */

static void take_option(const char *name, const char *value) {
    if (strcmp(name, "--security") == 0)
        opt.security[0] = strcmp(value, "tls") == 0 ? &p2p_tls : &p2p_noise;
    else if (strcmp(name, "--bytes") == 0)
        opt.bytes = strtoull(value, NULL, 10);
    else if (strcmp(name, "--count") == 0)
        opt.count = strtoull(value, NULL, 10);
    else if (strcmp(name, "--streams") == 0)
        opt.streams = strtoull(value, NULL, 10);
    else if (strcmp(name, "--block") == 0)
        opt.block = strtoull(value, NULL, 10);
    else
        die("unknown option");
}

static void give_block(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    (void)handle;
    (void)size;
    *buf = uv_buf_init(input_block, sizeof input_block);
}

static void on_input(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    (void)stream;
    (void)buf;
    if (len < 0)
        exit(0);
    print_holdings();
}

int main(int argc, char **argv) {
    if (argc < 3 || argc % 2 == 0)
        die("usage: bench-peer listen|perf|hold ADDR [--OPTION VALUE]...");
    opt.command = argv[1];
    opt.address = argv[2];
    for (int i = 3; i < argc; i += 2)
        take_option(argv[i], argv[i + 1]);
    if (uv_loop_init(&loop) != 0 || uv_pipe_init(&loop, &input, 0) != 0)
        die("no event loop");
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_random random = {fill_random, NULL};
    config.mem = (p2p_mem){count_resize, NULL};
    config.limits.conns_per_peer = config.limits.conns;
    if (opt.security[0] != NULL)
        config.security = opt.security;
    must(p2p_identity_generate(&config.identity, P2P_ED25519, &config.mem, &random));
    must(p2p_node_new_on(&node, &config, &loop));
    must(p2p_host_add_protocol(p2p_node_host(node), &p2p_perf_protocol, NULL));
    must(p2p_host_add_protocol(p2p_node_host(node), &p2p_ping_protocol, NULL));
    p2p_node_on_event(node, on_event, NULL);
    if (uv_pipe_open(&input, 0) == 0)
        uv_read_start((uv_stream_t *)&input, give_block, on_input);
    if (strcmp(opt.command, "listen") == 0) {
        must(p2p_node_listen(node, opt.address));
    } else {
        must(p2p_multiaddr_parse(&target, opt.address, NULL));
        bool holds = strcmp(opt.command, "hold") == 0;
        for (int i = 0; i < (holds ? DIALS_AT_ONCE : 1); i++)
            dial();
    }
    return uv_run(&loop, UV_RUN_DEFAULT);
}
