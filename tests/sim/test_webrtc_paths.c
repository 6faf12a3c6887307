/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 1 to 300 ms, losing up to a fifth, disordered, doubled ──── b
 *
 * What webrtc-direct makes of bad paths: every byte arrives in order whatever they do, also when
 * the address changes meanwhile; and how fast, beside QUIC on the same path. Virtual time, so how
 * long a transfer takes follows from the seed.
 */
#include <p2p/perf.h>

#include "sim/echo.h"

static const p2p_transport_type *const WEBRTC[] = {&p2p_webrtc_direct, NULL};
static const p2p_transport_type *const QUIC[] = {&p2p_quic, NULL};

/* --- bytes that say where they belong --- */

enum { BLOCK = 8192 };

static uint8_t byte_at(size_t at) {
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

typedef struct transfer {
    size_t all, sent, received; /* there and back */
    bool wrong, over;
    p2p_err err;
} transfer;

static void push(p2p_stream *stream, void *self) {
    transfer *t = self;
    uint8_t block[BLOCK];
    while (t->sent < t->all) {
        size_t len = t->all - t->sent < BLOCK ? t->all - t->sent : BLOCK;
        for (size_t i = 0; i < len; i++)
            block[i] = byte_at(t->sent + i);
        size_t taken = p2p_stream_write(stream, p2p_bytes_of(block, len));
        t->sent += taken;
        if (taken < len)
            return;
    }
    p2p_stream_shut(stream);
}

static void pull(p2p_stream *stream, void *self) {
    transfer *t = self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len; i++)
            t->wrong |= view.ptr[i] != byte_at(t->received + i);
        t->received += view.len;
        p2p_stream_consume(stream, view.len);
    }
}

static void ended(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    transfer *t = self;
    (void)stream;
    t->over = true;
    t->err = end->err;
}

static const p2p_protocol CHECKED = {.size = sizeof(p2p_protocol),
    .ids = ECHO_ID,
    .opened = push,
    .readable = pull,
    .writable = push,
    .closed = ended};

/* --- two hosts --- */

typedef struct pair {
    world w;
    node *a, *b;
} pair;

static void start(
    pair *p, uint64_t seed, const p2p_transport_type *const *transports, const link *path) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    config.timeouts.dial_local = config.timeouts.accept =
        60 * P2P_SECOND; /* on the worst of them */
    world_init(&p->w, seed);
    p->a = world_add(&p->w, &config);
    p->b = world_add(&p->w, &config);
    world_link(&p->w, p->a, p->b, path);
    check_ok(p2p_host_add_protocol(p->b->host, &echo, NULL));
    check_ok(p2p_host_add_protocol(p->b->host, &p2p_perf_protocol, NULL));
    world_listen(p->b, transports == WEBRTC ? "/udp/4001/webrtc-direct" : "/udp/4001/quic-v1");
    for (int tries = 0; tries < 5 && p->a->connected == 0; tries++) {
        world_dial(p->a, p->b); /* with one packet in five lost, a dial may fail */
        world_run(&p->w, 60 * P2P_SECOND);
    }
    check(p->a->connected > 0);
}

/* Two hundred milliseconds at a time, so that something can be done meanwhile. */
static void there_and_back(uint64_t seed, const link *path, size_t bytes, bool moves) {
    pair p;
    transfer t = {.all = bytes};
    start(&p, seed, WEBRTC, path);
    check_ok(p2p_conn_open(p.a->last_conn, &CHECKED, &t, NULL));
    world_pump(p.a);
    p2p_time until = p.w.now + 600 * P2P_SECOND;
    for (int step = 1; !t.over && p.w.now < until; step++) {
        world_run(&p.w, 200 * P2P_MILLISECOND);
        if (moves && step % 60 == 0)
            world_rebind(p.a, 100);
    }
    if (!t.over || t.err != P2P_OK || t.received != bytes || t.wrong)
        fail_msg("%.0f %% loss, %u ms: %zu of %zu bytes, %s, %s", path->loss * 100,
            (unsigned)(path->latency / P2P_MILLISECOND), t.received, bytes, p2p_err_name(t.err),
            t.wrong ? "wrong" : "right as far as they came");
    check(p.a->disconnected == 0 && p.b->disconnected == 0);
    world_deinit(&p.w);
}

static void every_byte_arrives_in_order_over_every_path(void **state) {
    (void)state;
    static const unsigned latencies[] = {1, 20, 300}, losses[] = {0, 5, 20};
    for (size_t i = 0; i < P2P_COUNT(latencies); i++)
        for (size_t k = 0; k < P2P_COUNT(losses); k++)
            for (unsigned bad = 0; bad < 2; bad++) {
                p2p_time latency = latencies[i] * P2P_MILLISECOND;
                const link path = {.latency = latency,
                    .jitter = bad ? latency / 2 : 0,
                    .loss = losses[k] / 100.0,
                    .duplication = bad ? 0.1 : 0,
                    .mtu = 1260};
                there_and_back(10 * i + k, &path, 300000, false);
            }
}

static void an_address_that_changes_in_mid_transfer_costs_no_byte(void **state) {
    (void)state;
    static const unsigned losses[] = {0, 1, 5};
    for (size_t i = 0; i < P2P_COUNT(losses); i++) {
        const link path = {.latency = 20 * P2P_MILLISECOND,
            .jitter = 5 * P2P_MILLISECOND,
            .rate = 200000,
            .loss = losses[i] / 100.0,
            .duplication = 0.02};
        there_and_back(i, &path, 2 << 20, true);
    }
}

/* Nothing is dropped there for want of room: what is sent too early waits, and the checks of ICE
 * behind it. */
static void a_slow_path_with_an_endless_queue_keeps_its_consent(void **state) {
    (void)state;
    const link path = {.latency = 20 * P2P_MILLISECOND, .rate = 20000};
    there_and_back(1, &path, 2 << 20, false);
    there_and_back(2, &path, 2 << 20, true);
}

/* What is lost shows long before a consent check has its turn. */
static void a_changed_address_is_noticed_by_what_is_lost(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const link path = {.latency = 20 * P2P_MILLISECOND, .loss = 0.01};
        pair p;
        transfer t = {.all = 16 << 20};
        start(&p, seed, WEBRTC, &path);
        check_ok(p2p_conn_open(p.a->last_conn, &CHECKED, &t, NULL));
        world_pump(p.a);
        world_run(&p.w, (2000 + seed * 200) * P2P_MILLISECOND);
        world_rebind(p.a, 100);
        world_run(&p.w, 200 * P2P_MILLISECOND);
        size_t before = t.received;
        world_run(&p.w, 4 * P2P_SECOND);
        if (t.received < before + 50000)
            fail_msg("seed %u: %zu bytes", (unsigned)seed, t.received - before);
        check(!t.wrong);
        world_deinit(&p.w);
    }
}

/* --- how fast --- */

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx, (void)perf;
    result = *progress;
}

static bool is_done(void *ctx) {
    (void)ctx;
    return result.done;
}

/* Bytes per second of an upload. */
static double goodput(
    uint64_t seed, const p2p_transport_type *const *transports, const link *path) {
    enum { BYTES = 4 << 20 };

    pair p;
    p2p_perf *perf;
    start(&p, seed, transports, path);
    result = (p2p_perf_progress){0};
    p2p_time began = p.w.now;
    check_ok(p2p_perf_start(&perf, p.a->last_conn, BYTES, 0, 0, on_perf, NULL));
    world_pump(p.a);
    check(world_run_until(&p.w, 600 * P2P_SECOND, is_done, NULL));
    check_ok(result.err);
    double rate = BYTES * 1e9 / (double)(p.w.now - began);
    world_deinit(&p.w);
    return rate;
}

static void loss_slows_it_down_no_more_than_quic(void **state) {
    (void)state;
    const link path = {.latency = 25 * P2P_MILLISECOND, .loss = 0.01, .rate = 12 << 20};
    double webrtc = 0, quic = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        webrtc += goodput(seed, WEBRTC, &path);
        quic += goodput(seed, QUIC, &path);
    }
    print_message("1 %% loss, 50 ms: %.0f KB/s, QUIC %.0f KB/s\n", webrtc / 5e3, quic / 5e3);
    check(webrtc >= 0.8 * quic);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_in_order_over_every_path),
        cmocka_unit_test(an_address_that_changes_in_mid_transfer_costs_no_byte),
        cmocka_unit_test(a_slow_path_with_an_endless_queue_keeps_its_consent),
        cmocka_unit_test(a_changed_address_is_noticed_by_what_is_lost),
        cmocka_unit_test(loss_slows_it_down_no_more_than_quic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
