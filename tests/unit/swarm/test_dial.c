/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static uint64_t dial(unsigned peer, size_t count, const char *const *texts) {
    p2p_multiaddr addrs[FAKE_MAX];
    p2p_peer_id id = fake_peer(peer);
    uint64_t request;
    for (size_t i = 0; i < count; i++)
        addrs[i] = fake_addr(texts[i]);
    check_ok(p2p_host_dial(f.host, &id, addrs, count, NULL, &request));
    return request;
}

static const char *const PRIVATE[] = {
    "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/2", "/ip4/10.0.0.1/tcp/3"};
static const char *const PUBLIC[] = {"/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/tcp/2"};

static bool dialled_at(size_t index, const char *text) {
    p2p_multiaddr addr = fake_addr(text);
    return index < f.dialled && f.dials[index] != NULL &&
           p2p_multiaddr_equal(&f.dials[index]->addr, &addr);
}

static void attempts_start_one_after_the_other_and_the_first_connection_ends_the_rest(
    void **state) {
    (void)state;
    fake_up();
    p2p_peer_id peer = fake_peer(1);
    uint64_t request = dial(1, 3, PRIVATE);
    check(f.dialled == 1 && dialled_at(0, PRIVATE[0]));
    fake_pass(30 * P2P_MILLISECOND - 1);
    check(f.dialled == 1);
    fake_pass(1);
    check(f.dialled == 2 && dialled_at(1, PRIVATE[1]));
    p2p_conn *conn = fake_succeed(0, &peer);
    check(f.cancelled == 1 && f.swarm->attempts == 0);
    fake_pass(P2P_SECOND);
    check(f.dialled == 2);
    check(fake_event(P2P_EVENT_CONNECTED).conn == conn);
    p2p_event event = fake_event(P2P_EVENT_DIALED);
    check(event.conn == conn && event.request == request);
    fake_no_event();
    fake_down();
}

static void progress_makes_the_others_wait_twice_and_no_more(void **state) {
    (void)state;
    fake_up();
    dial(1, 3, PRIVATE);
    f.transport.up->progress(f.swarm, f.dials[0]);
    fake_pass(249 * P2P_MILLISECOND);
    check(f.dialled == 1);
    f.transport.up->progress(f.swarm, f.dials[0]);
    fake_pass(249 * P2P_MILLISECOND);
    f.transport.up->progress(f.swarm, f.dials[0]);
    check(f.dialled == 1);
    fake_pass(P2P_MILLISECOND);
    check(f.dialled == 3);
    fake_down();
}

static void when_all_fail_the_last_reason_is_given_with_their_number(void **state) {
    (void)state;
    fake_up();
    uint64_t request = dial(1, 3, PRIVATE);
    fake_fail(0, P2P_ERR_REFUSED, "first");
    fake_fail(1, P2P_ERR_REFUSED, "second");
    fake_no_event();
    fake_fail(2, P2P_ERR_TIMEOUT, "third");
    p2p_event event = fake_event(P2P_EVENT_DIAL_FAILED);
    check(event.request == request);
    check_err(P2P_ERR_TIMEOUT, event.reason.err);
    assert_string_equal(event.reason.text, "all 3 addresses failed, the last one: third");
    fake_no_event();
    check(p2p_list_empty(&f.swarm->jobs) && f.swarm->attempts == 0);
    fake_down();
}

static void what_cannot_be_dialled_at_all_fails_with_an_event(void **state) {
    (void)state;
    fake_up();
    dial(1, 0, NULL);
    check_err(P2P_ERR_NOT_FOUND, fake_event(P2P_EVENT_DIAL_FAILED).reason.err);
    dial(1, 1, (const char *[]){"/ip4/10.0.0.1/udp/7/quic-v1"});
    p2p_event event = fake_event(P2P_EVENT_DIAL_FAILED);
    check_err(P2P_ERR_UNSUPPORTED, event.reason.err);
    check(strstr(event.reason.text, "/udp/7/quic-v1") != NULL);
    f.answer = P2P_ERR_NO_DESCRIPTOR;
    dial(1, 1, PRIVATE);
    check_err(P2P_ERR_NO_DESCRIPTOR, fake_event(P2P_EVENT_DIAL_FAILED).reason.err);
    fake_no_event();
    fake_down();
}

static void the_peer_may_stand_in_the_address_and_must_be_one(void **state) {
    (void)state;
    char text[2][256], id[P2P_PEER_ID_TEXT_MAX];
    p2p_multiaddr addrs[2];
    p2p_peer_id peers[2] = {fake_peer(1), fake_peer(2)};
    uint64_t request;
    fake_up();
    for (size_t i = 0; i < 2; i++) {
        p2p_peer_id_format(id, sizeof id, &peers[i]);
        snprintf(text[i], sizeof text[i], "/ip4/10.0.0.1/tcp/%zu/p2p/%s", i + 1, id);
        addrs[i] = fake_addr(text[i]);
    }
    check_err(P2P_ERR_INVALID, p2p_host_dial(f.host, NULL, addrs, 2, NULL, &request));
    check_err(P2P_ERR_INVALID, p2p_host_dial(f.host, &peers[0], &addrs[1], 1, NULL, &request));
    check(f.dialled == 0 && p2p_list_empty(&f.swarm->jobs));
    check_ok(p2p_host_dial(f.host, NULL, addrs, 1, NULL, &request));
    check(dialled_at(0, PRIVATE[0]) && p2p_peer_id_equal(&f.dials[0]->expected, &peers[0]));
    fake_down();
}

static void requests_for_a_peer_share_attempts_and_are_answered_each(void **state) {
    (void)state;
    fake_up();
    p2p_peer_id peer = fake_peer(1);
    uint64_t first = dial(1, 1, PRIVATE), second = dial(1, 2, PRIVATE);
    dial(2, 1, PRIVATE);
    check(f.dialled == 3 && dialled_at(1, PRIVATE[1])); /* a new address need not wait */
    p2p_host_cancel_dial(f.host, 777);
    p2p_host_cancel_dial(f.host, first);
    check(f.cancelled == 0);
    fake_succeed(0, &peer);
    fake_event(P2P_EVENT_CONNECTED);
    check(fake_event(P2P_EVENT_DIALED).request == second);
    fake_no_event();
    uint64_t third = dial(1, 1, PRIVATE);
    check(fake_event(P2P_EVENT_DIALED).request == third && f.dialled == 3);
    fake_down();
}

static void another_request_does_not_hurry_the_attempts(void **state) {
    (void)state;
    fake_up();
    dial(1, 2, PRIVATE);
    fake_pass(20 * P2P_MILLISECOND);
    dial(1, 2, PRIVATE);
    fake_pass(9 * P2P_MILLISECOND);
    check(f.dialled == 1);
    fake_pass(P2P_MILLISECOND);
    check(f.dialled == 2);
    fake_down();
}

static void the_last_request_that_is_cancelled_cancels_the_attempts(void **state) {
    (void)state;
    fake_up();
    uint64_t request = dial(1, 2, PRIVATE);
    fake_pass(30 * P2P_MILLISECOND);
    p2p_host_cancel_dial(f.host, request);
    check(f.cancelled == 2 && f.swarm->attempts == 0 && p2p_list_empty(&f.swarm->jobs));
    fake_no_event();
    fake_down();
}

static void attempts_have_a_limit_per_peer_and_in_all(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.dials_per_peer = 2;
    f.config.limits.dials = 3;
    fake_begin();
    dial(1, 3, PRIVATE);
    dial(2, 3, PRIVATE);
    fake_pass(P2P_SECOND);
    check(f.dialled == 3);
    fake_fail(0, P2P_ERR_REFUSED, "no");
    check(f.dialled == 4);
    p2p_peer_id peer = fake_peer(1);
    for (size_t i = 1; i < 4; i++)
        if (p2p_peer_id_equal(&f.dials[i]->expected, &peer))
            fake_fail(i, P2P_ERR_REFUSED, "no");
    fake_pass(P2P_SECOND);
    check(f.swarm->attempts <= 3 && f.dialled == 5);
    fake_down();
}

static void a_dial_that_takes_too_long_is_over(void **state) {
    (void)state;
    p2p_dial_options options = {.size = sizeof options, .timeout = P2P_SECOND};
    p2p_peer_id peer = fake_peer(1);
    p2p_multiaddr addr = fake_addr(PRIVATE[0]);
    uint64_t request;
    fake_up();
    check_ok(p2p_host_dial(f.host, &peer, &addr, 1, &options, &request));
    fake_pass(P2P_SECOND);
    check_err(P2P_ERR_TIMEOUT, fake_event(P2P_EVENT_DIAL_FAILED).reason.err);
    check(f.cancelled == 1);
    fake_down();
}

static void a_refused_assumption_is_asked_again_once(void **state) {
    (void)state;
    fake_up();
    dial(1, 1, PRIVATE);
    f.dials[0]->patient = true;
    p2p_dial *same = f.dials[0];
    fake_fail(0, P2P_ERR_NO_SECURITY, "no");
    check(f.dialled == 2 && f.dials[1] == same);
    fake_fail(1, P2P_ERR_NO_SECURITY, "no");
    check(f.dialled == 2);
    check_err(P2P_ERR_NO_SECURITY, fake_event(P2P_EVENT_DIAL_FAILED).reason.err);
    fake_down();
}

static void a_connection_above_the_limit_is_a_failed_dial(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.conns_per_peer = 1;
    fake_begin();
    p2p_peer_id peer = fake_peer(1);
    p2p_dial_options again = {.size = sizeof again, .force_new = true};
    p2p_multiaddr addr = fake_addr(PRIVATE[0]);
    uint64_t request;
    dial(1, 1, PRIVATE);
    check(fake_succeed(0, &peer) != NULL);
    check_ok(p2p_host_dial(f.host, &peer, &addr, 1, &again, &request));
    check(fake_succeed(1, &peer) == NULL);
    fake_event(P2P_EVENT_CONNECTED);
    fake_event(P2P_EVENT_DIALED);
    p2p_event event = fake_event(P2P_EVENT_DIAL_FAILED);
    check(event.request == request);
    check_err(P2P_ERR_LIMIT, event.reason.err);
    fake_down();
}

static bool not_port_one(void *ctx, const p2p_peer_id *peer, const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    p2p_proto_code transport;
    (void)ctx;
    (void)peer;
    return p2p_multiaddr_to_sockaddr(addr, &at, &transport) && at.port != 1;
}

static bool not_seven(void *ctx, const p2p_peer_id *peer) {
    (void)ctx;
    return peer->bytes[2] != 7;
}

static void the_gater_may_refuse_a_peer_or_an_address(void **state) {
    (void)state;
    fake_prepare();
    f.config.gater = (p2p_gater){.dial_addr = not_port_one, .dial_peer = not_seven};
    fake_begin();
    p2p_peer_id seven = fake_peer(7);
    p2p_multiaddr addr = fake_addr(PRIVATE[1]);
    uint64_t request;
    check_err(P2P_ERR_GATED, p2p_host_dial(f.host, &seven, &addr, 1, NULL, &request));
    dial(1, 2, PRIVATE);
    check(f.dialled == 1 && dialled_at(0, PRIVATE[1]));
    fake_fail(0, P2P_ERR_REFUSED, "no");
    fake_event(P2P_EVENT_DIAL_FAILED);
    fake_down();
}

static void known_addresses_are_dialled_but_not_soon_after_they_failed(void **state) {
    (void)state;
    fake_up();
    p2p_peer_id peer = fake_peer(1);
    p2p_multiaddr addr = fake_addr(PRIVATE[0]);
    p2p_host_add_addr(f.host, &peer, &addr, P2P_NEVER);
    dial(1, 0, NULL);
    check(f.dialled == 1);
    fake_fail(0, P2P_ERR_REFUSED, "no");
    fake_event(P2P_EVENT_DIAL_FAILED);
    dial(1, 0, NULL);
    check(f.dialled == 1);
    fake_event(P2P_EVENT_DIAL_FAILED);
    fake_pass(7 * P2P_SECOND);
    dial(1, 0, NULL);
    check(f.dialled == 2);
    fake_down();
}

static void closing_answers_every_request(void **state) {
    (void)state;
    fake_up();
    p2p_multiaddr addr = fake_addr(PRIVATE[0]);
    uint64_t request;
    dial(1, 2, PRIVATE);
    dial(1, 1, PRIVATE);
    dial(2, 2, PUBLIC);
    p2p_host_close(f.host);
    for (int i = 0; i < 3; i++)
        check_err(P2P_ERR_SHUTDOWN, fake_event(P2P_EVENT_DIAL_FAILED).reason.err);
    fake_event(P2P_EVENT_STOPPED);
    check(f.cancelled == 2);
    check_err(P2P_ERR_SHUTDOWN, p2p_host_dial(f.host, NULL, &addr, 1, NULL, &request));
    fake_down();
}

static void the_65th_address_is_left_out(void **state) {
    (void)state;
    char texts[FAKE_MAX][32];
    const char *list[FAKE_MAX];
    for (size_t i = 0; i < FAKE_MAX; i++) {
        snprintf(texts[i], sizeof texts[i], "/ip4/10.0.0.1/tcp/%zu", i + 1);
        list[i] = texts[i];
    }
    fake_up();
    dial(1, FAKE_MAX, list);
    for (size_t i = 0; i < f.dialled; i++)
        fake_fail(i, P2P_ERR_REFUSED, "no");
    check(f.dialled == P2P_DIAL_ADDRS_MAX);
    fake_event(P2P_EVENT_DIAL_FAILED);
    fake_down();
}

/* --- black holes */

static size_t failures(p2p_blackhole_kind kind) {
    return f.swarm->holes[kind].count - f.swarm->holes[kind].successes;
}

static void silence_counts_as_a_black_hole_and_answers_do_not(void **state) {
    (void)state;
    static const char *const IP6[] = {"/ip6/2a00::1/tcp/1", "/ip6/2a00::1/tcp/2"};
    p2p_peer_id peer = fake_peer(1);
    fake_up();
    dial(1, 2, IP6);
    fake_fail(0, P2P_ERR_TIMEOUT, "silence");
    check(failures(P2P_BLACKHOLE_IP6) == 1 && failures(P2P_BLACKHOLE_UDP) == 0);
    f.transport.up->progress(f.swarm, f.dials[1]);
    fake_fail(1, P2P_ERR_EOF, "it said something");
    check(failures(P2P_BLACKHOLE_IP6) == 1);
    fake_event(P2P_EVENT_DIAL_FAILED);
    dial(1, 2, IP6);
    fake_pass(250 * P2P_MILLISECOND);
    check(f.dialled == 4);
    fake_succeed(3, &peer); /* overtakes the first */
    check(failures(P2P_BLACKHOLE_IP6) == 2);
    check(f.swarm->holes[P2P_BLACKHOLE_IP6].successes == 1);
    dial(2, 1, IP6);
    p2p_host_close(f.host); /* nobody waited long enough */
    check(failures(P2P_BLACKHOLE_IP6) == 2);
    fake_down();
}

static void blocked_addresses_are_left_out_with_a_reason(void **state) {
    (void)state;
    fake_up();
    for (size_t i = 0; i < P2P_BLACKHOLE_WINDOW; i++)
        p2p_blackhole_result(&f.swarm->holes[P2P_BLACKHOLE_IP6], false);
    dial(1, 2, (const char *[]){"/ip6/2a00::1/tcp/1", "/ip4/8.8.8.8/tcp/1"});
    check(f.dialled == 1 && dialled_at(0, "/ip4/8.8.8.8/tcp/1"));
    dial(2, 1, (const char *[]){"/ip6/2a00::1/tcp/1"});
    p2p_event event = fake_event(P2P_EVENT_DIAL_FAILED);
    check_err(P2P_ERR_UNREACHABLE, event.reason.err);
    check(strstr(event.reason.text, "IPv6") != NULL);
    dial(3, 1, (const char *[]){"/ip6/fd00::1/tcp/1"});
    check(f.dialled == 2);
    fake_down();
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    fake_prepare();
    p2p_identity_free(f.identity);
    f.config.mem = *mem;
    seeded_random_init(&f.random, 5);
    p2p_err err = p2p_identity_generate(&f.identity, P2P_ED25519, mem, &f.random.random);
    f.config.identity = f.identity;
    f.host = NULL;
    if (err == P2P_OK)
        err = p2p_host_new(&f.host, &f.config, P2P_SECOND);
    if (err == P2P_OK) {
        p2p_multiaddr addrs[2] = {fake_addr(PRIVATE[0]), fake_addr(PRIVATE[1])};
        p2p_peer_id peer = fake_peer(1);
        uint64_t request;
        p2p_event event;
        f.swarm = &f.host->swarm;
        err = p2p_host_dial(f.host, &peer, addrs, 2, NULL, &request);
        size_t answers = err != P2P_OK;
        for (size_t i = 0; i < f.dialled; i++)
            if (f.dials[i] != NULL)
                fake_fail(i, P2P_ERR_REFUSED, "no");
        while (p2p_host_next_event(f.host, &event))
            answers += event.type == P2P_EVENT_DIAL_FAILED;
        check(answers == 1); /* a lack of memory loses none */
    }
    p2p_host_free(f.host);
    p2p_identity_free(f.identity);
    return err;
}

static void every_request_is_answered_without_memory(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_start_one_after_the_other_and_the_first_connection_ends_the_rest),
        cmocka_unit_test(progress_makes_the_others_wait_twice_and_no_more),
        cmocka_unit_test(when_all_fail_the_last_reason_is_given_with_their_number),
        cmocka_unit_test(what_cannot_be_dialled_at_all_fails_with_an_event),
        cmocka_unit_test(the_peer_may_stand_in_the_address_and_must_be_one),
        cmocka_unit_test(requests_for_a_peer_share_attempts_and_are_answered_each),
        cmocka_unit_test(another_request_does_not_hurry_the_attempts),
        cmocka_unit_test(the_last_request_that_is_cancelled_cancels_the_attempts),
        cmocka_unit_test(attempts_have_a_limit_per_peer_and_in_all),
        cmocka_unit_test(a_dial_that_takes_too_long_is_over),
        cmocka_unit_test(a_refused_assumption_is_asked_again_once),
        cmocka_unit_test(a_connection_above_the_limit_is_a_failed_dial),
        cmocka_unit_test(the_gater_may_refuse_a_peer_or_an_address),
        cmocka_unit_test(known_addresses_are_dialled_but_not_soon_after_they_failed),
        cmocka_unit_test(closing_answers_every_request),
        cmocka_unit_test(the_65th_address_is_left_out),
        cmocka_unit_test(silence_counts_as_a_black_hole_and_answers_do_not),
        cmocka_unit_test(blocked_addresses_are_left_out_with_a_reason),
        cmocka_unit_test(every_request_is_answered_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
