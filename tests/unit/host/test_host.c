/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

static world w;
static node *a;

static void start(const p2p_config *config) {
    world_init(&w, 71);
    a = world_add(&w, config);
}

static void stop(void) {
    world_deinit(&w);
}

static p2p_protocol protocol_of(const char *const *ids) {
    return (p2p_protocol){.size = sizeof(p2p_protocol), .ids = ids, .inbound = true};
}

static void a_configuration_without_identity_or_random_is_invalid(void **state) {
    (void)state;
    start(NULL);
    p2p_host *host;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.random = a->random.random;
    check_err(P2P_ERR_INVALID, p2p_host_new(&host, &config, 0));
    config.identity = a->identity;
    config.random.fill = NULL;
    check_err(P2P_ERR_INVALID, p2p_host_new(&host, &config, 0));
    config.random = a->random.random;
    config.size--;
    check_err(P2P_ERR_INVALID, p2p_host_new(&host, &config, 0));
    check(host == NULL);
    p2p_host_free(NULL);
    stop();
}

static void time_never_runs_backwards(void **state) {
    (void)state;
    start(NULL);
    uint64_t wall = p2p_host_wall_ms(a->host);
    p2p_host_input(a->host, &(p2p_input){.type = P2P_INPUT_TICK, .now = 5 * P2P_SECOND});
    p2p_host_input(a->host, &(p2p_input){.type = P2P_INPUT_TICK, .now = 2 * P2P_SECOND});
    check(p2p_host_now(a->host) == 5 * P2P_SECOND);
    check(p2p_host_wall_ms(a->host) == wall + 4000);
    stop();
}

static void protocols_are_listed_once_and_in_order(void **state) {
    (void)state;
    static const char *const IDS[] = {"/x/2", "/x/1", NULL}, *const OVERLAP[] = {
                                                                 "/y", "/x/1", NULL};
    static const char *const NONE[] = {NULL}, *const EMPTY[] = {"", NULL};
    static char long_id[300];
    memset(long_id, 'x', 256);
    const char *const too_long[] = {long_id, NULL};
    start(NULL);
    p2p_protocol x = protocol_of(IDS), y = protocol_of(OVERLAP), none = protocol_of(NONE),
                 empty = protocol_of(EMPTY), big = protocol_of(too_long);
    check_ok(p2p_host_add_protocol(a->host, &x, NULL));
    check_err(P2P_ERR_EXISTS, p2p_host_add_protocol(a->host, &x, NULL));
    check_err(P2P_ERR_EXISTS, p2p_host_add_protocol(a->host, &y, NULL));
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(a->host, &none, NULL));
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(a->host, &empty, NULL));
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(a->host, &big, NULL));
    size_t count = 0;
    while (p2p_host_protocol(a->host, count) != NULL)
        count++;
    check(count == 4); /* identify, push, and these */
    assert_string_equal(p2p_host_protocol(a->host, 2), "/x/2");
    p2p_host_remove_protocol(a->host, &x);
    p2p_host_remove_protocol(a->host, &x);
    check_ok(p2p_host_add_protocol(a->host, &y, NULL));
    assert_string_equal(p2p_host_protocol(a->host, 3), "/x/1");
    stop();
}

static void protocols_have_a_maximum(void **state) {
    (void)state;
    static char texts[8][8];
    static const char *ids[8][2];
    p2p_protocol protocols[8];
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.protocols = 5;
    start(&config);
    for (size_t i = 0; i < 8; i++) {
        snprintf(texts[i], sizeof texts[i], "/p%zu", i);
        ids[i][0] = texts[i];
        protocols[i] = protocol_of(ids[i]);
        check_err(
            i < 3 ? P2P_OK : P2P_ERR_LIMIT, p2p_host_add_protocol(a->host, &protocols[i], NULL));
    }
    stop();
}

static size_t fired;
static uint64_t fired_number;

static void note_timer(node *self, const p2p_event *event) {
    (void)self;
    fired += event->type == P2P_EVENT_TIMER;
    if (event->type == P2P_EVENT_TIMER)
        fired_number = event->request;
}

static void timers_replace_clear_and_end(void **state) {
    (void)state;
    start(NULL);
    a->on_event = note_timer;
    fired = 0;
    check_ok(p2p_host_set_timer(a->host, 7, w.now + 5 * P2P_SECOND));
    check_ok(p2p_host_set_timer(a->host, 7, w.now + 2 * P2P_SECOND));
    check_ok(p2p_host_set_timer(a->host, 8, w.now + P2P_SECOND));
    check_ok(p2p_host_set_timer(a->host, 8, P2P_NEVER));
    check_ok(p2p_host_set_timer(a->host, 9, P2P_NEVER));
    check(p2p_host_deadline(a->host) == w.now + 2 * P2P_SECOND);
    world_run(&w, P2P_SECOND);
    check(fired == 0);
    world_run(&w, 10 * P2P_SECOND);
    check(fired == 1 && fired_number == 7);
    check(p2p_host_deadline(a->host) == P2P_NEVER);
    for (uint64_t i = 0; i < 4096; i++)
        check_ok(p2p_host_set_timer(a->host, i, w.now + P2P_SECOND));
    check_err(P2P_ERR_LIMIT, p2p_host_set_timer(a->host, 4096, w.now + P2P_SECOND));
    world_run(&w, 2 * P2P_SECOND);
    check(fired == 1 + 4096);
    stop();
}

static p2p_multiaddr parse(const char *text) {
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static size_t listening, listen_failed, addresses;

static void note_listening(node *self, const p2p_event *event) {
    (void)self;
    listening += event->type == P2P_EVENT_LISTENING;
    addresses += event->type == P2P_EVENT_ADDRESSES;
    if (event->type == P2P_EVENT_LISTEN_FAILED) {
        listen_failed++;
        check(event->reason.err != P2P_OK && event->reason.text[0] != 0 && event->listener != 0);
    }
}

static void listeners_report_expand_and_end(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.listeners = 2;
    start(&config);
    a->on_event = note_listening;
    listening = listen_failed = addresses = 0;
    p2p_multiaddr any = parse("/ip4/0.0.0.0/tcp/4001"), odd = parse("/ip4/1.2.3.4/udp/1"), addr;
    uint64_t number, second;
    char text[64];
    check_err(P2P_ERR_UNSUPPORTED, p2p_host_listen(a->host, &odd, NULL));
    check_ok(p2p_host_listen(a->host, &any, &number));
    check(!p2p_host_addr(a->host, 0, &addr));
    world_pump(a);
    check(listening == 1 && addresses == 1);
    check(p2p_host_addr(a->host, 0, &addr) && !p2p_host_addr(a->host, 1, &addr));
    p2p_multiaddr_format(text, sizeof text, &addr);
    assert_string_equal(text, "/ip4/10.0.0.1/tcp/4001");
    p2p_multiaddr same = parse("/ip4/10.0.0.1/tcp/4001"), free_port = parse("/ip4/10.0.0.1/tcp/0");
    check_ok(p2p_host_listen(a->host, &same, NULL));
    world_pump(a);
    check(listen_failed == 1);
    check_ok(p2p_host_listen(a->host, &free_port, &second));
    check_err(P2P_ERR_LIMIT, p2p_host_listen(a->host, &free_port, NULL));
    world_pump(a);
    check(p2p_host_addr(a->host, 1, &addr));
    p2p_sockaddr more[2] = {a->ip, {.family = 4, .ip = {192, 168, 0, 9}}};
    p2p_host_input(a->host,
        &(p2p_input){.type = P2P_INPUT_INTERFACES, .now = w.now, .addrs = more, .addr_count = 2});
    check(p2p_host_addr(a->host, 2, &addr) && !p2p_host_addr(a->host, 3, &addr));
    p2p_host_unlisten(a->host, number);
    p2p_host_unlisten(a->host, number);
    world_pump(a);
    check(p2p_host_addr(a->host, 0, &addr) && !p2p_host_addr(a->host, 1, &addr));
    check(addresses == 4 && a->sockets.count == 1);
    stop();
}

static void a_paused_listener_is_reported(void **state) {
    (void)state;
    start(NULL);
    p2p_event event;
    bool seen = false;
    p2p_host_input(a->host,
        &(p2p_input){.type = P2P_INPUT_PAUSED, .now = w.now, .err = P2P_ERR_NO_DESCRIPTOR});
    while (p2p_host_next_event(a->host, &event))
        seen |= event.type == P2P_EVENT_ACCEPT_PAUSED &&
                event.reason.err == P2P_ERR_NO_DESCRIPTOR && event.reason.text[0] != 0;
    check(seen);
    stop();
}

static void events_have_a_maximum_but_answers_to_dials_are_never_lost(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.events = 3;
    start(&config);
    uint64_t request;
    size_t timers = 0, failed = 0, stopped = 0;
    p2p_event event;
    for (uint64_t i = 0; i < 10; i++)
        check_ok(p2p_host_set_timer(a->host, i, w.now + 1));
    for (size_t i = 0; i < 10; i++)
        check_ok(p2p_host_dial(a->host, NULL, NULL, 0, NULL, &request));
    p2p_host_input(a->host, &(p2p_input){.type = P2P_INPUT_TICK, .now = w.now + 5});
    p2p_host_close(a->host);
    while (p2p_host_next_event(a->host, &event)) {
        timers += event.type == P2P_EVENT_TIMER;
        failed += event.type == P2P_EVENT_DIAL_FAILED;
        stopped += event.type == P2P_EVENT_STOPPED;
    }
    check(timers <= 3 && failed == 10 && stopped == 1);
    stop();
}

static void addresses_of_peers_are_kept(void **state) {
    (void)state;
    start(NULL);
    p2p_peer_id peer = *p2p_host_peer(a->host);
    p2p_multiaddr addr = parse("/ip4/1.2.3.4/tcp/1"), got;
    p2p_host_add_addr(a->host, &peer, &addr, w.now + P2P_SECOND);
    check(p2p_host_peer_addr(a->host, &peer, 0, &got) && p2p_multiaddr_equal(&addr, &got));
    check(!p2p_host_peer_addr(a->host, &peer, 1, &got));
    world_run(&w, 2 * P2P_SECOND);
    check(!p2p_host_peer_addr(a->host, &peer, 0, &got));
    check(p2p_host_find_conn(a->host, &peer) == NULL && p2p_host_next_conn(a->host, NULL) == NULL);
    stop();
}

static void the_peer_and_the_addresses_must_agree(void **state) {
    (void)state;
    start(NULL);
    node *b = world_add(&w, NULL);
    char id[P2P_PEER_ID_TEXT_MAX], text[200];
    p2p_peer_id_format(id, sizeof id, p2p_host_peer(b->host));
    snprintf(text, sizeof text, "/ip4/10.0.0.2/tcp/1/p2p/%s", id);
    p2p_multiaddr addr = parse(text);
    check_err(
        P2P_ERR_INVALID, p2p_host_dial(a->host, p2p_host_peer(a->host), &addr, 1, NULL, NULL));
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, NULL));
    check_ok(p2p_host_dial(a->host, NULL, &addr, 1, NULL, NULL));
    stop();
}

static void what_is_in_use_can_be_asked(void **state) {
    (void)state;
    p2p_usage usage;
    start(NULL);
    node *b = world_add(&w, NULL);
    world_link(&w, a, b, &(link){.latency = P2P_MILLISECOND});
    check_ok(p2p_host_add_protocol(b->host, &p2p_ping_protocol, NULL));
    world_listen(b, "/tcp/4001");
    p2p_host_get_usage(a->host, &usage);
    check(usage.conns == 0 && usage.dials == 0 && usage.peers == 0 && usage.streams == 0);
    world_dial(a, b);
    p2p_host_get_usage(a->host, &usage);
    check(usage.dials == 1);
    p2p_host_get_usage(b->host, &usage);
    check(usage.listeners == 1 && usage.protocols >= 1);
    world_run(&w, P2P_SECOND);
    p2p_host_get_usage(a->host, &usage);
    check(usage.conns == 1 && usage.conns_inbound == 0 && usage.dials == 0 && usage.peers == 1);
    p2p_host_get_usage(b->host, &usage);
    check(usage.conns == 1 && usage.conns_inbound == 1 && usage.pending_inbound == 0);
    check(usage.buffered_bytes == 0);
    stop();
}

static void smaller_limits_keep_what_exists_and_larger_ones_let_more_in(void **state) {
    (void)state;
    start(NULL);
    node *others[3];
    world_listen(a, "/tcp/4001");
    for (size_t i = 0; i < 3; i++) {
        others[i] = world_add(&w, NULL);
        world_link(&w, others[i], a, &(link){.latency = P2P_MILLISECOND});
        p2p_limits limits = *p2p_host_limits(a->host);
        limits.conns_inbound = i == 1 ? 1 : 2;
        p2p_host_set_limits(a->host, &limits);
        check(p2p_host_limits(a->host)->conns_inbound == limits.conns_inbound);
        world_dial(others[i], a);
        world_run(&w, 20 * P2P_SECOND);
    }
    check(others[0]->connected == 1 && others[0]->disconnected == 0);
    check(others[1]->connected == 0);
    check(others[2]->connected == 1);
    check(a->connected == 2);
    stop();
}

static bool perf_done;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    perf_done = progress->done;
    check_ok(progress->err);
}

/* What both ends count on (windows, keepalive) is as it was when a connection began. */
static void a_connection_survives_every_change(void **state) {
    (void)state;

    enum { LEN = 4 << 20 };

    start(NULL);
    node *b = world_add(&w, NULL);
    world_link(&w, a, b, &(link){.latency = 20 * P2P_MILLISECOND, .rate = 4 << 20});
    check_ok(p2p_host_add_protocol(b->host, &p2p_perf_protocol, NULL));
    world_listen(b, "/tcp/4001");
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    p2p_perf *perf;
    perf_done = false;
    check_ok(p2p_perf_start(&perf, a->last_conn, LEN, LEN, 0, on_perf, NULL));
    world_pump(a);
    world_run(&w, P2P_SECOND / 4);
    check(!perf_done);
    p2p_limits limits = *p2p_host_limits(b->host);
    p2p_timeouts timeouts = p2p_config_defaults.timeouts;
    limits.window_initial = limits.window_max = limits.conn_window_max = 256 * 1024;
    limits.buffered_bytes = 1 << 20;
    limits.write_buffer = 4096;
    limits.streams = limits.conns = limits.conns_per_peer = limits.protocols = 0;
    timeouts.keepalive = 0;
    p2p_host_set_limits(b->host, &limits);
    p2p_host_set_timeouts(b->host, &timeouts);
    p2p_host_set_limits(a->host, &limits);
    p2p_host_set_timeouts(a->host, &timeouts);
    world_run(&w, 200 * P2P_SECOND);
    check(perf_done);
    check(a->disconnected == 0 && b->disconnected == 0);
    p2p_protocol more = {.size = sizeof more, .ids = (const char *const[]){"/x", NULL}};
    check_err(P2P_ERR_LIMIT, p2p_host_add_protocol(b->host, &more, NULL));
    stop();
}

static size_t log_lines;

static void note_line(void *ctx, const p2p_log_line *line) {
    (void)ctx;
    check(line->level <= P2P_LOG_TRACE);
    log_lines++;
}

static void the_log_level_can_change(void **state) {
    (void)state;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.log = (p2p_log){note_line, NULL, P2P_LOG_OFF};
    start(&config);
    p2p_multiaddr nobody = parse("/ip4/10.0.0.2/tcp/1");
    log_lines = 0;
    for (int i = 0; i < 2; i++) {
        p2p_host_set_log_level(a->host, i == 0 ? P2P_LOG_OFF : P2P_LOG_DEBUG);
        check_ok(p2p_host_dial(a->host, NULL, &nobody, 1, NULL, NULL));
        world_run(&w, 60 * P2P_SECOND);
        check((log_lines > 0) == (i == 1));
    }
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_without_identity_or_random_is_invalid),
        cmocka_unit_test(time_never_runs_backwards),
        cmocka_unit_test(protocols_are_listed_once_and_in_order),
        cmocka_unit_test(protocols_have_a_maximum),
        cmocka_unit_test(timers_replace_clear_and_end),
        cmocka_unit_test(listeners_report_expand_and_end),
        cmocka_unit_test(a_paused_listener_is_reported),
        cmocka_unit_test(events_have_a_maximum_but_answers_to_dials_are_never_lost),
        cmocka_unit_test(addresses_of_peers_are_kept),
        cmocka_unit_test(the_peer_and_the_addresses_must_agree),
        cmocka_unit_test(what_is_in_use_can_be_asked),
        cmocka_unit_test(smaller_limits_keep_what_exists_and_larger_ones_let_more_in),
        cmocka_unit_test(a_connection_survives_every_change),
        cmocka_unit_test(the_log_level_can_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
