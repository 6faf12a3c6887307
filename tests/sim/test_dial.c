/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 10 ms ──── b
 *     ╎                 │
 *     ╰╌╌╌ silence ╌╌╌ dead
 *
 * Dialling: ranked addresses, shared and cancelled attempts, simultaneous dials, and the ways in
 * which a dial fails.
 */
#include "sim/world.h"

typedef struct outcome {
    size_t dialed, failed, inbound_failed;
    uint64_t request;
    p2p_conn *conn, *conns[8];
    p2p_reason why, inbound_why;
    p2p_time when;
} outcome;

static world w;
static node *a, *b, *dead;
static outcome at_a, at_b;

static void note(node *self, const p2p_event *event) {
    outcome *o = self == a ? &at_a : &at_b;
    switch (event->type) {
    case P2P_EVENT_DIALED:
        o->conns[o->dialed++ % 8] = o->conn = event->conn;
        o->when = w.now;
        o->request = event->request;
        break;
    case P2P_EVENT_DIAL_FAILED:
        check(event->reason.text[0] != 0);
        o->failed++;
        o->why = event->reason;
        o->when = w.now;
        o->request = event->request;
        break;
    case P2P_EVENT_INBOUND_FAILED:
        o->inbound_failed++;
        o->inbound_why = event->reason;
        break;
    default:
        break;
    }
}

static void start_with(const p2p_config *for_a, const p2p_config *for_b) {
    world_init(&w, 31);
    a = world_add(&w, for_a);
    b = world_add(&w, for_b);
    dead = world_add(&w, NULL);
    at_a = at_b = (outcome){0};
    a->on_event = b->on_event = note;
    world_link(&w, a, b, &(link){.latency = 10 * P2P_MILLISECOND});
    world_link(&w, a, dead, &(link){.latency = 10 * P2P_MILLISECOND, .down = true});
    world_listen(b, "/tcp/4001");
    world_listen(dead, "/tcp/4001");
}

static void start(void) {
    start_with(NULL, NULL);
}

static p2p_multiaddr addr_of(const node *n, unsigned port) {
    char text[64];
    p2p_multiaddr addr;
    snprintf(text, sizeof text, "/ip4/%u.%u.%u.%u/tcp/%u", n->ip.ip[0], n->ip.ip[1], n->ip.ip[2],
        n->ip.ip[3], port);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static uint64_t dial_at(const p2p_multiaddr *addrs, size_t count, const p2p_dial_options *options) {
    uint64_t request;
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), addrs, count, options, &request));
    world_pump(a);
    return request;
}

/* From the dial to the connection: TCP, and two round trips. */
static const p2p_time SETUP = 80 * P2P_MILLISECOND;

static void a_dead_address_delays_the_next_by_thirty_milliseconds(void **state) {
    (void)state;
    start();
    p2p_time begin = w.now;
    p2p_multiaddr addrs[] = {addr_of(dead, 4001), addr_of(b, 4001)};
    dial_at(addrs, 2, NULL);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 1 && at_a.failed == 0);
    check(at_a.when - begin >= 30 * P2P_MILLISECOND + 20 * P2P_MILLISECOND);
    check(at_a.when - begin <= 30 * P2P_MILLISECOND + SETUP);
    /* The loser's socket is closed, not left to its time-out. */
    check(a->sockets.count == 1 && a->connected == 1);
    world_deinit(&w);
}

static void a_refused_address_is_followed_by_the_next_at_once(void **state) {
    (void)state;
    start();
    p2p_time begin = w.now;
    p2p_multiaddr addrs[] = {addr_of(b, 1), addr_of(b, 4001)};
    dial_at(addrs, 2, NULL);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 1 && at_a.when - begin < 30 * P2P_MILLISECOND + SETUP);
    world_deinit(&w);
}

static void two_requests_share_one_dial(void **state) {
    (void)state;
    start();
    p2p_multiaddr good = addr_of(b, 4001);
    uint64_t first = dial_at(&good, 1, NULL), second = dial_at(&good, 1, NULL);
    check(first != second);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 2 && at_a.conns[0] == at_a.conns[1]);
    check(a->connected == 1 && b->connected == 1);
    /* A third finds the connection. */
    dial_at(&good, 1, NULL);
    check(at_a.dialed == 3 && at_a.conns[2] == at_a.conn && a->connected == 1);
    world_deinit(&w);
}

static void force_new_makes_another(void **state) {
    (void)state;
    start();
    p2p_multiaddr good = addr_of(b, 4001);
    p2p_dial_options options = {.size = sizeof options, .force_new = true};
    dial_at(&good, 1, NULL);
    world_run(&w, P2P_SECOND);
    dial_at(&good, 1, &options);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 2 && a->connected == 2 && at_a.conns[0] != at_a.conns[1]);
    world_deinit(&w);
}

static void both_connections_of_a_simultaneous_dial_stay(void **state) {
    (void)state;
    start();
    world_listen(a, "/tcp/4001");
    world_dial(a, b);
    world_dial(b, a);
    world_run(&w, 10 * P2P_SECOND);
    check(a->connected == 2 && b->connected == 2);
    check(a->disconnected == 0 && b->disconnected == 0);
    check(at_a.dialed == 1 && at_b.dialed == 1);
    world_deinit(&w);
}

static void another_peer_at_the_address_is_named(void **state) {
    (void)state;
    char theirs[P2P_PEER_ID_TEXT_MAX];
    uint64_t request;
    start();
    p2p_multiaddr good = addr_of(b, 4001);
    check_ok(p2p_host_dial(a->host, p2p_host_peer(dead->host), &good, 1, NULL, &request));
    world_run(&w, P2P_SECOND);
    check(at_a.failed == 1 && at_a.request == request);
    check_err(P2P_ERR_WRONG_PEER, at_a.why.err);
    p2p_peer_id_format(theirs, sizeof theirs, p2p_host_peer(b->host));
    check(strstr(at_a.why.text, theirs) != NULL);
    check(at_b.inbound_failed == 1 && b->connected == 0);
    world_deinit(&w);
}

static void silence_ends_by_the_time_limit(void **state) {
    (void)state;
    start();
    p2p_multiaddr silent = addr_of(dead, 4001);
    p2p_time begin = w.now;
    dial_at(&silent, 1, NULL);
    world_run(&w, 60 * P2P_SECOND);
    check(at_a.failed == 1 && at_a.when - begin == 5 * P2P_SECOND);
    check_err(P2P_ERR_TIMEOUT, at_a.why.err);
    check(a->sockets.count == 0);
    begin = w.now;
    p2p_dial_options options = {.size = sizeof options, .timeout = P2P_SECOND};
    dial_at(&silent, 1, &options);
    world_run(&w, 60 * P2P_SECOND);
    check(at_a.failed == 2 && at_a.when - begin == P2P_SECOND);
    check_err(P2P_ERR_TIMEOUT, at_a.why.err);
    world_deinit(&w);
}

static void one_of_two_requests_times_out_alone(void **state) {
    (void)state;
    start();
    p2p_multiaddr addrs[] = {addr_of(dead, 4001), addr_of(b, 4001)};
    p2p_dial_options options = {.size = sizeof options, .timeout = 10 * P2P_MILLISECOND};
    uint64_t hasty = dial_at(addrs, 2, &options), patient = dial_at(addrs, 2, NULL);
    world_run(&w, 20 * P2P_MILLISECOND);
    check(at_a.failed == 1 && at_a.request == hasty);
    world_run(&w, P2P_SECOND);
    check(at_a.failed == 1 && at_a.dialed == 1 && at_a.request == patient);
    world_deinit(&w);
}

static void a_cancelled_dial_says_nothing_and_leaves_nothing(void **state) {
    (void)state;
    for (p2p_time when = 0; when < 70 * P2P_MILLISECOND; when += 3 * P2P_MILLISECOND) {
        start();
        p2p_multiaddr addrs[] = {addr_of(dead, 4001), addr_of(b, 4001)};
        uint64_t request = dial_at(addrs, 2, NULL);
        world_run(&w, when);
        p2p_host_cancel_dial(a->host, request);
        p2p_host_cancel_dial(a->host, request);
        world_run(&w, 30 * P2P_SECOND);
        check(at_a.dialed == 0 && at_a.failed == 0 && a->connected == 0);
        check(a->sockets.count == 0 && b->sockets.count == 1);
        world_deinit(&w);
    }
}

static void nothing_to_dial_is_said(void **state) {
    (void)state;
    start();
    dial_at(NULL, 0, NULL);
    check(at_a.failed == 1);
    check_err(P2P_ERR_NOT_FOUND, at_a.why.err);
    p2p_multiaddr udp;
    check_ok(p2p_multiaddr_parse(&udp, "/ip4/10.0.0.2/udp/1", NULL));
    dial_at(&udp, 1, NULL);
    check(at_a.failed == 2);
    check_err(P2P_ERR_UNSUPPORTED, at_a.why.err);
    p2p_multiaddr name;
    check_ok(p2p_multiaddr_parse(&name, "/dns4/nowhere.test/tcp/1", NULL));
    dial_at(&name, 1, NULL);
    world_run(&w, P2P_SECOND);
    check(at_a.failed == 3);
    check_err(P2P_ERR_RESOLVE, at_a.why.err);
    world_deinit(&w);
}

static void known_addresses_are_dialled_without_being_given(void **state) {
    (void)state;
    start();
    p2p_multiaddr good = addr_of(b, 4001);
    p2p_host_add_addr(a->host, p2p_host_peer(b->host), &good, w.now + P2P_SECOND);
    dial_at(NULL, 0, NULL);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 1);
    world_deinit(&w);
}

static const p2p_security *const NOISE[] = {&p2p_noise, NULL};
static const p2p_security *const TLS[] = {&p2p_tls, NULL};
static const p2p_security *const TLS_NOISE[] = {&p2p_tls, &p2p_noise, NULL};

static void peers_without_common_security_say_so(void **state) {
    (void)state;
    p2p_config for_a = P2P_CONFIG_DEFAULTS, for_b = P2P_CONFIG_DEFAULTS;
    for_a.security = TLS;
    for_b.security = NOISE;
    start_with(&for_a, &for_b);
    world_dial(a, b);
    world_run(&w, 30 * P2P_SECOND);
    check(at_a.failed == 1 && at_b.inbound_failed == 1);
    check_err(P2P_ERR_NO_SECURITY, at_a.why.err);
    check(strstr(at_a.why.text, "/tls/1.0.0") != NULL);
    world_deinit(&w);
}

static void a_refused_first_security_protocol_is_followed_by_the_second(void **state) {
    (void)state;
    p2p_config for_a = P2P_CONFIG_DEFAULTS, for_b = P2P_CONFIG_DEFAULTS;
    for_a.security = TLS_NOISE;
    for_b.security = NOISE;
    start_with(&for_a, &for_b);
    world_dial(a, b);
    world_run(&w, 30 * P2P_SECOND);
    check(at_a.dialed == 1 && at_a.failed == 0 && b->connected == 1);
    assert_string_equal(p2p_conn_security(at_a.conn), "/noise");
    world_deinit(&w);
}

/* --- the gater --- */

static unsigned denied; /* bits: peer, addr, accept, secured inbound, secured outbound */

static bool may_dial_peer(void *ctx, const p2p_peer_id *peer) {
    (void)ctx;
    (void)peer;
    return !(denied & 1);
}

static bool may_dial_addr(void *ctx, const p2p_peer_id *peer, const p2p_multiaddr *addr) {
    (void)ctx;
    (void)peer;
    check(addr->len > 0);
    return !(denied & 2);
}

static bool may_accept(void *ctx, const p2p_multiaddr *remote) {
    (void)ctx;
    check(remote->len > 0);
    return !(denied & 4);
}

static bool may_use(
    void *ctx, bool outbound, const p2p_peer_id *peer, const p2p_multiaddr *remote) {
    (void)ctx;
    check(peer->len > 0 && remote->len > 0);
    return !(denied & (outbound ? 16 : 8));
}

static void the_gater_refuses_at_each_step(void **state) {
    (void)state;
    static const p2p_gater GATER = {may_dial_peer, may_dial_addr, may_accept, may_use, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.gater = GATER;
    for (denied = 0; denied <= 16; denied = denied == 0 ? 1 : denied * 2) {
        start_with(&config, &config);
        p2p_multiaddr good = addr_of(b, 4001);
        p2p_err err = p2p_host_dial(a->host, p2p_host_peer(b->host), &good, 1, NULL, NULL);
        check_err(denied == 1 ? P2P_ERR_GATED : P2P_OK, err);
        world_run(&w, 30 * P2P_SECOND);
        check(at_a.dialed == (denied == 0 || denied == 8));
        check(at_a.failed == (denied == 2 || denied == 4 || denied == 16));
        if (denied == 2 || denied == 16)
            check_err(P2P_ERR_GATED, at_a.why.err);
        if (denied == 8) {
            check(at_b.inbound_failed == 1 && a->disconnected == 1);
            check_err(P2P_ERR_GATED, at_b.inbound_why.err);
        }
        check(b->connected == (denied == 0));
        check(a->sockets.count == (denied == 0) && b->sockets.count == 1 + (denied == 0));
        world_deinit(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_address_delays_the_next_by_thirty_milliseconds),
        cmocka_unit_test(a_refused_address_is_followed_by_the_next_at_once),
        cmocka_unit_test(two_requests_share_one_dial),
        cmocka_unit_test(force_new_makes_another),
        cmocka_unit_test(both_connections_of_a_simultaneous_dial_stay),
        cmocka_unit_test(another_peer_at_the_address_is_named),
        cmocka_unit_test(silence_ends_by_the_time_limit),
        cmocka_unit_test(one_of_two_requests_times_out_alone),
        cmocka_unit_test(a_cancelled_dial_says_nothing_and_leaves_nothing),
        cmocka_unit_test(nothing_to_dial_is_said),
        cmocka_unit_test(known_addresses_are_dialled_without_being_given),
        cmocka_unit_test(peers_without_common_security_say_so),
        cmocka_unit_test(a_refused_first_security_protocol_is_followed_by_the_second),
        cmocka_unit_test(the_gater_refuses_at_each_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
