/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 1 ms, 100 MB/s ──── b        an upload of 60 MB, later one of 60 MB more
 *
 * Once its queues are full a transfer asks for no memory, on either side: what the first half of it
 * has allocated serves the second. Queues and pools go on growing while the window does, so the
 * first half is long.
 */
#include <p2p/perf.h>

#include "sim/world.h"

enum { HALF = 60000000 };

static struct {
    node *a, *b;
    size_t at_half, at_end; /* requests of both hosts so far */
    bool done;
} t;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    size_t requests = t.a->mem.requests + t.b->mem.requests;
    if (t.at_half == 0 && progress->uploaded >= HALF)
        t.at_half = requests;
    if (progress->uploaded < 2 * (uint64_t)HALF)
        t.at_end = requests;
    if (progress->done) {
        check_ok(progress->err);
        t.done = true;
    }
}

static void transfer(const p2p_config *config, const char *at) {
    world w;
    p2p_perf *perf;
    world_init(&w, 7);
    memset(&t, 0, sizeof t);
    t.a = world_add(&w, config);
    t.b = world_add(&w, config);
    world_link(&w, t.a, t.b, &(link){.latency = P2P_MILLISECOND, .rate = 100000000});
    check_ok(p2p_host_add_protocol(t.b->host, &p2p_perf_protocol, NULL));
    world_listen(t.b, at);
    world_dial(t.a, t.b);
    world_run(&w, P2P_SECOND);
    check_ok(p2p_perf_start(&perf, t.a->last_conn, 2 * (uint64_t)HALF, 0, 0, on_perf, NULL));
    world_pump(t.a);
    world_run(&w, 8 * P2P_SECOND);
    check(t.done && t.at_half > 0);
    if (t.at_end != t.at_half)
        fail_msg("%s: %zu requests for memory in the second half", at, t.at_end - t.at_half);
    world_deinit(&w);
}

static void a_transfer_asks_for_no_memory_with_noise(void **state) {
    (void)state;
    static const p2p_security *const NOISE[] = {&p2p_noise, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = NOISE;
    transfer(&config, "/tcp/4001");
}

static void a_transfer_asks_for_no_memory_with_tls(void **state) {
    (void)state;
    static const p2p_security *const TLS[] = {&p2p_tls, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = TLS;
    transfer(&config, "/tcp/4001");
}

static void a_transfer_asks_for_no_memory_with_quic(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    transfer(&config, "/udp/4001/quic-v1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_asks_for_no_memory_with_noise),
        cmocka_unit_test(a_transfer_asks_for_no_memory_with_tls),
        cmocka_unit_test(a_transfer_asks_for_no_memory_with_quic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
