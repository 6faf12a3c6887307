/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 5 ms ──── b
 *
 * What WebTransport alone does: certificates by their hash, and how they rotate. The rest is in
 * test_transports.c.
 */

#include "sim/two_hosts.h"

static p2p_config wt_config(void) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, &p2p_webtransport, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    return config;
}

static void start_pair(world *w, node **a, node **b, const link *path) {
    p2p_config config = wt_config();
    two_hosts_start(w, a, b, &config, path, "/udp/4001/quic-v1/webtransport");
}

/* --- which certificate --- */

static p2p_reason dial_reason;

static void note_dial(node *self, const p2p_event *event) {
    (void)self;
    if (event->type == P2P_EVENT_DIAL_FAILED)
        dial_reason = event->reason;
}

/* spec: webtransport #security-handshake: every hash that was dialled is one the peer vouches for.
 */
static void a_certificate_with_another_hash_is_refused(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    a->on_event = note_dial;
    check(p2p_host_addr(b->host, 0, &addr));
    addr.bytes[addr.len - 1] ^= 1; /* the next one's */
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    /* It is not the one in use, but the server does not vouch for it. */
    check_err(P2P_ERR_BAD_CERTIFICATE, dial_reason.err);
    check(strstr(dial_reason.text, "Noise") != NULL);
    check(p2p_host_addr(b->host, 0, &addr));
    addr.bytes[addr.len - 1] ^= 1;
    addr.bytes[addr.len - 38] ^= 1; /* and the present one's */
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check_err(P2P_ERR_BAD_CERTIFICATE, dial_reason.err);
    check(strstr(dial_reason.text, "QUIC handshake") != NULL);
    check(a->connected == 0 && b->connected == 0);
    world_deinit(&w);
}

/* --- certificates that change --- */

enum { DAYS = 60, STEPS_PER_DAY = 4 };

#define WALL_MS UINT64_C(1790000000000)

static size_t address_changes;

static void count_addresses(node *self, const p2p_event *event) {
    (void)self;
    address_changes += event->type == P2P_EVENT_ADDRESSES;
}

static void dial_anew(node *from, const p2p_multiaddr *addr, const p2p_peer_id *peer) {
    p2p_dial_options options = {.size = sizeof options, .force_new = true};
    size_t before = from->connected;
    check_ok(p2p_host_dial(from->host, peer, addr, 1, &options, NULL));
    world_pump(from);
    world_run(from->world, 2 * P2P_SECOND);
    if (from->connected != before + 1)
        fail_msg("after %llu h: %s", (unsigned long long)(from->world->now / (3600 * P2P_SECOND)),
            dial_reason.text);
    p2p_conn_close(from->last_conn, 0);
    world_pump(from);
    world_run(from->world, 10 * P2P_SECOND);
}

static void certificates_rotate_under_clocks_that_differ(void **state) {
    (void)state;
    world w;
    p2p_config config = wt_config();
    p2p_multiaddr now, published[DAYS * STEPS_PER_DAY];
    config.wall_ms = WALL_MS;
    config.timeouts.keepalive = 0; /* so that two months pass quickly */
    world_init(&w, 11);
    node *server = world_add(&w, &config), *open = world_add(&w, &config);
    config.wall_ms = WALL_MS - 3540 * 1000;
    node *early = world_add(&w, &config);
    config.wall_ms = WALL_MS + 3540 * 1000;
    node *late = world_add(&w, &config);
    check_ok(p2p_host_add_protocol(server->host, &p2p_ping_protocol, NULL));
    world_listen(server, "/udp/4001/quic-v1/webtransport");
    world_dial(open, server);
    world_run(&w, 2 * P2P_SECOND);
    address_changes = 0;
    server->on_event = count_addresses;
    early->on_event = late->on_event = note_dial;
    for (size_t i = 0; i < DAYS * STEPS_PER_DAY; i++) {
        check(p2p_host_addr(server->host, 0, &now));
        published[i] = now;
        dial_anew(early, &now, p2p_host_peer(server->host));
        dial_anew(late, &now, p2p_host_peer(server->host));
        /* An address of nearly a fortnight ago: its second hash is by now the first. */
        if (i >= 13 * STEPS_PER_DAY)
            dial_anew(late, &published[i - 13 * STEPS_PER_DAY], p2p_host_peer(server->host));
        world_run(&w, 24 / STEPS_PER_DAY * 3600 * P2P_SECOND);
    }
    check(address_changes >= 4 && address_changes <= 5);
    check(open->disconnected == 0);
    pings p = {0};
    five_pings(open->last_conn, &p);
    world_run(&w, 10 * P2P_SECOND);
    check(p.answers == 5);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_with_another_hash_is_refused),
        cmocka_unit_test(certificates_rotate_under_clocks_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
