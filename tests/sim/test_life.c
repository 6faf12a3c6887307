/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a, c, d ──── 10 ms ──── b
 *
 * Connections and hosts from beginning to end: limits, idleness, closing in good order and at once,
 * jumps of the clock, and hosts freed in the middle of everything.
 */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

static world w;
static node *a, *b;
static size_t dialed, failed, events_after_stop;
static p2p_reason why, inbound_why, gone_at_a, gone_at_b;

static void note(node *self, const p2p_event *event) {
    events_after_stop += self->stopped && event->type != P2P_EVENT_STOPPED;
    dialed += event->type == P2P_EVENT_DIALED;
    if (event->type == P2P_EVENT_DIAL_FAILED) {
        failed++;
        why = event->reason;
    }
    if (event->type == P2P_EVENT_INBOUND_FAILED)
        inbound_why = event->reason;
    if (event->type == P2P_EVENT_DISCONNECTED) {
        check(event->reason.err != P2P_OK && event->reason.text[0] != 0);
        *(self == b ? &gone_at_b : &gone_at_a) = event->reason;
    }
}

static void start(const p2p_config *config) {
    world_init(&w, 41);
    a = world_add(&w, NULL);
    b = world_add(&w, config);
    a->on_event = b->on_event = note;
    dialed = failed = events_after_stop = 0;
    why = inbound_why = gone_at_a = gone_at_b = (p2p_reason){0};
    w.default_link.latency = 10 * P2P_MILLISECOND;
    check_ok(p2p_host_add_protocol(b->host, &p2p_ping_protocol, NULL));
    check_ok(p2p_host_add_protocol(b->host, &p2p_perf_protocol, NULL));
    world_listen(b, "/tcp/4001");
}

static void dial_again(node *from) {
    p2p_multiaddr addr;
    p2p_dial_options options = {.size = sizeof options, .force_new = true};
    check(p2p_host_addr(b->host, 0, &addr));
    check_ok(p2p_host_dial(from->host, p2p_host_peer(b->host), &addr, 1, &options, NULL));
    world_run(&w, P2P_SECOND);
}

/* --- limits --- */

static void connections_to_one_peer_are_limited(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.conns_per_peer = 2;
    start(&config);
    for (size_t i = 0; i < 4; i++)
        dial_again(a);
    check(b->connected == 2 && a->disconnected == 2);
    check_err(P2P_ERR_LIMIT, inbound_why.err);
    /* Room again when one goes. */
    p2p_conn_close(p2p_host_next_conn(b->host, NULL), 0);
    world_pump(b);
    world_run(&w, P2P_SECOND);
    dial_again(a);
    check(b->connected == 3 && b->disconnected == 1);
    world_deinit(&w);
}

static void connections_from_one_address_are_limited(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.conns_per_ip = 2;
    start(&config);
    node *c = world_add(&w, NULL);
    for (size_t i = 0; i < 4; i++)
        dial_again(a);
    check(b->connected == 2 && failed == 2);
    dial_again(c);
    check(b->connected == 3);
    p2p_host_close(a->host);
    world_run(&w, 10 * P2P_SECOND);
    node *d = world_add(&w, NULL);
    d->ip = a->ip; /* the same address, after everything from it has gone */
    dial_again(d);
    dial_again(d);
    check(b->connected == 5);
    world_deinit(&w);
}

static void all_connections_are_limited(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.conns = 3;
    start(&config);
    for (size_t i = 0; i < 5; i++)
        dial_again(world_add(&w, NULL));
    check(b->connected == 3);
    world_deinit(&w);
}

static void half_open_connections_are_limited_and_time_out(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.pending_inbound = 5;
    start(&config);
    node *raw = world_add_raw(&w, NULL);
    for (size_t i = 0; i < 20; i++)
        world_raw_connect(raw, b, 4001);
    world_run(&w, P2P_SECOND);
    check(b->sockets.count == 1 + 5);
    dial_again(a);
    check(b->connected == 0 && failed == 1);
    world_run(&w, 15 * P2P_SECOND);
    check(b->sockets.count == 1);
    check_err(P2P_ERR_TIMEOUT, inbound_why.err);
    dial_again(a);
    check(b->connected == 1);
    world_deinit(&w);
}

static p2p_stream_end last_end;
static size_t opened, closed, told_77;

static void on_opened(p2p_stream *stream, void *self) {
    (void)stream;
    (void)self;
    opened++;
}

static void on_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    closed++;
    last_end = *end;
    told_77 += end->err == P2P_ERR_RESET && end->remote_code == 77;
}

static const char *const HOLD_IDS[] = {"/hold/1", NULL};
static const p2p_protocol HOLD = {
    sizeof(p2p_protocol), HOLD_IDS, true, false, on_opened, NULL, NULL, on_closed};

static void streams_are_limited_on_both_sides(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.no_identify = true;
    config.limits.streams_inbound_per_conn = 3;
    config.limits.streams_outbound_per_conn = 2;
    start(&config);
    check_ok(p2p_host_add_protocol(b->host, &HOLD, NULL));
    opened = closed = told_77 = 0;
    dial_again(a);
    p2p_stream *streams[5];
    for (size_t i = 0; i < 5; i++)
        check_ok(p2p_conn_open(a->last_conn, &HOLD, NULL, &streams[i]));
    world_run(&w, P2P_SECOND);
    check(opened == 5 + 3 && closed == 2);
    check_err(P2P_ERR_RESET, last_end.err);
    check(last_end.remote_code == P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    check_ok(p2p_conn_open(b->last_conn, &HOLD, NULL, NULL));
    check_ok(p2p_conn_open(b->last_conn, &HOLD, NULL, NULL));
    check_err(P2P_ERR_LIMIT, p2p_conn_open(b->last_conn, &HOLD, NULL, NULL));
    p2p_stream_reset(streams[0], 77);
    world_run(&w, P2P_SECOND);
    check(told_77 == 1);
    check_ok(p2p_conn_open(a->last_conn, &HOLD, NULL, NULL));
    opened = 0;
    world_run(&w, P2P_SECOND);
    check(opened == 2);
    world_deinit(&w);
}

typedef struct run {
    bool done;
    p2p_err err;
} run;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    run *r = ctx;
    (void)perf;
    r->done = progress->done;
    r->err = progress->err;
}

static void streams_share_a_pool_that_is_too_small_for_all(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.buffered_bytes = 128 * 1024;
    start(&config);
    dial_again(a);
    run runs[6] = {0};
    p2p_perf *perf;
    for (size_t i = 0; i < 6; i++)
        check_ok(p2p_perf_start(&perf, a->last_conn, 0, 1 << 20, 0, on_perf, &runs[i]));
    world_run(&w, 60 * P2P_SECOND);
    for (size_t i = 0; i < 6; i++) {
        check(runs[i].done);
        check_ok(runs[i].err);
    }
    world_deinit(&w);
}

/* --- idleness and closing --- */

static void an_idle_connection_is_closed(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.timeouts.idle = 10 * P2P_SECOND;
    start(&config);
    dial_again(a);
    world_run(&w, 8 * P2P_SECOND);
    check(b->disconnected == 0);
    world_run(&w, 4 * P2P_SECOND);
    check(b->disconnected == 1 && a->disconnected == 1);
    check_err(P2P_ERR_CLOSED, gone_at_b.err);
    check(!gone_at_b.by_peer && gone_at_a.by_peer);
    world_deinit(&w);
}

static void a_stream_keeps_a_connection_from_being_idle(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.timeouts.idle = 10 * P2P_SECOND;
    start(&config);
    check_ok(p2p_host_add_protocol(b->host, &HOLD, NULL));
    dial_again(a);
    p2p_stream *stream;
    check_ok(p2p_conn_open(a->last_conn, &HOLD, NULL, &stream));
    world_run(&w, 60 * P2P_SECOND);
    check(b->disconnected == 0);
    p2p_stream_reset(stream, 0);
    world_run(&w, 12 * P2P_SECOND);
    check(b->disconnected == 1);
    world_deinit(&w);
}

static void what_was_shut_is_delivered_before_a_close(void **state) {
    (void)state;
    start(NULL);
    dial_again(a);
    run r = {0};
    p2p_perf *perf;
    check_ok(p2p_perf_start(&perf, a->last_conn, 0, 500000, 0, on_perf, &r));
    while (!r.done && p2p_conn_next_stream(b->last_conn, NULL) == NULL)
        world_run(&w, P2P_MILLISECOND);
    world_run(&w, 25 * P2P_MILLISECOND); /* the server has written and shut */
    p2p_conn_close(b->last_conn, 42);
    world_run(&w, 4 * P2P_SECOND);
    check(r.done);
    check_ok(r.err);
    world_run(&w, 10 * P2P_SECOND);
    check(a->disconnected == 1 && b->disconnected == 1);
    world_deinit(&w);
}

static void an_abort_ends_everything_at_once(void **state) {
    (void)state;
    start(NULL);
    dial_again(a);
    run r = {0};
    p2p_perf *perf;
    check_ok(p2p_perf_start(&perf, a->last_conn, 1 << 30, 0, 0, on_perf, &r));
    world_run(&w, 100 * P2P_MILLISECOND);
    p2p_conn_abort(a->last_conn, 0);
    world_pump(a);
    check(r.done && r.err == P2P_ERR_CLOSED && a->disconnected == 1 && a->sockets.count == 0);
    world_run(&w, P2P_SECOND);
    check(b->disconnected == 1 && gone_at_b.by_peer);
    world_deinit(&w);
}

static void a_closed_host_stops_with_its_last_event(void **state) {
    (void)state;
    start(NULL);
    dial_again(a);
    node *raw = world_add_raw(&w, NULL);
    world_raw_connect(raw, b, 4001); /* a handshake that goes nowhere */
    world_run(&w, P2P_SECOND);
    p2p_host_close(b->host);
    p2p_host_close(b->host);
    p2p_multiaddr addr;
    check(!p2p_host_addr(b->host, 0, &addr));
    check_err(
        P2P_ERR_SHUTDOWN, p2p_host_dial(b->host, p2p_host_peer(a->host), NULL, 0, NULL, NULL));
    world_run(&w, 60 * P2P_SECOND);
    check(b->stopped && b->disconnected == 1 && a->disconnected == 1);
    check(events_after_stop == 0 && b->sockets.count == 0);
    check(gone_at_a.by_peer);
    world_deinit(&w);
}

static void a_host_without_connections_stops_at_once(void **state) {
    (void)state;
    start(NULL);
    world_dial(a, b);
    p2p_host_close(a->host);
    world_pump(a);
    check(a->stopped && failed == 1);
    check_err(P2P_ERR_SHUTDOWN, why.err);
    world_deinit(&w);
}

static void a_peer_that_reads_nothing_is_left_after_the_close_time_out(void **state) {
    (void)state;
    start(NULL);
    dial_again(a);
    world_path(&w, a, b)->down = true; /* and with it, by default, everything */
    p2p_host_close(b->host);
    world_run(&w, 6 * P2P_SECOND);
    check(b->stopped);
    world_deinit(&w);
}

/* --- time --- */

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)rtt;
    ((run *)ctx)->done = true;
    ((run *)ctx)->err = err;
    if (err == P2P_OK)
        p2p_ping_stop(ping);
}

static void the_clock_may_jump_by_hours(void **state) {
    (void)state;
    for (p2p_time at = 0; at <= 200 * P2P_MILLISECOND; at += 10 * P2P_MILLISECOND) {
        start(NULL);
        world_dial(a, b);
        world_run(&w, at);
        w.now += 7 * 3600 * P2P_SECOND; /* a laptop that was asleep */
        world_run(&w, 60 * P2P_SECOND);
        check(dialed + failed == 1);
        dial_again(a);
        run r = {0};
        p2p_ping *ping;
        check_ok(p2p_ping_start(&ping, a->last_conn, P2P_SECOND, on_ping, &r));
        world_run(&w, 2 * P2P_SECOND);
        check(r.done);
        check_ok(r.err);
        world_deinit(&w);
    }
}

static void a_dead_peer_is_noticed_without_traffic(void **state) {
    (void)state;
    start(NULL);
    dial_again(a);
    world_link(&w, a, b, &(link){.latency = 10 * P2P_MILLISECOND, .down = true});
    world_run(&w, 200 * P2P_SECOND);
    check(a->disconnected == 1 && b->disconnected == 1);
    check_err(P2P_ERR_TIMEOUT, gone_at_a.err);
    world_deinit(&w);
}

/* --- freed in every state --- */

static void free_one_at(p2p_time at, bool dialler) {
    start(NULL);
    run r[2] = {{0}};
    world_dial(a, b);
    world_run(&w, at < 100 * P2P_MILLISECOND ? at : 100 * P2P_MILLISECOND);
    if (at > 100 * P2P_MILLISECOND) {
        p2p_ping *ping;
        p2p_perf *perf;
        check_ok(p2p_ping_start(&ping, a->last_conn, P2P_SECOND, on_ping, &r[0]));
        check_ok(p2p_perf_start(&perf, a->last_conn, 1 << 20, 1 << 20, 0, on_perf, &r[1]));
        world_run(&w, at - 100 * P2P_MILLISECOND);
    }
    world_kill(dialler ? a : b);
    if (dialler && at > 100 * P2P_MILLISECOND)
        check(r[1].done);
    world_run(&w, 30 * P2P_SECOND);
    node *left = dialler ? b : a;
    check(left->connected == left->disconnected);
    check(left->sockets.count == (dialler ? 1 : 0));
    world_deinit(&w);
}

static void a_host_may_be_freed_in_every_state(void **state) {
    (void)state;
    for (p2p_time at = 0; at < 200 * P2P_MILLISECOND; at += 5 * P2P_MILLISECOND) {
        free_one_at(at, true);
        free_one_at(at, false);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_to_one_peer_are_limited),
        cmocka_unit_test(connections_from_one_address_are_limited),
        cmocka_unit_test(all_connections_are_limited),
        cmocka_unit_test(half_open_connections_are_limited_and_time_out),
        cmocka_unit_test(streams_are_limited_on_both_sides),
        cmocka_unit_test(streams_share_a_pool_that_is_too_small_for_all),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(a_stream_keeps_a_connection_from_being_idle),
        cmocka_unit_test(what_was_shut_is_delivered_before_a_close),
        cmocka_unit_test(an_abort_ends_everything_at_once),
        cmocka_unit_test(a_closed_host_stops_with_its_last_event),
        cmocka_unit_test(a_host_without_connections_stops_at_once),
        cmocka_unit_test(a_peer_that_reads_nothing_is_left_after_the_close_time_out),
        cmocka_unit_test(the_clock_may_jump_by_hours),
        cmocka_unit_test(a_dead_peer_is_noticed_without_traffic),
        cmocka_unit_test(a_host_may_be_freed_in_every_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
