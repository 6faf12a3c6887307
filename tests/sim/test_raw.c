/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     good ──── ping every second ──── host ──── ╳ raw bytes
 *
 * Peers that send anything but a handshake: each is left with the right error, the host's memory
 * stays within its limits, and the good peer notices nothing.
 */
#include "sim/victim.h"

static victim v;
static node *raw;
static size_t opened, ended;

static void on_input(node *self, const p2p_input *input) {
    (void)self;
    opened += input->type == P2P_INPUT_OPENED;
    ended += input->type == P2P_INPUT_EOF || input->type == P2P_INPUT_CLOSED;
}

static void start(void) {
    victim_start(&v);
    raw = world_add_raw(&v.w, on_input);
    opened = ended = 0;
}

static p2p_socket connect(void) {
    p2p_socket socket = world_raw_connect(raw, v.host, 4001);
    world_run(&v.w, 20 * P2P_MILLISECOND);
    return socket;
}

static size_t say(p2p_socket socket, const void *bytes, size_t len) {
    size_t sent = world_raw_send(raw, socket, p2p_bytes_of(bytes, len));
    world_run(&v.w, 10 * P2P_MILLISECOND);
    return sent;
}

#define HEADER "\x13/multistream/1.0.0\n"
#define NOISE "\x07/noise\n"

/* What one connection that says this ends with, at once or when time is up. */
static void offence(const void *bytes, size_t len, p2p_err want) {
    start();
    p2p_socket socket = connect();
    say(socket, bytes, len);
    world_run(&v.w, 20 * P2P_SECOND);
    check(v.inbound_failed == 1 && ended == 1);
    check_err(want, v.inbound_err);
    victim_check(&v, 20);
    victim_stop(&v);
}

static void ten_thousand_connections_that_send_nothing_are_let_go(void **state) {
    (void)state;
    start();
    for (size_t i = 0; i < 10000; i++) {
        world_raw_connect(raw, v.host, 4001);
        if (i % 100 == 0)
            world_run(&v.w, 100 * P2P_MILLISECOND);
    }
    world_run(&v.w, P2P_SECOND);
    check(ended >= 10000 - 256);
    check(v.host->sockets.count <= 256 + 2);
    world_run(&v.w, 20 * P2P_SECOND);
    check(ended == 10000 && v.host->sockets.count == 2);
    check_err(P2P_ERR_TIMEOUT, v.inbound_err);
    victim_check(&v, 30);
    victim_stop(&v);
}

static void one_byte_a_second_does_not_prolong_the_time_limit(void **state) {
    (void)state;
    static const char GOOD[] = HEADER HEADER;
    start();
    p2p_socket socket = connect();
    size_t sent = 0;
    for (; sent < sizeof GOOD - 1 && ended == 0; sent++) {
        say(socket, GOOD + sent, 1);
        world_run(&v.w, P2P_SECOND);
    }
    check(sent < 17 && ended == 1);
    check_err(P2P_ERR_TIMEOUT, v.inbound_err);
    victim_check(&v, 15);
    victim_stop(&v);
}

static void garbage_is_malformed(void **state) {
    (void)state;
    static uint8_t garbage[100000];
    seeded_random random;
    seeded_random_init(&random, 9);
    for (size_t round = 0; round < 30; round++) {
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (uint8_t)seeded_random_next(&random);
        start();
        say(connect(), garbage, sizeof garbage);
        check(v.inbound_failed == 1 && ended == 1);
        check(v.inbound_err == P2P_ERR_MALFORMED || v.inbound_err == P2P_ERR_TOO_BIG ||
              v.inbound_err == P2P_ERR_VIOLATION);
        victim_stop(&v);
    }
}

static void an_http_request_is_no_multistream(void **state) {
    (void)state;
    static const char HTTP[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    start();
    say(connect(), HTTP, sizeof HTTP - 1);
    world_run(&v.w, 16 * P2P_SECOND);
    check(v.inbound_failed == 1 && v.inbound_err != P2P_OK);
    victim_stop(&v);
}

static void a_line_that_is_too_long_is_refused(void **state) {
    (void)state;
    static const uint8_t LONG[] = {0x81, 0x08, '/'};
    static const uint8_t VERY_LONG[] = {0xff, 0xff, 0xff, 0x7f, '/'};
    offence(LONG, sizeof LONG, P2P_ERR_TOO_BIG);
    offence(VERY_LONG, sizeof VERY_LONG, P2P_ERR_MALFORMED);
}

static void endless_headers_end_after_a_few(void **state) {
    (void)state;
    start();
    p2p_socket socket = connect();
    for (size_t i = 0; i < 1000 && ended == 0; i++)
        say(socket, HEADER HEADER HEADER, 60);
    check(ended == 1);
    check_err(P2P_ERR_VIOLATION, v.inbound_err);
    victim_check(&v, 0);
    victim_stop(&v);
}

static void half_a_noise_message_waits_until_time_is_up(void **state) {
    (void)state;
    static const char HALF[] = HEADER NOISE "\x00\x20half";
    offence(HALF, sizeof HALF - 1, P2P_ERR_TIMEOUT);
}

static void a_huge_noise_message_is_no_handshake(void **state) {
    (void)state;
    static char huge[70000] = HEADER NOISE "\xff\xff";
    start();
    p2p_socket socket = connect();
    say(socket, huge, sizeof huge);
    world_run(&v.w, 20 * P2P_SECOND);
    check(v.inbound_failed == 1 && ended == 1 && v.inbound_err != P2P_OK);
    victim_check(&v, 20);
    victim_stop(&v);
}

static void a_listener_that_lies_is_only_a_failed_dial(void **state) {
    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        start();
        world_raw_listen(raw, 5000);
        p2p_multiaddr addr;
        check_ok(p2p_multiaddr_parse(&addr, "/ip4/10.0.0.3/tcp/5000", NULL));
        check_ok(p2p_host_dial(v.host->host, NULL, &addr, 1, NULL, NULL));
        world_run(&v.w, 20 * P2P_MILLISECOND);
        static const char *const SAID[] = {HEADER "\x03na\n", HEADER HEADER, "\x01\x02",
            HEADER NOISE "\x00\x60garbagegarbagegarbagegarbagegarbagegarbagegarbagegarbage"
                         "garbagegarbagegarbagegarbagegarbagegarbage"};
        static const size_t LENS[] = {24, 40, 2, 28 + 2 + 98};
        size_t at = 0;
        p2p_map_entry *entry;
        while ((entry = p2p_map_next(&raw->sockets, &at)) != NULL)
            if (entry->key & P2P_SOCKET_ACCEPTED)
                break;
        check(entry != NULL);
        p2p_socket socket = entry == NULL ? 0 : entry->key;
        say(socket, SAID[kind], LENS[kind]);
        world_run(&v.w, 10 * P2P_SECOND);
        check(v.host->last_reason.err != P2P_OK && v.host->connected == 1);
        if (kind == 0) /* it is asked again for the other protocol, and says nothing more */
            check_err(P2P_ERR_TIMEOUT, v.host->last_reason.err);
        check(v.host->sockets.count == 2);
        victim_check(&v, 10);
        victim_stop(&v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_connections_that_send_nothing_are_let_go),
        cmocka_unit_test(one_byte_a_second_does_not_prolong_the_time_limit),
        cmocka_unit_test(garbage_is_malformed),
        cmocka_unit_test(an_http_request_is_no_multistream),
        cmocka_unit_test(a_line_that_is_too_long_is_refused),
        cmocka_unit_test(endless_headers_end_after_a_few),
        cmocka_unit_test(half_a_noise_message_waits_until_time_is_up),
        cmocka_unit_test(a_huge_noise_message_is_no_handshake),
        cmocka_unit_test(a_listener_that_lies_is_only_a_failed_dial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
