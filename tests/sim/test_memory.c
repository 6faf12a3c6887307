/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 5 ms ──── b        both take their memory from one allocator
 *
 * The whole life of two hosts with each request for memory failing once: nothing leaks, nothing
 * hangs, and both hosts stop when they are asked to.
 */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

static size_t pings, perfs, answers;

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    (void)rtt;
    if (err == P2P_OK) {
        pings++;
        p2p_ping_stop(ping);
    }
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    perfs += progress->done && progress->err == P2P_OK;
}

static void note(node *self, const p2p_event *event) {
    (void)self;
    answers += event->type == P2P_EVENT_DIALED || event->type == P2P_EVENT_DIAL_FAILED;
}

static p2p_err use_connection(world *w, node *a) {
    p2p_ping *ping;
    p2p_perf *perf;
    p2p_err err = p2p_ping_start(&ping, a->last_conn, P2P_SECOND, on_ping, NULL);
    if (err == P2P_OK)
        err = p2p_perf_start(&perf, a->last_conn, 40000, 30000, 0, on_perf, NULL);
    world_run(w, 2 * P2P_SECOND);
    return err;
}

static p2p_err live(world *w, const p2p_config *config) {
    node *a, *b;
    uint64_t request = 0;
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, "/ip4/10.0.0.2/tcp/4001", NULL));
    p2p_err err = world_try_add(w, config, &a);
    if (err == P2P_OK)
        err = world_try_add(w, config, &b);
    if (err == P2P_OK)
        err = p2p_host_add_protocol(b->host, &p2p_ping_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_add_protocol(b->host, &p2p_perf_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_listen(b->host, &addr, NULL);
    if (err != P2P_OK)
        return err;
    a->on_event = note;
    world_run(w, P2P_SECOND);
    err = p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, &request);
    world_run(w, 20 * P2P_SECOND);
    check(answers == (err == P2P_OK));
    if (a->last_conn != NULL)
        err = use_connection(w, a);
    p2p_host_close(a->host);
    p2p_host_close(b->host);
    world_run(w, 30 * P2P_SECOND);
    check(a->stopped && b->stopped);
    check(a->connected == a->disconnected && b->connected == b->disconnected);
    return err;
}

static p2p_err life(const p2p_mem *mem, void *ctx) {
    world w;
    world_init(&w, 5);
    w.mem = mem;
    pings = perfs = answers = 0;
    p2p_err err = live(&w, ctx);
    if (((faulty_mem *)mem->ctx)->fail_at == 0)
        check(pings == 1 && perfs == 1);
    world_deinit(&w);
    return err;
}

static void two_hosts_survive_every_failed_request_with_noise(void **state) {
    (void)state;
    static const p2p_security *const NOISE[] = {&p2p_noise, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = NOISE;
    sweep_allocations(life, &config);
}

static void two_hosts_survive_every_failed_request_with_tls(void **state) {
    (void)state;
    static const p2p_security *const TLS[] = {&p2p_tls, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = TLS;
    sweep_allocations(life, &config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_survive_every_failed_request_with_noise),
        cmocka_unit_test(two_hosts_survive_every_failed_request_with_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
