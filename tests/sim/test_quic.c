/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 10 ms ──── b
 *
 * What QUIC alone does: a path that shrinks, a host that moves, qlogs. The rest is in
 * test_transports.c.
 */

#include "sim/two_hosts.h"

static p2p_config quic_config(void) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    return config;
}

static void start_pair(world *w, node **a, node **b, const link *path) {
    p2p_config config = quic_config();
    two_hosts_start(w, a, b, &config, path, "/udp/4001/quic-v1");
}

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

/* What was found to pass does not pass any more: a route that changed. */
static void an_mtu_that_drops_is_noticed(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_perf *perf;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND, .rate = 1 << 20, .mtu = 1472});
    world_dial(a, b);
    world_run(&w, 3 * P2P_SECOND);
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 4 << 20, 4 << 20, 0, on_perf, NULL));
    world_run(&w, 2 * P2P_SECOND);
    check(result.uploaded > 0 && !result.done);
    world_path(&w, a, b)->mtu = world_path(&w, b, a)->mtu = 1200;
    world_run(&w, 30 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

/* Where the path carries more than Ethernet does, a long transfer takes fewer and larger packets;
 * where it carries nearly as much, nothing is lost by trying. */
static void jumbo_frames_are_found_and_used(void **state) {
    (void)state;

    static const struct {
        size_t mtu, packets_min, packets_max;
    } paths[] = {
        {1472, 10000, 16000}, {8951, 10000, 16000}, {8972, 2000, 6000}, {65535, 300, 4000}};

    for (size_t i = 0; i < P2P_COUNT(paths); i++) {
        world w;
        node *a, *b;
        p2p_perf *perf;
        start_pair(&w, &a, &b,
            &(link){.latency = P2P_MILLISECOND, .rate = 100 << 20, .mtu = paths[i].mtu});
        world_dial(a, b);
        world_run(&w, P2P_SECOND);
        result = (p2p_perf_progress){0};
        size_t before = w.datagrams;
        check_ok(p2p_perf_start(&perf, a->last_conn, 10 << 20, 0, 0, on_perf, NULL));
        world_run(&w, 10 * P2P_SECOND);
        check(result.done);
        size_t packets = w.datagrams - before;
        print_message("MTU %zu: %zu packets, %zu lost\n", paths[i].mtu, packets, w.datagrams_lost);
        check(packets >= paths[i].packets_min && packets <= paths[i].packets_max);
        check(w.datagrams_lost <= 6); /* three probes each of the sizes that do not fit */
        world_deinit(&w);
    }
}

/* --- another network --- */

/* Counts in a qlog what a path's validation is made of. */
typedef struct validation {
    size_t challenges, responses;
} validation;

static void count_validation(void *ctx, const p2p_qlog_piece *piece) {
    validation *v = ctx;
    char text[16384];
    if (piece->bytes.len >= sizeof text)
        return;
    memcpy(text, piece->bytes.ptr, piece->bytes.len);
    text[piece->bytes.len] = 0;
    if (strstr(text, "packet_received") == NULL)
        return;
    v->challenges += strstr(text, "path_challenge") != NULL;
    v->responses += strstr(text, "path_response") != NULL;
}

/* The client's machine moves to another network, at once or with a time without any. */
static void move_to_another_network(p2p_time without) {
    world w;
    validation at_a = {0}, at_b = {0};
    p2p_perf *perf;
    p2p_config config = quic_config();
    world_init(&w, 13);
    config.qlog = (p2p_qlog){count_validation, &at_a};
    node *a = world_add(&w, &config);
    config.qlog = (p2p_qlog){count_validation, &at_b};
    node *b = world_add(&w, &config);
    world_link(&w, a, b, &(link){.latency = 10 * P2P_MILLISECOND, .rate = 4 << 20, .mtu = 1472});
    check_ok(p2p_host_add_protocol(b->host, &p2p_perf_protocol, NULL));
    world_listen(b, "/udp/4001/quic-v1");
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 4 << 20, 4 << 20, 0, on_perf, NULL));
    world_run(&w, 500 * P2P_MILLISECOND);
    check(result.uploaded > 0 && !result.done);
    if (without > 0) {
        world_path(&w, a, b)->down = world_path(&w, b, a)->down = true;
        p2p_host_input(a->host, &(p2p_input){.type = P2P_INPUT_INTERFACES, .now = w.now});
        world_pump(a);
        world_run(&w, without);
        world_path(&w, a, b)->down = world_path(&w, b, a)->down = false;
    }
    world_move(a, 10, 200, 0, 1);
    world_pump(a);
    world_run(&w, 30 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(a->disconnected == 0 && b->disconnected == 0);
    check(at_b.challenges > 0 && at_a.responses > 0); /* a's own wish: it asked, b answered */
    check(at_a.challenges > 0 && at_b.responses > 0); /* and b made sure of the new address */
    world_deinit(&w);
}

static void a_host_that_changes_its_network_keeps_the_connection(void **state) {
    (void)state;
    move_to_another_network(0);
}

static void and_so_does_one_that_has_none_for_a_while(void **state) {
    (void)state;
    move_to_another_network(8 * P2P_SECOND);
}

/* --- qlog --- */

typedef struct seen {
    p2p_qlog_piece first;
    uint8_t cid[20];
    size_t bytes, ends;
} seen;

static void see(void *ctx, const p2p_qlog_piece *piece) {
    seen *s = ctx;
    check(s->ends == 0);
    if (s->bytes == 0) {
        check(piece->bytes.len > 1 && piece->bytes.ptr[0] == 0x1e && piece->cid.len == 16);
        s->first = *piece;
        memcpy(s->cid, piece->cid.ptr, piece->cid.len);
    }
    check(piece->number == s->first.number);
    s->bytes += piece->bytes.len;
    s->ends += piece->end;
}

static void both_ends_write_a_qlog(void **state) {
    (void)state;
    world w;
    seen at_a = {0}, at_b = {0};
    p2p_config config = quic_config();
    world_init(&w, 11);
    config.qlog = (p2p_qlog){see, &at_a};
    node *a = world_add(&w, &config);
    config.qlog = (p2p_qlog){see, &at_b};
    node *b = world_add(&w, &config);
    world_listen(b, "/udp/4001/quic-v1");
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    check(at_a.bytes > 1000 && at_b.bytes > 1000 && at_a.ends == 0 && at_b.ends == 0);
    check(at_a.first.outbound && !at_b.first.outbound);
    check_same(p2p_bytes_of(at_a.cid, 16), p2p_bytes_of(at_b.cid, 16));
    p2p_host_close(a->host);
    world_run(&w, 10 * P2P_SECOND);
    check(at_a.ends == 1 && at_b.ends == 1);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mtu_that_drops_is_noticed),
        cmocka_unit_test(jumbo_frames_are_found_and_used),
        cmocka_unit_test(a_host_that_changes_its_network_keeps_the_connection),
        cmocka_unit_test(and_so_does_one_that_has_none_for_a_while),
        cmocka_unit_test(both_ends_write_a_qlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
