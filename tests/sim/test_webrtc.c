/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 5 to 50 ms ──── b
 *
 * What webrtc-direct alone does: its two versions, streams on data channels, strangers. The rest is
 * in test_transports.c.
 */

#include "base/cursor.h"
#include "host/host.h"
#include "sim/echo.h"
#include "sim/two_hosts.h"
#include "webrtc/router.h"
#include "webrtc/stun.h"

static p2p_config webrtc_config(void) {
    static const p2p_transport_type *const transports[] = {&p2p_webrtc_direct, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    return config;
}

static void start_pair(world *w, node **a, node **b, const link *path) {
    p2p_config config = webrtc_config();
    two_hosts_start(w, a, b, &config, path, "/udp/4001/webrtc-direct");
}

static void dial_version(node *a, node *b, int version) {
    p2p_multiaddr addr;
    p2p_dial_options options = {.size = sizeof options, .webrtc_version = version};
    check(p2p_host_addr(b->host, 0, &addr));
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, &options, NULL));
    world_pump(a);
}

static void two_hosts_ping(int version) {
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 50 * P2P_MILLISECOND, .mtu = 1260});
    dial_version(a, b, version);
    world_run(&w, 2 * P2P_SECOND);
    two_hosts_check_connected(a, b);
    check(strcmp(p2p_conn_transport(a->last_conn), "webrtc-direct") == 0);
    check(strcmp(p2p_conn_security(a->last_conn), "") == 0);
    check(strcmp(p2p_conn_muxer(a->last_conn), "") == 0);
    check(p2p_multiaddr_has(p2p_conn_remote(a->last_conn), P2P_CERTHASH));
    check(p2p_multiaddr_has(p2p_conn_remote(b->last_conn), P2P_WEBRTC_DIRECT));
    check(p2p_conn_local(b->last_conn)->len > 0);
    pings p = {0};
    five_pings(a->last_conn, &p);
    world_run(&w, 5 * P2P_SECOND);
    check_ok(p.err);
    check(p.answers == 5);
    check(p.rtt == 100 * P2P_MILLISECOND);
    p2p_host_close(a->host);
    world_run(&w, P2P_SECOND);
    check(a->stopped);
    check(b->disconnected == 1);
    check_err(P2P_ERR_EOF, b->last_reason.err);
    check(b->last_reason.by_peer);
    world_deinit(&w);
}

static void two_hosts_ping_by_version_1(void **state) {
    (void)state;
    two_hosts_ping(1);
}

static void two_hosts_ping_by_version_2(void **state) {
    (void)state;
    two_hosts_ping(2);
}

static void the_address_survives_a_restart(void **state) {
    (void)state;
    world w;
    p2p_config config = webrtc_config();
    p2p_multiaddr first, second;
    world_init(&w, 5);
    node *a = world_add(&w, &config);
    world_listen(a, "/udp/4001/webrtc-direct");
    check(p2p_host_addr(a->host, 0, &first));
    p2p_host *again;
    config.identity = a->identity;
    config.mem = a->mem.mem;
    config.random = a->random.random;
    check_ok(p2p_host_new(&again, &config, w.now));
    node *b = world_add(&w, &config);
    p2p_host_free(b->host);
    b->host = again;
    world_listen(b, "/udp/4001/webrtc-direct");
    check(p2p_host_addr(b->host, 0, &second));
    p2p_component one, two;
    check(p2p_multiaddr_find(&first, P2P_CERTHASH, NULL, &one));
    check(p2p_multiaddr_find(&second, P2P_CERTHASH, NULL, &two));
    check_same(one.value, two.value);
    p2p_host_free(again);
    p2p_identity_free(b->identity);
    b->identity = NULL;
    b->host = NULL;
    world_deinit(&w);
}

/* --- the handshake --- */

static p2p_reason dial_reason;

static void note_dial(node *self, const p2p_event *event) {
    (void)self;
    if (event->type == P2P_EVENT_DIAL_FAILED)
        dial_reason = event->reason;
}

static void another_certificate_than_named_is_refused(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    a->on_event = note_dial;
    check(p2p_host_addr(b->host, 0, &addr));
    addr.bytes[addr.len - 1] ^= 1;
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check_err(P2P_ERR_BAD_CERTIFICATE, dial_reason.err);
    check(strstr(dial_reason.text, "certificate") != NULL);
    check(a->connected == 0 && b->connected == 0);
    world_deinit(&w);
}

static void an_address_without_a_hash_cannot_be_dialled(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    a->on_event = note_dial;
    check_ok(p2p_multiaddr_parse(&addr, "/ip4/10.0.0.2/udp/4001/webrtc-direct", NULL));
    check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(&w, P2P_SECOND);
    check_err(P2P_ERR_UNSUPPORTED, dial_reason.err);
    world_deinit(&w);
}

/* --- bytes --- */

static p2p_perf_progress result;

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    result = *progress;
}

/* --- streams --- */

enum { MANY = 100 };

static void a_hundred_streams_each_end_in_halves(void **state) {
    (void)state;
    world w;
    node *a, *b;
    many m = {0};
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND, .loss = 0.01});
    check_ok(p2p_host_add_protocol(b->host, &echo, NULL));
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    for (int round = 0; round < 3; round++) {
        m = (many){0};
        for (size_t started = 0; started < MANY; started++)
            check_ok(p2p_conn_open(a->last_conn, &asker, &m, NULL));
        world_pump(a);
        world_run(&w, 10 * P2P_SECOND);
        check(m.opened == MANY && m.answered == MANY && m.closed == MANY);
        check_ok(m.last.err);
    }
    p2p_conn_stats stats;
    p2p_conn_get_stats(b->last_conn, &stats);
    check(stats.streams == 0);
    p2p_conn_get_stats(a->last_conn, &stats);
    check(stats.streams == 0);
    world_deinit(&w);
}

/* js-libp2p would close the eleventh. */
static void a_listener_is_shy_until_it_hears_the_dialler(void **state) {
    (void)state;
    world w;
    p2p_config config = webrtc_config();
    config.no_identify = true;
    many m = {0};
    world_init(&w, 3);
    node *a = world_add(&w, &config), *b = world_add(&w, &config);
    check_ok(p2p_host_add_protocol(a->host, &echo, NULL));
    world_listen(b, "/udp/4001/webrtc-direct");
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check(b->connected == 1);
    for (int i = 0; i < 10; i++)
        check_ok(p2p_conn_open(b->last_conn, &asker, &m, NULL));
    check_err(P2P_ERR_AGAIN, p2p_conn_open(b->last_conn, &asker, &m, NULL));
    world_pump(b);
    world_run(&w, P2P_SECOND);
    check(m.answered == 10);
    check_ok(p2p_conn_open(b->last_conn, &asker, &m, NULL));
    world_pump(b);
    world_run(&w, P2P_SECOND);
    check(m.answered == 11 && m.closed == 11);
    world_deinit(&w);
}

static many greetings;

static void greet_when_connected(node *self, const p2p_event *event) {
    (void)self;
    for (int i = 0; i < 10 && event->type == P2P_EVENT_CONNECTED; i++)
        check_ok(p2p_conn_open(event->conn, &asker, &greetings, NULL));
}

/* Channels overtake each other when packets are lost, also the one with the handshake's last
 * message. */
static void streams_that_come_before_the_handshake_is_complete_are_kept(void **state) {
    (void)state;
    p2p_config config = webrtc_config();
    config.no_identify = true;
    for (uint64_t seed = 0; seed < 40; seed++) {
        world w;
        greetings = (many){0};
        world_init(&w, seed);
        node *a = world_add(&w, &config), *b = world_add(&w, &config);
        world_link(&w, a, b, &(link){.latency = 20 * P2P_MILLISECOND, .loss = 0.2});
        check_ok(p2p_host_add_protocol(a->host, &echo, NULL));
        b->on_event = greet_when_connected;
        world_listen(b, "/udp/4001/webrtc-direct");
        world_dial(a, b);
        world_run(&w, 60 * P2P_SECOND);
        if (a->connected == 1 && (greetings.answered != 10 || greetings.closed != 10))
            fail_msg("seed %u: %zu answered", (unsigned)seed, greetings.answered);
        world_deinit(&w);
    }
}

/* An application that does not read holds up its peer, and nobody breaks. */
typedef struct sluggard {
    p2p_stream *stream;
    size_t received;
    bool at_end;
} sluggard;

static sluggard lazy;

static void lazy_readable(p2p_stream *stream, void *self) {
    (void)self;
    lazy.stream = stream;
}

static const p2p_protocol SLUGGARD = {
    .size = sizeof(p2p_protocol), .ids = ECHO_ID, .inbound = true, .readable = lazy_readable};

static size_t pushed;

static void push_more(p2p_stream *stream, void *self) {
    static const uint8_t block[4096];
    const size_t all = *(size_t *)self;
    while (pushed < all) {
        size_t taken = p2p_stream_write(stream, p2p_bytes_of(block, sizeof block));
        pushed += taken;
        if (taken < sizeof block)
            return;
    }
    p2p_stream_shut(stream);
}

static const p2p_protocol PUSHER = {
    .size = sizeof(p2p_protocol), .ids = ECHO_ID, .opened = push_more, .writable = push_more};

static void a_reader_that_rests_holds_up_its_writer(void **state) {
    (void)state;
    static size_t all = 24 << 20;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    check_ok(p2p_host_add_protocol(b->host, &SLUGGARD, NULL));
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    lazy = (sluggard){0};
    pushed = 0;
    check_ok(p2p_conn_open(a->last_conn, &PUSHER, &all, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check(lazy.stream != NULL && pushed < 12 << 20);
    check(p2p_stream_readable(lazy.stream) <= 6 << 20);
    while (lazy.received < pushed && w.now < 100 * P2P_SECOND) {
        for (p2p_bytes view; (view = p2p_stream_peek(lazy.stream)).len > 0;) {
            lazy.received += view.len;
            p2p_stream_consume(lazy.stream, view.len);
        }
        world_pump(b);
        world_run(&w, 50 * P2P_MILLISECOND);
    }
    if (lazy.received != pushed)
        fail_msg("%zu of %zu, b: %s", lazy.received, pushed, b->last_reason.text);
    check(p2p_stream_at_end(lazy.stream));
    p2p_stream_shut(lazy.stream);
    world_pump(b);
    world_run(&w, P2P_SECOND);
    check(a->disconnected == 0);
    world_deinit(&w);
}

static void a_stream_that_nobody_reads_makes_room_for_the_others(void **state) {
    (void)state;
    static size_t all = 24 << 20;
    world w;
    node *a, *b;
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    check_ok(p2p_host_add_protocol(b->host, &SLUGGARD, NULL));
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    lazy = (sluggard){0};
    pushed = 0;
    check_ok(p2p_conn_open(a->last_conn, &PUSHER, &all, NULL));
    world_pump(a);
    world_run(&w, P2P_SECOND);
    p2p_perf *perf;
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 8 << 20, 1 << 20, 0, on_perf, NULL));
    world_pump(a);
    world_run(&w, 5 * P2P_SECOND);
    check(!result.done);
    world_run(&w, 30 * P2P_SECOND);
    check(result.done);
    check_ok(result.err);
    check(pushed < all && a->disconnected == 0);
    world_deinit(&w);
}

/* --- strangers --- */

static void counters_of(const node *n, p2p_webrtc_counters *counters) {
    p2p_webrtc_router *router;
    check_ok(p2p_webrtc_router_get(&router, &n->host->env));
    p2p_webrtc_get_counters(router, counters);
}

/* A datagram out of the blue, to the one UDP socket of the host. */
static void inject(node *to, p2p_bytes bytes, const p2p_sockaddr *from) {
    uint8_t data[2048];
    memcpy(data, bytes.ptr, bytes.len);
    p2p_input input = {.type = P2P_INPUT_DATAGRAM,
        .now = to->world->now,
        .socket = 1,
        .data = data,
        .len = bytes.len,
        .remote = *from,
        .local = to->ip};
    input.local.port = 4001;
    p2p_host_input(to->host, &input);
    world_pump(to);
}

static size_t write_check(uint8_t *dst, size_t cap, uint32_t number, p2p_bytes key) {
    char username[200];
    uint8_t transaction[12] = {0};
    size_t len;
    int text = snprintf(
        username, sizeof username, "libp2p+webrtc+v1/%032u:libp2p+webrtc+v1/%032u", number, number);
    p2p_store32(transaction, number);
    p2p_writer w = p2p_stun_begin(dst, cap, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_bytes_of(username, (size_t)text));
    p2p_stun_put_u32(&w, P2P_STUN_PRIORITY, 1);
    p2p_stun_put_u64(&w, P2P_STUN_ICE_CONTROLLING, 1);
    p2p_bytes own = p2p_bytes_of(username, 17 + 32);
    p2p_stun_put_integrity(&w, key.len > 0 ? key : own);
    check_ok(p2p_stun_finish(&w, &len));
    return len;
}

static void a_flood_of_checks_is_bounded_and_forgotten(void **state) {
    (void)state;
    world w;
    node *a, *b;
    uint8_t packet[512];
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_run(&w, P2P_SECOND);
    p2p_webrtc_counters counters;
    counters_of(b, &counters);
    size_t before = b->mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        p2p_sockaddr from = {.family = 4, .ip = {203, 0, (uint8_t)(i >> 8), (uint8_t)i}, .port = 9};
        size_t len = write_check(packet, sizeof packet, i, (p2p_bytes){0});
        inject(b, p2p_bytes_of(packet, len), &from);
    }
    counters_of(b, &counters);
    check(counters.targets <= p2p_host_limits(b->host)->pending_inbound);
    print_message("%zu half-open connections take %zu bytes each\n", counters.targets,
        (b->mem.live_bytes - before) / counters.targets);
    world_run(&w, 40 * P2P_SECOND);
    counters_of(b, &counters);
    check(counters.targets == 0 && counters.addresses == 0);
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    check(a->connected == 1 && b->connected == 1);
    world_deinit(&w);
}

static void one_network_alone_cannot_flood(void **state) {
    (void)state;
    world w;
    node *a, *b;
    uint8_t packet[512];
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_run(&w, P2P_SECOND);
    p2p_sockaddr from = {.family = 4, .ip = {203, 0, 113, 1}, .port = 9};
    for (uint32_t i = 0; i < 5000; i++) {
        from.port = (uint16_t)(1000 + i);
        inject(
            b, p2p_bytes_of(packet, write_check(packet, sizeof packet, i, (p2p_bytes){0})), &from);
    }
    p2p_webrtc_counters counters;
    counters_of(b, &counters);
    check(counters.targets <= 500 && counters.limited >= 4500);
    world_deinit(&w);
}

static void a_check_with_a_wrong_key_costs_nothing(void **state) {
    (void)state;
    world w;
    node *a, *b;
    uint8_t packet[512];
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_run(&w, P2P_SECOND);
    p2p_sockaddr from = {.family = 4, .ip = {203, 0, 113, 1}, .port = 9};
    size_t before = b->mem.live_bytes;
    inject(b,
        p2p_bytes_of(packet, write_check(packet, sizeof packet, 1, P2P_LITERAL("another key"))),
        &from);
    p2p_webrtc_counters counters;
    counters_of(b, &counters);
    check(counters.targets == 0 && counters.refused == 1);
    check(b->mem.live_bytes == before);
    world_deinit(&w);
}

static void ask_for_address(node *n, size_t times) {
    uint8_t packet[64];
    size_t len;
    p2p_sockaddr from = {.family = 4, .ip = {203, 0, 113, 1}, .port = 9};
    for (size_t i = 0; i < times; i++) {
        uint8_t transaction[12] = {(uint8_t)i};
        p2p_writer w =
            p2p_stun_begin(packet, sizeof packet, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
        check_ok(p2p_stun_finish(&w, &len));
        inject(n, p2p_bytes_of(packet, len), &from);
    }
}

static void strangers_are_told_their_address_within_reason(void **state) {
    (void)state;
    world w;
    p2p_config config = webrtc_config();
    p2p_webrtc_counters counters;
    world_init(&w, 3);
    node *a = world_add(&w, &config);
    config.no_stun_server = true;
    node *b = world_add(&w, &config);
    world_listen(a, "/udp/4001/webrtc-direct");
    world_listen(b, "/udp/4001/webrtc-direct");
    ask_for_address(a, 2000);
    ask_for_address(b, 10);
    counters_of(a, &counters);
    check(counters.stun_answers >= 400 && counters.stun_answers <= 600);
    check(counters.targets == 0);
    counters_of(b, &counters);
    check(counters.stun_answers == 0);
    p2p_host_set_stun_server(b->host, true);
    ask_for_address(b, 10);
    counters_of(b, &counters);
    check(counters.stun_answers == 10);
    p2p_host_set_stun_server(b->host, false);
    ask_for_address(b, 10);
    counters_of(b, &counters);
    check(counters.stun_answers == 10);
    world_deinit(&w);
}

/* Who stands by the way of a connection sees its checks, and can send them again. */
static struct {
    const node *dialler;
    uint8_t check[512];
    size_t len;
    uint64_t received; /* bytes, of the one whose address is forged */
} spoofing;

static void look_for_checks(const node *from, p2p_bytes datagram) {
    p2p_stun_msg msg;
    if (from == spoofing.dialler && datagram.len <= sizeof spoofing.check &&
        p2p_stun_is(datagram) && p2p_stun_parse(&msg, datagram) == P2P_OK &&
        msg.class == P2P_STUN_REQUEST) {
        memcpy(spoofing.check, datagram.ptr, datagram.len);
        spoofing.len = datagram.len;
    }
}

static void count_bytes(node *self, const p2p_input *input) {
    (void)self;
    if (input->type == P2P_INPUT_DATAGRAM)
        spoofing.received += input->len;
}

/*
 *     a ──── 10 ms, 1 MB/s ──── b ──── 10 ms ──── c
 *
 * b sends much to a, and somebody says again and again that a has moved to c's address; later a
 * really moves.
 */
static void a_forged_move_takes_nothing_along(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_perf *perf;
    start_pair(&w, &a, &b, &(link){.latency = 10 * P2P_MILLISECOND, .rate = 1000000});
    node *c = world_add_raw(&w, count_bytes);
    world_link(&w, b, c, &(link){.latency = 10 * P2P_MILLISECOND});
    world_raw_bind(c, 9);
    memset(&spoofing, 0, sizeof spoofing);
    spoofing.dialler = a;
    w.tap = look_for_checks;
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check(a->connected == 1 && spoofing.len > 0);
    result = (p2p_perf_progress){0};
    check_ok(p2p_perf_start(&perf, a->last_conn, 0, 100 << 20, 0, on_perf, NULL));
    world_pump(a);
    world_run(&w, 2 * P2P_SECOND);

    p2p_sockaddr forged = c->ip;
    forged.port = 9;
    uint64_t before = result.downloaded, sent = 0;
    for (int i = 0; i < 100; i++) {
        sent += spoofing.len;
        inject(b, p2p_bytes_of(spoofing.check, spoofing.len), &forged);
        world_run(&w, 100 * P2P_MILLISECOND);
    }
    check(spoofing.received > 0 && spoofing.received <= 3 * sent);
    check(result.downloaded > before + 8000000);

    for (int i = 0; i < 3; i++) {
        world_rebind(a, 100);
        before = result.downloaded;
        world_run(&w, 5 * P2P_SECOND);
        if (result.downloaded < before + 2500000)
            fail_msg("move %d: %llu bytes", i, (unsigned long long)(result.downloaded - before));
    }
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

static void garbage_does_not_disturb_a_connection(void **state) {
    (void)state;
    world w;
    node *a, *b;
    uint8_t packet[1200];
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_dial(a, b);
    world_run(&w, 2 * P2P_SECOND);
    check(b->connected == 1);
    p2p_sockaddr at, elsewhere = {.family = 4, .ip = {203, 0, 113, 1}, .port = 9};
    p2p_proto_code code;
    check(p2p_multiaddr_to_sockaddr(p2p_conn_remote(b->last_conn), &at, &code));
    seeded_random random;
    seeded_random_init(&random, 11);
    for (int i = 0; i < 20000; i++) {
        size_t len = 1 + seeded_random_next(&random) % sizeof packet;
        random.random.fill(random.random.ctx, packet, len);
        packet[0] = (uint8_t)(i % 3 == 0 ? 20 + i % 4 : i % 3 == 1 ? i % 4 : packet[0]);
        if (i % 2 == 0 && len > 13) { /* a record of the right shape */
            packet[1] = 0xfe, packet[2] = 0xfd, packet[3] = 0, packet[4] = 1;
            p2p_store16(packet + 11, (uint16_t)(len - 13));
        }
        inject(b, p2p_bytes_of(packet, len), i % 5 == 0 ? &elsewhere : &at);
    }
    pings p = {0};
    five_pings(a->last_conn, &p);
    world_run(&w, 5 * P2P_SECOND);
    check(p.answers == 5);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

static void shares_its_port_with_quic(bool quic_first) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, &p2p_webrtc_direct, NULL};
    world w;
    p2p_config config = P2P_CONFIG_DEFAULTS, only = webrtc_config();
    config.transports = transports;
    world_init(&w, 9);
    node *b = world_add(&w, &config);
    world_listen(b, quic_first ? "/udp/4001/quic-v1" : "/udp/4001/webrtc-direct");
    world_listen(b, quic_first ? "/udp/4001/webrtc-direct" : "/udp/4001/quic-v1");
    world_run(&w, P2P_MILLISECOND);
    node *a = world_add(&w, &only), *c = world_add(&w, &config);
    world_dial(a, b);
    world_dial(c, b);
    world_run(&w, 5 * P2P_SECOND);
    if (a->connected != 1 || c->connected != 1)
        fail_msg("webrtc %zu, quic %zu, of %zu", a->connected, c->connected, b->connected);
    check(strcmp(p2p_conn_transport(a->last_conn), "webrtc-direct") == 0);
    check(strcmp(p2p_conn_transport(c->last_conn), "quic-v1") == 0);
    world_deinit(&w);
}

static void one_port_serves_quic_and_webrtc(void **state) {
    (void)state;
    shares_its_port_with_quic(true);
    shares_its_port_with_quic(false);
}

static void two_connections_between_two_hosts_are_told_apart(void **state) {
    (void)state;
    world w;
    node *a, *b;
    p2p_multiaddr addr;
    p2p_dial_options options = {.size = sizeof options, .force_new = true};
    start_pair(&w, &a, &b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_listen(a, "/udp/4001/webrtc-direct");
    for (int i = 0; i < 3; i++) {
        check(p2p_host_addr(b->host, 0, &addr));
        check_ok(p2p_host_dial(a->host, p2p_host_peer(b->host), &addr, 1, &options, NULL));
        world_pump(a);
        check(p2p_host_addr(a->host, 0, &addr));
        check_ok(p2p_host_dial(b->host, p2p_host_peer(a->host), &addr, 1, &options, NULL));
        world_pump(b);
    }
    world_run(&w, 5 * P2P_SECOND);
    check(a->connected == 6 && b->connected == 6);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_ping_by_version_1),
        cmocka_unit_test(two_hosts_ping_by_version_2),
        cmocka_unit_test(the_address_survives_a_restart),
        cmocka_unit_test(another_certificate_than_named_is_refused),
        cmocka_unit_test(an_address_without_a_hash_cannot_be_dialled),
        cmocka_unit_test(a_hundred_streams_each_end_in_halves),
        cmocka_unit_test(a_listener_is_shy_until_it_hears_the_dialler),
        cmocka_unit_test(streams_that_come_before_the_handshake_is_complete_are_kept),
        cmocka_unit_test(a_reader_that_rests_holds_up_its_writer),
        cmocka_unit_test(a_stream_that_nobody_reads_makes_room_for_the_others),
        cmocka_unit_test(a_flood_of_checks_is_bounded_and_forgotten),
        cmocka_unit_test(one_network_alone_cannot_flood),
        cmocka_unit_test(a_check_with_a_wrong_key_costs_nothing),
        cmocka_unit_test(strangers_are_told_their_address_within_reason),
        cmocka_unit_test(a_forged_move_takes_nothing_along),
        cmocka_unit_test(garbage_does_not_disturb_a_connection),
        cmocka_unit_test(one_port_serves_quic_and_webrtc),
        cmocka_unit_test(two_connections_between_two_hosts_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
