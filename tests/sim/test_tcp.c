/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 50 ms ──── b
 *
 * The thin path through all layers: TCP, multistream-select, Noise, yamux, ping and perf.
 */

#include "sim/two_hosts.h"

static void start_pair(world *w, node **a, node **b, p2p_time latency) {
    two_hosts_start(w, a, b, NULL, &(link){.latency = latency}, "/tcp/4001");
}

static void two_hosts_ping_each_other(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, 50 * P2P_MILLISECOND);
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    two_hosts_check_connected(a, b);
    pings p = {0};
    five_pings(a->last_conn, &p);
    world_run(&w, 5 * P2P_SECOND);
    check_ok(p.err);
    check(p.answers == 5);
    check(p.rtt == 100 * P2P_MILLISECOND);
    check(a->mem.live_blocks > 0);
    p2p_host_close(a->host);
    world_run(&w, 10 * P2P_SECOND);
    check(a->stopped);
    check(b->disconnected == 1);
    world_deinit(&w);
}

static p2p_peer_info seen;
static char seen_agent[64];
static p2p_multiaddr seen_addr;

static void note_identified(node *self, const p2p_event *event) {
    (void)self;
    if (event->type != P2P_EVENT_IDENTIFIED)
        return;
    seen = *event->info;
    snprintf(
        seen_agent, sizeof seen_agent, "%.*s", (int)seen.agent.len, (const char *)seen.agent.ptr);
    if (seen.addr_count > 0)
        seen_addr = seen.addrs[0];
}

/* spec: identify #observedaddr: the connection source address of the peer as observed. */
static void identify_tells_agent_protocols_and_signed_addresses(void **state) {
    (void)state;
    world w;
    node *a, *b;
    char text[64];
    start_pair(&w, &a, &b, 5 * P2P_MILLISECOND);
    a->on_event = note_identified;
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check(strncmp(seen_agent, "c-libp2p/", 9) == 0);
    check(seen.protocol_count == 4);
    check(seen.signed_record.len > 0);
    p2p_multiaddr_format(text, sizeof text, &seen_addr);
    assert_string_equal(text, "/ip4/10.0.0.2/tcp/4001");
    p2p_multiaddr_format(text, sizeof text, &seen.observed);
    assert_string_equal(text, "/ip4/10.0.0.1/tcp/40000");
    world_deinit(&w);
}

static p2p_time first_answer;

static void note_first(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)rtt;
    check_ok(err);
    first_answer = ((node *)ctx)->world->now;
    p2p_ping_stop(ping);
}

static void ping_when_connected(node *self, const p2p_event *event) {
    p2p_ping *ping;
    if (event->type == P2P_EVENT_CONNECTED)
        check_ok(p2p_ping_start(&ping, event->conn, P2P_SECOND, note_first, self));
}

static void connect_and_one_byte_take_three_round_trips(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, 50 * P2P_MILLISECOND);
    a->on_event = ping_when_connected;
    p2p_time start = w.now;
    world_dial(a, b);
    world_run(&w, 5 * P2P_SECOND);
    check(first_answer - start == 300 * P2P_MILLISECOND);
    world_deinit(&w);
}

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

static void megabytes_arrive_both_ways(void **state) {
    (void)state;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, 10 * P2P_MILLISECOND);
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    p2p_perf *perf;
    check_ok(p2p_perf_start(&perf, a->last_conn, 20 << 20, 10 << 20, 0, on_perf, NULL));
    world_run(&w, 60 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(result.uploaded == 20 << 20 && result.downloaded == 10 << 20);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_ping_each_other),
        cmocka_unit_test(connect_and_one_byte_take_three_round_trips),
        cmocka_unit_test(identify_tells_agent_protocols_and_signed_addresses),
        cmocka_unit_test(megabytes_arrive_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
