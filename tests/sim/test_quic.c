/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 50 ms, sometimes lossy ──── b
 *
 * QUIC between hosts: the handshake and what it proves, streams, loss, a peer that vanishes, an
 * address that changes.
 */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

typedef struct pings {
    size_t answers;
    p2p_time rtt;
    p2p_err err;
} pings;

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    pings *p = ctx;
    p->err = err;
    if (err != P2P_OK)
        return;
    p->rtt = rtt;
    if (++p->answers < 5)
        p2p_ping_send(ping);
    else
        p2p_ping_stop(ping);
}

static p2p_config quic_config(void) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    return config;
}

static void start_pair(world *w, node **a, node **b, const link *path) {
    p2p_config config = quic_config();
    world_init(w, 7);
    *a = world_add(w, &config);
    *b = world_add(w, &config);
    world_link(w, *a, *b, path);
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_ping_protocol, NULL));
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_perf_protocol, NULL));
    world_listen(*b, "/udp/4001/quic-v1");
}

static void two_hosts_ping_each_other(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 50 * P2P_MILLISECOND, .mtu = 1472});
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    if (b->connected != 1)
        fail_msg("a: %zu %s, b: %zu %s", a->disconnected, a->last_reason.text, b->disconnected,
            b->last_reason.text);
    check(a->connected == 1);
    check(p2p_peer_id_equal(p2p_conn_peer(a->last_conn), p2p_host_peer(b->host)));
    check(p2p_peer_id_equal(p2p_conn_peer(b->last_conn), p2p_host_peer(a->host)));
    check(strcmp(p2p_conn_transport(a->last_conn), "quic-v1") == 0);
    pings p = {0};
    p2p_ping *ping;
    check_ok(p2p_ping_start(&ping, a->last_conn, P2P_SECOND, on_ping, &p));
    world_run(&w, 5 * P2P_SECOND);
    check_ok(p.err);
    check(p.answers == 5);
    check(p.rtt == 100 * P2P_MILLISECOND);
    p2p_host_close(a->host);
    world_run(&w, 10 * P2P_SECOND);
    check(a->stopped);
    check(b->disconnected == 1);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_ping_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
