/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 1 to 300 ms, sometimes lossy or disordered ──── b
 *
 * What every transport that carries connections of its own must do, in one table of scenarios that
 * is run over each: QUIC, WebTransport, WebRTC-direct. What only one of them does stands in
 * test_quic.c, test_webtransport.c and test_webrtc.c.
 */

#include "base/bytes.h"
#include "sim/echo.h"
#include "sim/two_hosts.h"

/* A transport, and what it promises. */
typedef struct way {
    const char *name, *tail;
    const p2p_transport_type *const *transports;
    unsigned round_trips;     /* to connect and get a byte back */
    bool tells_codes;         /* why a connection ends */
    const char *vanished;     /* the words when the peer is silent */
    unsigned quiet_datagrams; /* in ten minutes, at most */
    size_t idle_bytes;        /* of the host's memory for a connection */
    size_t small_mtu;         /* must do */
    uint64_t long_rate;       /* bytes a second that its windows fill at 100 ms */
    bool many_streams;        /* takes 300 with the peer's limit of 256 */
    size_t fail_step;         /* which requests for memory are failed */
} way;

static const p2p_transport_type *const QUIC[] = {&p2p_quic, NULL};
static const p2p_transport_type *const WEBTRANSPORT[] = {&p2p_quic, &p2p_webtransport, NULL};
static const p2p_transport_type *const WEBRTC[] = {&p2p_webrtc_direct, NULL};

static const way WAYS[] = {{"quic-v1", "/udp/4001/quic-v1", QUIC, 2, true, "idle", 250, 40 * 1024,
                               1280, 40 << 20, true, 3},
    {"webtransport", "/udp/4001/quic-v1/webtransport", WEBTRANSPORT, 4, true, "idle", 250,
        40 * 1024, 1280, 40 << 20, true, 3},
    {"webrtc-direct", "/udp/4001/webrtc-direct", WEBRTC, 7, false, "stopped answering", 320,
        24 * 1024, 1260, 20 << 20, false, 1}};

/* The row that the present scenario runs over. */
static const way *by;

static p2p_config its_config(void) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = by->transports;
    return config;
}

static void start_pair(world *w, node **a, node **b, const link *path) {
    p2p_config config = its_config();
    two_hosts_start(w, a, b, &config, path, by->tail);
}

static void two_hosts_ping_each_other(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 50 * P2P_MILLISECOND, .mtu = by->small_mtu});
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    two_hosts_check_connected(a, b);
    check(strcmp(p2p_conn_transport(a->last_conn), by->name) == 0);
    pings p = {0};
    five_pings(a->last_conn, &p);
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

/* --- the handshake --- */

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

static void connecting_takes_the_round_trips_it_promises(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 50 * P2P_MILLISECOND});
    a->on_event = ping_when_connected;
    p2p_time start = w.now;
    world_dial(a, b);
    world_run(&w, 5 * P2P_SECOND);
    check(first_answer - start < by->round_trips * 100 * P2P_MILLISECOND + P2P_MILLISECOND);
    world_deinit(&w);
}

static p2p_reason dial_reason;

static void note_dial(node *self, const p2p_event *event) {
    (void)self;
    if (event->type == P2P_EVENT_DIAL_FAILED)
        dial_reason = event->reason;
}

/* spec: quic #peer-authentication: peers authenticate each other using the handshake logic of the
 * libp2p TLS spec. */
static void another_peer_than_expected_is_refused(void) {
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    a->on_event = note_dial;
    check(p2p_host_addr(b->host, 0, &addr));
    check_ok(p2p_host_add_protocol(a->host, &p2p_ping_protocol, NULL));
    p2p_config config = its_config();
    node *c = world_add(&w, &config);
    check_ok(p2p_host_dial(a->host, p2p_host_peer(c->host), &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check_err(P2P_ERR_WRONG_PEER, dial_reason.err);
    check(strstr(dial_reason.text, "wrong peer") != NULL);
    /* A listener may be done with its last message before the dialler has judged it. */
    check(a->connected == 0 && b->connected == b->disconnected);
    world_deinit(&w);
}

static void nobody_there_is_a_time_out(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND, .down = true});
    a->on_event = note_dial;
    world_dial(a, b);
    world_run(&w, 30 * P2P_SECOND);
    check_err(P2P_ERR_TIMEOUT, dial_reason.err);
    check(strstr(dial_reason.text, "no answer") != NULL);
    world_deinit(&w);
}

static bool refuse_secured(
    void *ctx, bool outbound, const p2p_peer_id *peer, const p2p_multiaddr *remote) {
    (void)ctx;
    (void)outbound;
    (void)peer;
    (void)remote;
    return false;
}

static void a_gated_peer_is_disconnected(void) {
    world w;
    p2p_config config = its_config();
    world_init(&w, 3);
    node *a = world_add(&w, &config);
    config.gater.secured = refuse_secured;
    node *b = world_add(&w, &config);
    world_listen(b, by->tail);
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    check(b->connected == 0);
    check(a->connected == a->disconnected);
    check(!by->tells_codes || a->last_reason.remote_code == P2P_CODE_GATED);
    world_deinit(&w);
}

static void ignore_answer(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    (void)rtt;
    if (err == P2P_OK)
        p2p_ping_stop(ping);
}

static void try_ping(node *self, const p2p_event *event) {
    p2p_ping *ping;
    if (event->type != P2P_EVENT_CONNECTED)
        return;
    p2p_err err = p2p_ping_start(&ping, event->conn, P2P_SECOND, ignore_answer, self);
    (void)err; /* it may fail like everything else */
}

/* Fails every request for memory of one side in turn, from the handshake to the answer. */
static void every_want_of_memory_is_survived(void) {
    for (size_t fail = 1; fail < 400; fail += by->fail_step) {
        world w;
        node *a, *b;
        start_pair(&w, &a, &b, &(link){.latency = P2P_MILLISECOND});
        node *poor = fail % 2 == 0 ? a : b;
        a->on_event = try_ping;
        poor->mem.fail_at = poor->mem.requests + fail;
        p2p_multiaddr addr;
        uint64_t request;
        check(p2p_host_addr(b->host, 0, &addr));
        if (p2p_host_dial(a->host, NULL, &addr, 1, NULL, &request) == P2P_OK)
            world_pump(a);
        world_run(&w, 20 * P2P_SECOND);
        world_deinit(&w); /* checks for leaks */
    }
}

/* --- bytes --- */

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

static p2p_time transfer(const link *path, uint64_t up, uint64_t down) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, path);
    world_dial(a, b);
    world_run(&w, 20 * P2P_SECOND);
    if (a->connected != 1)
        fail_msg("not connected: %s", a->last_reason.text);
    p2p_perf *perf;
    p2p_time start = w.now;
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, up, down, 0, on_perf, NULL));
    while (!result.done && w.now < start + 120 * P2P_SECOND)
        world_run(&w, 100 * P2P_MILLISECOND);
    p2p_time took = w.now - start;
    check(result.done);
    check_ok(result.err);
    check(result.uploaded == up && result.downloaded == down);
    world_deinit(&w);
    return took;
}

static void megabytes_arrive_both_ways(void) {
    transfer(&(link){.latency = 10 * P2P_MILLISECOND, .mtu = 1472}, 20 << 20, 10 << 20);
}

static void loss_and_disorder_are_repaired(void) {
    transfer(&(link){.latency = 10 * P2P_MILLISECOND,
                 .jitter = 3 * P2P_MILLISECOND,
                 .loss = 0.02,
                 .duplication = 0.01,
                 .mtu = 1472},
        4 << 20, 4 << 20);
}

static void loss_up_to_a_fifth_is_repaired(void) {
    static const double LOSSES[] = {0.05, 0.1, 0.2};
    for (size_t i = 0; i < sizeof LOSSES / sizeof LOSSES[0]; i++)
        transfer(&(link){.latency = 10 * P2P_MILLISECOND, .loss = LOSSES[i], .mtu = 1472}, 300000,
            300000);
}

static void short_and_long_ways_work(void) {
    transfer(&(link){.latency = P2P_MILLISECOND, .mtu = 1472}, 4 << 20, 4 << 20);
    transfer(&(link){.latency = 300 * P2P_MILLISECOND, .jitter = 50 * P2P_MILLISECOND, .mtu = 1472},
        4 << 20, 4 << 20);
}

static void a_small_mtu_is_respected(void) {
    transfer(&(link){.latency = 10 * P2P_MILLISECOND, .mtu = by->small_mtu}, 2 << 20, 2 << 20);
}

static void windows_grow_with_bandwidth_and_delay(void) {
    /* 100 ms there and back: QUIC's initial window alone would give 2.6 MB/s. */
    p2p_time took = transfer(
        &(link){.latency = 50 * P2P_MILLISECOND, .rate = by->long_rate, .mtu = 1472}, 0, 64 << 20);
    check(took < 4 * (64 << 20) / by->long_rate * P2P_SECOND);
}

/* --- streams --- */

enum { MANY = 300 };

static void hundreds_of_streams_each_end_in_halves(void) {
    world w;
    node *a, *b;
    many m = {0};
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND, .loss = 0.01, .mtu = 1472});
    check_ok(p2p_host_add_protocol(b->host, &echo, NULL));
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    for (size_t started = 0; started < MANY;) {
        p2p_err err = p2p_conn_open(a->last_conn, &asker, &m, NULL);
        if (err == P2P_OK) {
            started++;
            continue;
        }
        check_err(P2P_ERR_AGAIN, err); /* the peer allows 256 at once */
        check(!by->many_streams || started - m.closed >= 200);
        m.again++;
        world_pump(a);
        world_run(&w, P2P_SECOND);
    }
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check(m.again > 0 || !by->many_streams);
    check(m.opened == MANY && m.answered == MANY && m.closed == MANY);
    check_ok(m.last.err);
    p2p_conn_stats stats;
    p2p_conn_get_stats(b->last_conn, &stats);
    check(stats.streams == 0);
    world_deinit(&w);
}

static void reset_at_once(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_reset(stream, 0x2345);
}

static const p2p_protocol resetter = {
    .size = sizeof(p2p_protocol), .ids = ECHO_ID, .inbound = true, .opened = reset_at_once};

static void a_reset_carries_its_code(void) {
    world w;
    node *a, *b;
    many m = {0};
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND});
    check_ok(p2p_host_add_protocol(b->host, &resetter, NULL));
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check_ok(p2p_conn_open(a->last_conn, &asker, &m, NULL));
    world_pump(a);
    world_run(&w, P2P_SECOND);
    check(m.closed == 1);
    check_err(P2P_ERR_RESET, m.last.err);
    check(m.last.remote_code == 0x2345);
    check(a->disconnected == 0);
    world_deinit(&w);
}

/* --- the end, and what is not the end --- */

static void closing_carries_its_code(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND});
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    p2p_conn_close(b->last_conn, 0x2222);
    world_pump(b);
    world_run(&w, P2P_SECOND);
    check(a->disconnected == 1 && b->disconnected == 1);
    check(a->last_reason.by_peer);
    check(!by->tells_codes || a->last_reason.remote_code == 0x2222);
    world_deinit(&w);
}

static void a_vanished_peer_is_noticed(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND});
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    world_path(&w, a, b)->down = true;
    world_path(&w, b, a)->down = true;
    world_run(&w, 60 * P2P_SECOND);
    check(a->disconnected == 1 && b->disconnected == 1);
    check_err(P2P_ERR_TIMEOUT, a->last_reason.err);
    check_err(P2P_ERR_TIMEOUT, b->last_reason.err);
    check(strstr(a->last_reason.text, by->vanished) != NULL);
    world_deinit(&w);
}

static void a_quiet_connection_stays_cheaply(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND});
    world_dial(a, b);
    world_run(&w, 10 * P2P_SECOND);
    uint64_t before = w.datagrams;
    world_run(&w, 600 * P2P_SECOND);
    check(a->disconnected == 0 && b->disconnected == 0);
    check(w.datagrams - before < by->quiet_datagrams);
    world_deinit(&w);
}

static void a_rebinding_nat_keeps_the_connection(void) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND, .rate = 4 << 20});
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    p2p_perf *perf;
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 4 << 20, 4 << 20, 0, on_perf, NULL));
    world_run(&w, 300 * P2P_MILLISECOND);
    check(!result.done);
    world_rebind(a, 1000);
    world_run(&w, 60 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

/* Four minutes of a steady transfer, with another port every half a minute. */
static void a_nat_that_rebinds_every_thirty_seconds_loses_nothing(void) {
    world w;
    node *a, *b;
    p2p_perf *perf;
    start_pair(&w, &a, &b,
        &(link){.latency = 20 * P2P_MILLISECOND, .rate = 100000, .loss = 0.01, .mtu = 1472});
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 10000000, 10000000, 0, on_perf, NULL));
    int rebound = 0;
    while (!result.done && rebound < 20) {
        world_run(&w, 30 * P2P_SECOND);
        world_rebind(a, 7);
        rebound++;
    }
    check(result.done && rebound > 6);
    check_ok(result.err);
    check(result.uploaded == 10000000 && result.downloaded == 10000000);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

static void an_idle_connection_needs_little_memory(void) {

    enum { CONNS = 20 };

    world w;
    p2p_config config = its_config();
    world_init(&w, 3);
    node *b = world_add(&w, &config);
    world_listen(b, by->tail);
    size_t before = 0;
    for (size_t i = 0; i <= CONNS; i++) {
        node *a = world_add(&w, &config);
        world_dial(a, b);
        world_run(&w, 20 * P2P_SECOND);
        if (i == 0)
            before = b->mem.live_bytes;
    }
    check(b->connected == CONNS + 1);
    size_t each = (b->mem.live_bytes - before) / CONNS;
    if (each > by->idle_bytes)
        fail_msg("%zu bytes for each idle connection", each);
    print_message("%zu bytes for each idle connection\n", each);
    world_deinit(&w);
}

/* --- the table --- */

typedef struct scenario {
    const char *name;
    void (*run)(void);
} scenario;

#define SCENARIO(function) \
    { #function, function }

static const scenario SCENARIOS[] = {SCENARIO(two_hosts_ping_each_other),
    SCENARIO(connecting_takes_the_round_trips_it_promises),
    SCENARIO(another_peer_than_expected_is_refused), SCENARIO(nobody_there_is_a_time_out),
    SCENARIO(a_gated_peer_is_disconnected), SCENARIO(every_want_of_memory_is_survived),
    SCENARIO(megabytes_arrive_both_ways), SCENARIO(loss_and_disorder_are_repaired),
    SCENARIO(loss_up_to_a_fifth_is_repaired), SCENARIO(short_and_long_ways_work),
    SCENARIO(a_small_mtu_is_respected), SCENARIO(windows_grow_with_bandwidth_and_delay),
    SCENARIO(hundreds_of_streams_each_end_in_halves), SCENARIO(a_reset_carries_its_code),
    SCENARIO(closing_carries_its_code), SCENARIO(a_vanished_peer_is_noticed),
    SCENARIO(a_quiet_connection_stays_cheaply), SCENARIO(a_rebinding_nat_keeps_the_connection),
    SCENARIO(a_nat_that_rebinds_every_thirty_seconds_loses_nothing),
    SCENARIO(an_idle_connection_needs_little_memory)};

enum { WAYS_COUNT = P2P_COUNT(WAYS), COUNT = P2P_COUNT(SCENARIOS) };

static void run(void **state) {
    const size_t *number = *state;
    by = &WAYS[*number / COUNT];
    SCENARIOS[*number % COUNT].run();
}

int main(void) {
    static size_t numbers[WAYS_COUNT * COUNT];
    static char names[WAYS_COUNT * COUNT][96];
    struct CMUnitTest tests[WAYS_COUNT * COUNT];
    for (size_t i = 0; i < P2P_COUNT(tests); i++) {
        numbers[i] = i;
        snprintf(
            names[i], sizeof names[i], "%s: %s", WAYS[i / COUNT].name, SCENARIOS[i % COUNT].name);
        tests[i] = (struct CMUnitTest){names[i], run, NULL, NULL, &numbers[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
