/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 20 ms, one in fifty lost, disorder ──── b
 *
 * A host is a function of its inputs, whatever it speaks: the same seed gives the same bytes on the
 * wire, over every transport and security protocol.
 * Another seed gives others.
 */
#include <p2p/perf.h>

#include "base/bytes.h"
#include "sim/certificate.h"
#include "sim/world.h"

typedef struct way {
    const char *name, *tail;
    const p2p_security *security;
} way;

static const way WAYS[] = {{"tcp with Noise", "/tcp/4001", &p2p_noise},
    {"tcp with TLS", "/tcp/4001", &p2p_tls}, {"ws", "/tcp/4001/ws", &p2p_noise},
    {"wss", "/tcp/4001/tls/ws", &p2p_noise}, {"quic-v1", "/udp/4001/quic-v1", &p2p_noise},
    {"webtransport", "/udp/4001/quic-v1/webtransport", &p2p_noise},
    {"webrtc-direct", "/udp/4001/webrtc-direct", &p2p_noise}};

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

static void start_perf(node *self, const p2p_event *event) {
    p2p_perf *perf;
    (void)self;
    if (event->type == P2P_EVENT_CONNECTED)
        check_ok(p2p_perf_start(&perf, event->conn, 300000, 200000, 0, on_perf, NULL));
}

/* Nobody vouches for the certificate of wss. */
static void dial(node *from, node *to) {
    p2p_multiaddr addr;
    p2p_dial_options options = {.size = sizeof options, .insecure_tls = true};
    check(p2p_host_addr(to->host, 0, &addr));
    check_ok(p2p_host_dial(from->host, p2p_host_peer(to->host), &addr, 1, &options, NULL));
    world_pump(from);
}

/* A connection from its first packet to its last. */
static uint64_t life(const way *by, uint64_t seed) {
    const p2p_security *const security[] = {by->security, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    world w;
    world_init(&w, seed);
    if (!w.repeats) {
        world_deinit(&w);
        print_message("skipped: this machine's GnuTLS or OpenSSL takes no randomness of ours\n");
        skip();
    }
    config.security = security;
    node *a = world_add(&w, &config), *b = world_add(&w, &config);
    world_link(&w, a, b,
        &(link){.latency = 20 * P2P_MILLISECOND,
            .jitter = 5 * P2P_MILLISECOND,
            .loss = 0.02,
            .mtu = 1472});
    check_ok(p2p_host_add_protocol(b->host, &p2p_perf_protocol, NULL));
    give_certificate(b); /* for wss */
    world_listen(b, by->tail);
    a->on_event = start_perf;
    result = (p2p_perf_progress){0};
    dial(a, b);
    world_run(&w, 60 * P2P_SECOND);
    if (!result.done || result.err != P2P_OK)
        fail_msg("%s: %s", by->name, p2p_err_text(result.err));
    p2p_host_close(a->host);
    world_pump(a);
    world_run(&w, 60 * P2P_SECOND);
    check(a->stopped && b->disconnected == 1);
    uint64_t trace = w.trace;
    world_deinit(&w);
    return trace;
}

static void the_same_seed_gives_the_same_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(WAYS); i++) {
        uint64_t first = life(&WAYS[i], 2025);
        if (life(&WAYS[i], 2025) != first)
            fail_msg("%s: two runs of one seed differ", WAYS[i].name);
        if (life(&WAYS[i], 2026) == first)
            fail_msg("%s: the seed makes no difference", WAYS[i].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_seed_gives_the_same_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
