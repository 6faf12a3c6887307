/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a (10.0.0.1) ──── 20 ms, sometimes without UDP ──── b (8.8.1.2)
 *                   ╲── 20 ms, never with UDP ─────────── c (10.0.0.3)
 *
 * A network that swallows UDP: TCP is reached, and after enough failures QUIC addresses of public
 * peers are left out until a probe finds that they work again.
 */
#include "sim/world.h"

#include "swarm/blackhole.h"

static world w;
static node *a, *b, *c;
static p2p_reason why;
static size_t dialed, failed;
static const char *used; /* the transport of the latest connection */

static void note(node *self, const p2p_event *event) {
    (void)self;
    dialed += event->type == P2P_EVENT_DIALED;
    if (event->type != P2P_EVENT_DIAL_FAILED)
        return;
    failed++;
    why = event->reason;
}

static void start(void) {
    world_init(&w, 61);
    a = world_add(&w, NULL);
    b = world_add(&w, NULL);
    c = world_add(&w, NULL);
    world_move(b, 8, 8, 1, 2);
    a->on_event = note;
    dialed = failed = 0;
    world_link(&w, a, b, &(link){.latency = 20 * P2P_MILLISECOND});
    world_link(&w, a, c, &(link){.latency = 20 * P2P_MILLISECOND, .no_udp = true});
    world_listen(b, "/udp/4001/quic-v1");
    world_listen(b, "/tcp/4001");
    world_listen(c, "/udp/4001/quic-v1");
    world_listen(c, "/tcp/4001");
}

static void udp_works(bool works) {
    world_link(&w, a, b, &(link){.latency = 20 * P2P_MILLISECOND, .no_udp = !works});
}

/* Connects, notes the transport and how long it took, and disconnects. */
static p2p_time connect(node *to, const char *transport) {
    p2p_time begin = w.now;
    size_t before = dialed;
    world_dial(a, to);
    while (dialed == before && failed == 0 && w.now < begin + 10 * P2P_SECOND)
        world_run(&w, P2P_MILLISECOND);
    check(dialed == before + 1);
    p2p_time took = w.now - begin;
    used = p2p_conn_transport(a->last_conn);
    if (transport != NULL)
        assert_string_equal(p2p_conn_transport(a->last_conn), transport);
    p2p_conn_close(a->last_conn, 0);
    world_run(&w, P2P_SECOND);
    check(p2p_host_next_conn(a->host, NULL) == NULL);
    return took;
}

static void fill_the_window(void) {
    udp_works(false);
    for (size_t i = 0; i < P2P_BLACKHOLE_WINDOW; i++)
        check(connect(b, "tcp") >= 250 * P2P_MILLISECOND);
}

static void quic_is_preferred_and_tcp_reached_when_udp_vanishes(void **state) {
    (void)state;
    start();
    check(connect(b, "quic-v1") < 200 * P2P_MILLISECOND);
    udp_works(false);
    check(connect(b, "tcp") >= 250 * P2P_MILLISECOND);
    udp_works(true);
    connect(b, "quic-v1");
    world_deinit(&w);
}

static void after_a_hundred_failures_quic_is_left_out(void **state) {
    (void)state;
    start();
    fill_the_window();
    check(connect(b, "tcp") < 200 * P2P_MILLISECOND);
    /* An address of another network is none of its business. */
    check(connect(c, "tcp") >= 30 * P2P_MILLISECOND);
    world_deinit(&w);
}

static void a_peer_known_by_quic_only_is_said_to_be_unreachable(void **state) {
    (void)state;
    p2p_multiaddr addr;
    uint64_t request;
    start();
    fill_the_window();
    check_ok(p2p_multiaddr_parse(&addr, "/ip4/8.8.1.2/udp/4001/quic-v1", NULL));
    /* The peer store knows the TCP address by now: dial it as another peer. */
    check_ok(p2p_host_dial(a->host, p2p_host_peer(c->host), &addr, 1, NULL, &request));
    world_run(&w, P2P_MILLISECOND);
    check(failed == 1);
    check_err(P2P_ERR_UNREACHABLE, why.err);
    check(strstr(why.text, "UDP") != NULL && strstr(why.text, "8.8.1.2") != NULL);
    world_deinit(&w);
}

static void a_probe_finds_that_udp_is_back(void **state) {
    (void)state;
    start();
    fill_the_window();
    udp_works(true);
    size_t skipped = 0;
    for (; skipped < P2P_BLACKHOLE_WINDOW; skipped++) {
        connect(b, NULL);
        if (strcmp(used, "quic-v1") == 0)
            break;
    }
    check(skipped == P2P_BLACKHOLE_WINDOW - 1);
    connect(b, "quic-v1");
    world_deinit(&w);
}

static void private_networks_never_block(void **state) {
    (void)state;
    start();
    for (size_t i = 0; i < P2P_BLACKHOLE_WINDOW + 10; i++)
        check(connect(c, "tcp") >= 30 * P2P_MILLISECOND);
    check(connect(b, "quic-v1") < 200 * P2P_MILLISECOND);
    world_link(&w, a, c, &(link){.latency = 20 * P2P_MILLISECOND});
    connect(c, "quic-v1");
    world_deinit(&w);
}

static void a_cancelled_dial_is_no_failure(void **state) {
    (void)state;
    start();
    udp_works(false);
    for (size_t i = 0; i < P2P_BLACKHOLE_WINDOW + 10; i++) {
        p2p_host_cancel_dial(a->host, world_dial(a, b));
        world_run(&w, 10 * P2P_MILLISECOND);
    }
    udp_works(true);
    connect(b, "quic-v1");
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quic_is_preferred_and_tcp_reached_when_udp_vanishes),
        cmocka_unit_test(after_a_hundred_failures_quic_is_left_out),
        cmocka_unit_test(a_peer_known_by_quic_only_is_said_to_be_unreachable),
        cmocka_unit_test(a_probe_finds_that_udp_is_back),
        cmocka_unit_test(private_networks_never_block),
        cmocka_unit_test(a_cancelled_dial_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
