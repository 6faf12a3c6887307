/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two nodes in two processes over the loopback interface: perf up, then down, then small writes.
 *
 *     bench_node [megabytes] [listen address]      default 4000 /ip4/127.0.0.1/tcp/0
 */
#include <p2p/node.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <p2p/perf.h>
#include <p2p/ping.h>

#include "machine.h"

enum { PINGS = 20000 };

typedef struct bench {
    p2p_node *node;
    p2p_conn *conn;
    int tell; /* the server's address goes there */
    uint64_t bytes;
    int phase;
    double cpu;
    p2p_time rtt_sum;
    int pings;
} bench;

static void fill(void *ctx, uint8_t *dst, size_t len) {
    uint64_t *x = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)((*x = *x * UINT64_C(6364136223846793005) + 1442695040888963407U) >> 56);
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    bench *b = ctx;
    if (err != P2P_OK)
        exit(1);
    b->rtt_sum += rtt;
    if (++b->pings < PINGS) {
        p2p_ping_send(ping);
        return;
    }
    printf("ping: %.1f us\n", (double)b->rtt_sum / PINGS / 1e3);
    p2p_node_stop(b->node);
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress);

static void next_phase(bench *b) {
    static const size_t blocks[] = {65536, 65536, 1024};
    p2p_ping *ping;
    p2p_perf *perf;
    b->cpu = cpu_seconds(RUSAGE_SELF);
    if (b->phase == 3) {
        if (p2p_ping_start(&ping, b->conn, P2P_SECOND, on_ping, b) != P2P_OK)
            exit(1);
        return;
    }
    bool down = b->phase == 1;
    if (p2p_perf_start(&perf, b->conn, down ? 0 : b->bytes, down ? b->bytes : 0, blocks[b->phase],
            on_perf, b) != P2P_OK)
        exit(1);
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    static const char *const names[] = {"up", "down", "up, 1 KiB writes"};
    bench *b = ctx;
    (void)perf;
    if (!progress->done)
        return;
    if (progress->err != P2P_OK) {
        fprintf(stderr, "%s\n", p2p_err_name(progress->err));
        exit(1);
    }
    double seconds =
        (double)(p2p_host_now(p2p_node_host(b->node)) - progress->started) / (double)P2P_SECOND;
    printf("%s: %.2f Gbit/s (this side's CPU %.0f %%)\n", names[b->phase],
        (double)b->bytes * 8e-9 / seconds, (cpu_seconds(RUSAGE_SELF) - b->cpu) / seconds * 100);
    fflush(stdout);
    b->phase++;
    next_phase(b);
}

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    bench *b = ctx;
    char text[P2P_MULTIADDR_TEXT_MAX];
    (void)host;
    if (event->type == P2P_EVENT_LISTENING && b->tell >= 0) {
        p2p_multiaddr_format(text, sizeof text, &event->addr);
        if (write(b->tell, text, sizeof text) < 0)
            exit(1);
        b->tell = -1;
    } else if (event->type == P2P_EVENT_DIALED) {
        b->conn = event->conn;
        next_phase(b);
    } else if (event->type == P2P_EVENT_DIAL_FAILED) {
        fprintf(stderr, "%s\n", event->reason.text);
        exit(1);
    }
}

static void open_node(bench *b, uint64_t seed) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_random random = {fill, &seed};
    if (p2p_identity_generate(&config.identity, P2P_ED25519, &config.mem, &random) != P2P_OK ||
        p2p_node_new(&b->node, &config) != P2P_OK ||
        p2p_host_add_protocol(p2p_node_host(b->node), &p2p_perf_protocol, NULL) != P2P_OK ||
        p2p_host_add_protocol(p2p_node_host(b->node), &p2p_ping_protocol, NULL) != P2P_OK)
        exit(1);
    p2p_node_on_event(b->node, on_event, b);
}

int main(int argc, char **argv) {
    bench b = {.bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 4000) * 1000000, .tell = -1};
    const char *at = argc > 2 ? argv[2] : "/ip4/127.0.0.1/tcp/0";
    char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_multiaddr addr;
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) {
        b.tell = ends[1];
        open_node(&b, 1);
        if (p2p_node_listen(b.node, at) != P2P_OK)
            return 1;
        p2p_node_run(b.node);
        return 0;
    }
    if (read(ends[0], text, sizeof text) <= 0 || p2p_multiaddr_parse(&addr, text, NULL) != P2P_OK)
        return 1;
    open_node(&b, 2);
    if (p2p_host_dial(p2p_node_host(b.node), NULL, &addr, 1, NULL, NULL) != P2P_OK)
        return 1;
    p2p_node_run(b.node);
    kill(child, SIGTERM);
    return 0;
}
