/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/webrtc/sctp_pair.h"

static const p2p_sctp_config DEFAULTS = P2P_SCTP_DEFAULTS;

static void two_sides_open_with_one_init(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 1, &DEFAULTS));
    pair_open(&p);
    check(p.carried == 4);
    p2p_sctp_info info;
    p2p_sctp_get_info(p.side[1].sctp, &info);
    check(info.open && info.streams == 65535 && !info.zero_checksum);
    pair_deinit(&p);
}

static void both_may_send_init_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        pair p;
        check_ok(pair_init(&p, seed, &DEFAULTS));
        p.jitter = seed * P2P_MILLISECOND;
        p.loss = seed > 20 ? 20 : 0;
        check_ok(p2p_sctp_connect(p.side[1].sctp, p.now));
        pair_open(&p);
        check_ok(pair_send(&p, 0, 0, 3000, NULL));
        check_ok(pair_send(&p, 1, 1, 3000, NULL));
        pair_run(&p, 60 * P2P_SECOND);
        check(p.side[0].messages == 1 && p.side[1].messages == 1 && !p.side[0].closed);
        pair_deinit(&p);
    }
}

static void an_unanswered_init_times_out(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 1, &DEFAULTS));
    p.loss = 100;
    check_ok(p2p_sctp_connect(p.side[0].sctp, p.now));
    pair_run(&p, 300 * P2P_SECOND);
    check(p.side[0].closed && p.side[0].reason == P2P_ERR_TIMEOUT);
    check(p.carried == 9);
    pair_deinit(&p);
}

typedef struct world {
    unsigned loss, duplicate, delay_ms, jitter_ms;
    bool zero_checksum;
} world;

static void exchange(const world *w, uint64_t seed) {
    pair p;
    p2p_sctp_config config = DEFAULTS;
    config.zero_checksum = w->zero_checksum;
    config.send_buffer = 256 << 10;
    check_ok(pair_init(&p, seed, &config));
    p.loss = w->loss;
    p.duplicate = w->duplicate;
    p.delay = w->delay_ms * P2P_MILLISECOND;
    p.jitter = w->jitter_ms * P2P_MILLISECOND;
    pair_open(&p);
    size_t want[2] = {0, 0};
    size_t messages = 0;
    p2p_time limit = p.now + 3000 * P2P_SECOND;
    while (messages < 300 || p.side[0].bytes < want[0] || p.side[1].bytes < want[1]) {
        while (messages < 300) {
            int from = (int)(messages % 2);
            size_t len = messages % 5 == 0 ? 20000 : 1 + messages * 37 % 3000;
            p2p_err err = pair_send(&p, from, (uint16_t)(messages % 7), len, NULL);
            if (err == P2P_ERR_AGAIN)
                break;
            check_ok(err);
            want[1 - from] += len;
            messages++;
        }
        if (!pair_step(&p, limit))
            fail_msg("stuck: loss %u delay %u seed %u: %zu of %zu, %zu of %zu", w->loss,
                w->delay_ms, (unsigned)seed, p.side[0].bytes, want[0], p.side[1].bytes, want[1]);
    }
    check(p.side[0].messages == 150 && p.side[1].messages == 150);
    pair_run(&p, 20 * P2P_SECOND);
    for (int i = 0; i < 2; i++) {
        p2p_sctp_info info;
        p2p_sctp_get_info(p.side[i].sctp, &info);
        check(info.open && info.in_flight == 0 && info.send_memory == 0 && info.stored == 0);
        check(info.pooled == 0 && info.zero_checksum == w->zero_checksum);
        check(p2p_sctp_deadline(p.side[i].sctp) == P2P_NEVER);
    }
    check_ok(p2p_sctp_shutdown(p.side[0].sctp, p.now));
    pair_run(&p, 200 * P2P_SECOND);
    check(p.side[0].closed && p.side[1].closed && p.side[0].reason == P2P_ERR_EOF);
    pair_deinit(&p);
}

static void every_byte_arrives_in_order_over_any_link(void **state) {
    (void)state;
    static const world worlds[] = {{0, 0, 1, 0, false}, {0, 0, 150, 0, true}, {0, 10, 5, 20, false},
        {1, 0, 20, 0, false}, {5, 5, 50, 10, true}, {10, 0, 100, 300, false},
        {20, 10, 10, 10, false}, {20, 0, 300, 50, false}};
    for (size_t i = 0; i < P2P_COUNT(worlds); i++) {
        for (uint64_t seed = 1; seed <= 3; seed++)
            exchange(&worlds[i], seed);
    }
}

static void a_shutdown_sends_what_is_queued_first(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 3, &DEFAULTS));
    pair_open(&p);
    check_ok(pair_send(&p, 0, 2, 100000, NULL));
    check_ok(p2p_sctp_shutdown(p.side[0].sctp, p.now));
    check_err(P2P_ERR_STATE, pair_send(&p, 0, 2, 1, NULL));
    pair_run(&p, 10 * P2P_SECOND);
    check(p.side[1].messages == 1 && p.side[1].reason == P2P_ERR_EOF && p.side[0].closed);
    pair_deinit(&p);
}

static void an_abort_tells_the_peer(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 3, &DEFAULTS));
    pair_open(&p);
    p2p_sctp_abort(p.side[0].sctp);
    pair_run(&p, P2P_SECOND);
    check(!p.side[0].closed && p.side[1].closed && p.side[1].reason == P2P_ERR_RESET);
    check_err(P2P_ERR_STATE, pair_send(&p, 1, 2, 1, NULL));
    pair_deinit(&p);
}

static void a_full_send_buffer_says_again_and_then_writable(void **state) {
    (void)state;
    pair p;
    p2p_sctp_config config = DEFAULTS;
    config.send_buffer = 64 << 10;
    check_ok(pair_init(&p, 3, &config));
    pair_open(&p);
    p2p_err err;
    while ((err = pair_send(&p, 0, 2, 10000, NULL)) == P2P_OK) {
    }
    check_err(P2P_ERR_AGAIN, err);
    check(p2p_sctp_buffered(p.side[0].sctp, 2) == 10000 * p.side[0].sent[2]);
    check(p.side[0].writable == 0);
    pair_run(&p, P2P_SECOND);
    check(p.side[0].writable > 0 && p2p_sctp_buffered(p.side[0].sctp, 2) == 0);
    check_ok(pair_send(&p, 0, 2, 10000, NULL));
    pair_deinit(&p);
}

static void a_reader_that_holds_bytes_stops_the_sender(void **state) {
    (void)state;
    pair p;
    p2p_sctp_config config = DEFAULTS;
    config.receive_buffer = 100000;
    check_ok(pair_init(&p, 3, &config));
    pair_open(&p);
    p2p_sctp_hold(p.side[1].sctp, 100000);
    check_ok(pair_send(&p, 0, 1, 1000, NULL)); /* its acknowledgement tells the window */
    pair_run(&p, P2P_SECOND);
    check_ok(pair_send(&p, 0, 1, 200000, NULL));
    pair_run(&p, P2P_SECOND);
    check(p.side[1].bytes < 20000 && !p.side[0].closed);
    p2p_sctp_release(p.side[1].sctp, 100000);
    pair_run(&p, 30 * P2P_SECOND);
    check(p.side[1].bytes == 201000);
    pair_deinit(&p);
}

static void streams_take_turns_by_messages(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 3, &DEFAULTS));
    pair_open(&p);
    for (int i = 0; i < 20; i++)
        check_ok(pair_send(&p, 0, 1, 20000, NULL));
    check_ok(pair_send(&p, 0, 2, 100, NULL));
    while (p.side[1].next_message[2] == 0)
        check(pair_step(&p, P2P_NEVER - 1));
    check(p.side[1].next_message[1] <= 2);
    pair_deinit(&p);
}

static void unordered_messages_arrive_whole(void **state) {
    (void)state;
    pair p;
    p2p_sctp_options unordered = {.unordered = true};
    check_ok(pair_init(&p, 9, &DEFAULTS));
    p.loss = 10;
    p.jitter = 30 * P2P_MILLISECOND;
    p.side[1].unchecked = true;
    pair_open(&p);
    for (size_t i = 0; i < 100; i++)
        check_ok(pair_send(&p, 0, 1, 1 + i * 300, &unordered));
    pair_run(&p, 300 * P2P_SECOND);
    check(p.side[1].messages == 100 && p.side[1].bytes == 100 + 300 * 99 * 50);
    pair_deinit(&p);
}

static void messages_that_are_too_late_are_given_up(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        pair p;
        p2p_sctp_options options = {.unordered = kind >= 2};
        if (kind % 2 == 0)
            options.limit_retransmits = true;
        else
            options.lifetime = 50 * P2P_MILLISECOND;
        check_ok(pair_init(&p, 11, &DEFAULTS));
        pair_open(&p);
        p.side[1].unchecked = true;
        p.loss = 15;
        for (int i = 0; i < 200; i++) {
            check_ok(pair_send(&p, 0, 1, 3000, &options));
            pair_run(&p, 20 * P2P_MILLISECOND);
        }
        pair_run(&p, 60 * P2P_SECOND);
        check(p.side[1].messages > 50 && p.side[1].messages < 195);
        p.loss = 0;
        size_t before = p.side[1].messages;
        check_ok(pair_send(&p, 0, 1, 3000, NULL));
        pair_run(&p, 10 * P2P_SECOND);
        check(p.side[1].messages == before + 1 && !p.side[0].closed && !p.side[1].closed);
        p2p_sctp_info info;
        p2p_sctp_get_info(p.side[0].sctp, &info);
        check(info.send_memory == 0 && info.in_flight == 0);
        pair_deinit(&p);
    }
}

static void a_dead_link_ends_the_association(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 3, &DEFAULTS));
    pair_open(&p);
    p.loss = 100;
    check_ok(pair_send(&p, 0, 1, 5000, NULL));
    pair_run(&p, 300 * P2P_SECOND);
    check(p.side[0].closed && p.side[0].reason == P2P_ERR_TIMEOUT);
    pair_deinit(&p);
}

static void a_reset_stream_can_be_used_again(void **state) {
    (void)state;
    for (unsigned loss = 0; loss <= 20; loss += 10) {
        pair p;
        check_ok(pair_init(&p, 5 + loss, &DEFAULTS));
        pair_open(&p);
        p.loss = loss;
        for (size_t round = 1; round <= 5; round++) {
            for (int i = 0; i < 3; i++)
                check_ok(pair_send(&p, 0, 4, 5000, NULL));
            check_ok(pair_send(&p, 1, 4, 700, NULL));
            check_ok(p2p_sctp_reset(p.side[0].sctp, 4));
            check_err(P2P_ERR_STATE, pair_send(&p, 0, 4, 1, NULL));
            pair_run(&p, 60 * P2P_SECOND);
            check(p.side[1].peer_resets == round && p.side[1].messages == 3 * round);
            check(p.side[0].released == round - 1 && p2p_sctp_live(p.side[0].sctp, 4));
            check_ok(p2p_sctp_reset(p.side[1].sctp, 4));
            pair_run(&p, 60 * P2P_SECOND);
            check(p.side[0].released == round && p.side[1].released == round);
            check(!p2p_sctp_live(p.side[0].sctp, 4) && !p2p_sctp_live(p.side[1].sctp, 4));
        }
        pair_deinit(&p);
    }
}

static void many_streams_are_reset_in_batches(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 5, &DEFAULTS));
    p.side[0].unchecked = p.side[1].unchecked = true;
    pair_open(&p);
    for (uint16_t i = 0; i < 300; i++) {
        check_ok(p2p_sctp_send(p.side[0].sctp, i, 53, P2P_LITERAL("x"), NULL, p.now));
        check_ok(p2p_sctp_reset(p.side[0].sctp, i));
    }
    pair_run(&p, 10 * P2P_SECOND);
    check(p.side[1].peer_resets == 300);
    for (uint16_t i = 0; i < 300; i++)
        check_ok(p2p_sctp_reset(p.side[1].sctp, i));
    pair_run(&p, 10 * P2P_SECOND);
    check(p.side[0].released == 300 && p.side[1].released == 300);
    pair_deinit(&p);
}

static void who_is_asked_sends_the_nonce_back(void **state) {
    (void)state;
    static const uint8_t nonce[P2P_SCTP_NONCE] = "a nonce", other[P2P_SCTP_NONCE] = "another";
    uint8_t packet[PAIR_MTU];
    size_t len;
    pair p;
    check_ok(pair_init(&p, 1, &DEFAULTS));
    p2p_sctp *a = p.side[0].sctp, *b = p.side[1].sctp;
    check_err(P2P_ERR_STATE, p2p_sctp_ask(a, packet, sizeof packet, &len, nonce));
    pair_open(&p);
    check_ok(p2p_sctp_ask(a, packet, sizeof packet, &len, nonce));
    check_ok(p2p_sctp_input(b, packet, len, p.now));
    check_ok(p2p_sctp_output(b, packet, sizeof packet, &len, p.now));
    check(!p2p_sctp_answered(a, nonce));
    check_ok(p2p_sctp_input(a, packet, len, p.now));
    check(p2p_sctp_answered(a, nonce) && !p2p_sctp_answered(a, other));
    check_ok(p2p_sctp_ask(b, packet, sizeof packet, &len, nonce));
    check_ok(p2p_sctp_input(a, packet, len, p.now));
    check(!p2p_sctp_answered(a, nonce)); /* of the latest packet only */
    pair_deinit(&p);
}

/* After four time-outs the next attempt would be seconds away. */
static void a_new_path_is_used_at_once(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 1, &DEFAULTS));
    p2p_sctp_moved(p.side[0].sctp, p.now); /* not open: nothing happens */
    pair_open(&p);
    p.loss = 100;
    check_ok(pair_send(&p, 0, 1, 50000, NULL));
    pair_run(&p, 10 * P2P_SECOND);
    p2p_sctp_info info;
    p2p_sctp_get_info(p.side[0].sctp, &info);
    check(info.backoff >= 3 && info.cwnd == 1200);
    p.loss = 0;
    p2p_sctp_moved(p.side[0].sctp, p.now);
    p2p_sctp_get_info(p.side[0].sctp, &info);
    check(info.backoff == 0 && info.in_flight == 0 && info.cwnd == 12000);
    pair_run(&p, P2P_SECOND / 2);
    check(p.side[1].messages == 1);
    p2p_sctp_moved(p.side[0].sctp, p.now); /* nothing is out */
    p2p_sctp_get_info(p.side[0].sctp, &info);
    check(p2p_sctp_deadline(p.side[0].sctp) > p.now);
    pair_deinit(&p);
}

static void wrong_use_is_refused(void **state) {
    (void)state;
    pair p;
    check_ok(pair_init(&p, 5, &DEFAULTS));
    check_err(P2P_ERR_STATE, p2p_sctp_send(p.side[0].sctp, 1, 53, P2P_LITERAL("x"), NULL, p.now));
    pair_open(&p);
    p2p_bytes big = {NULL, (256 << 10) + 1};
    check_err(P2P_ERR_INVALID, p2p_sctp_send(p.side[0].sctp, 1, 53, P2P_LITERAL(""), NULL, p.now));
    check_err(
        P2P_ERR_INVALID, p2p_sctp_send(p.side[0].sctp, 65535, 53, P2P_LITERAL("x"), NULL, p.now));
    check_err(P2P_ERR_TOO_BIG, p2p_sctp_send(p.side[0].sctp, 1, 53, big, NULL, p.now));
    check_err(P2P_ERR_NOT_FOUND, p2p_sctp_reset(p.side[0].sctp, 9));
    for (uint16_t i = 0; i < 1024; i++)
        check_ok(p2p_sctp_set_user(p.side[0].sctp, i, NULL));
    check_err(P2P_ERR_LIMIT, p2p_sctp_set_user(p.side[0].sctp, 1024, NULL));
    pair_deinit(&p);
    p2p_sctp *none;
    p2p_sctp_config config = DEFAULTS;
    check_err(P2P_ERR_INVALID, p2p_sctp_new(&none, &config));
}

static p2p_err session(const p2p_mem *mem, void *ctx) {
    pair p;
    p2p_sctp_config config = DEFAULTS;
    (void)ctx;
    config.mem = mem;
    p2p_err err = pair_init(&p, 21, &config);
    if (err == P2P_OK)
        err = p2p_sctp_connect(p.side[0].sctp, p.now);
    if (err == P2P_OK) {
        pair_run(&p, 20 * P2P_SECOND);
        p.loss = 10;
        p.jitter = 20 * P2P_MILLISECOND;
        p.side[0].unchecked = p.side[1].unchecked = true;
        p2p_sctp_options unordered = {.unordered = true};
        for (int i = 0; i < 20 && err == P2P_OK; i++)
            err = pair_send(&p, i % 2, (uint16_t)(i % 3), 4000, i % 4 == 0 ? &unordered : NULL);
        pair_run(&p, 60 * P2P_SECOND);
    }
    pair_deinit(&p);
    return err;
}

static void no_failed_allocation_leaks_or_breaks(void **state) {
    (void)state;
    sweep_allocations(session, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sides_open_with_one_init),
        cmocka_unit_test(both_may_send_init_at_once),
        cmocka_unit_test(an_unanswered_init_times_out),
        cmocka_unit_test(every_byte_arrives_in_order_over_any_link),
        cmocka_unit_test(a_shutdown_sends_what_is_queued_first),
        cmocka_unit_test(an_abort_tells_the_peer),
        cmocka_unit_test(a_full_send_buffer_says_again_and_then_writable),
        cmocka_unit_test(a_reader_that_holds_bytes_stops_the_sender),
        cmocka_unit_test(streams_take_turns_by_messages),
        cmocka_unit_test(unordered_messages_arrive_whole),
        cmocka_unit_test(messages_that_are_too_late_are_given_up),
        cmocka_unit_test(a_dead_link_ends_the_association),
        cmocka_unit_test(a_reset_stream_can_be_used_again),
        cmocka_unit_test(many_streams_are_reset_in_batches),
        cmocka_unit_test(who_is_asked_sends_the_nonce_back),
        cmocka_unit_test(a_new_path_is_used_at_once),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(no_failed_allocation_leaks_or_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
