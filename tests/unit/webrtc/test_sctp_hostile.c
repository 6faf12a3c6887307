/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A peer that means harm, inside an association that it has or would like to have. Memory is
 * counted, and so is what is said in answer.
 */
#include "unit/webrtc/sctp_raw.h"

/* Everything the association has to say now; the number of packets. */
static size_t drain(raw *r) {
    size_t count = 0;
    while (draw(r) != -1)
        count++;
    return count;
}

/* An association that waits for its peer to begin. */
static void await(raw *r) {
    memset(r, 0, sizeof *r);
    faulty_mem_init(&r->mem);
    seeded_random_init(&r->seeded, 3);
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.mem = &r->mem.mem;
    config.random = &r->seeded.random;
    config.events = &PAIR_EVENTS;
    config.ctx = &r->side;
    check_ok(p2p_sctp_new(&r->sctp, &config));
    r->side.unchecked = true;
}

static void init(raw *r, uint32_t tag) {
    p2p_sctp_init wish = {
        .tag = tag, .window = 1 << 20, .out_streams = 10, .in_streams = 10, .tsn = PEER_TSN};
    begin(r, 0);
    p2p_sctp_init_encode(&r->w, SCTP_INIT, &wish);
    check_ok(feed(r));
}

static void a_flood_of_inits_is_answered_once(void **state) {
    (void)state;
    raw r;
    await(&r);
    size_t before = r.mem.live_bytes;
    for (uint32_t i = 1; i <= 100000; i++)
        init(&r, i);
    check(drain(&r) == 1);
    check(r.mem.peak_bytes == before && !r.side.opened);
    stop(&r);
}

static void a_flood_of_cookies_opens_nothing(void **state) {
    (void)state;
    raw r;
    uint8_t cookie[1100];
    await(&r);
    init(&r, PEER_TAG);
    check(draw(&r) == SCTP_INIT_ACK);
    r.tag = p2p_load32(r.out + 16);
    size_t before = r.mem.live_bytes;
    for (uint32_t i = 0; i < 100000; i++) {
        size_t len = i % sizeof cookie;
        r.seeded.random.fill(r.seeded.random.ctx, cookie, len);
        check_ok(feed_chunk(&r, SCTP_COOKIE_ECHO, 0, p2p_bytes_of(cookie, len)));
        check(draw(&r) == -1);
    }
    check(r.mem.peak_bytes == before && !r.side.opened && !r.side.closed);
    stop(&r);
}

static void a_cookie_opens_once_however_often_it_comes(void **state) {
    (void)state;
    raw r;
    uint8_t cookie[256];
    await(&r);
    init(&r, PEER_TAG);
    check(draw(&r) == SCTP_INIT_ACK);
    r.tag = p2p_load32(r.out + 16);
    size_t len = p2p_load16(r.out + 34) - 4;
    check(p2p_load16(r.out + 32) == 7 && len <= sizeof cookie); /* the state cookie comes first */
    memcpy(cookie, r.out + 36, len);
    check_ok(feed_chunk(&r, SCTP_COOKIE_ECHO, 0, p2p_bytes_of(cookie, len)));
    check(r.side.opened && draw(&r) == SCTP_COOKIE_ACK);
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 10));
    size_t before = r.mem.live_bytes;
    r.side.opened = false;
    for (uint32_t i = 0; i < 10000; i++) {
        check_ok(feed_chunk(&r, SCTP_COOKIE_ECHO, 0, p2p_bytes_of(cookie, len)));
        check(drain(&r) <= 1);
    }
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 10)); /* still the old one's numbers */
    check(!r.side.opened && r.side.messages == 1 && r.mem.live_bytes == before);
    stop(&r);
}

static void a_forged_abort_does_nothing(void **state) {
    (void)state;
    raw r;
    static const uint8_t types[] = {SCTP_ABORT, SCTP_SHUTDOWN_COMPLETE};
    start(&r);
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t tag = (uint32_t)seeded_random_next(&r.seeded);
        if (tag == r.tag || tag == PEER_TAG)
            continue;
        begin(&r, tag);
        p2p_sctp_end(&r.w, p2p_sctp_begin_chunk(&r.w, types[i % 2], (uint8_t)(i / 2 % 2)));
        check_ok(feed(&r));
    }
    begin(&r, PEER_TAG); /* the peer's own tag counts only when it says so */
    p2p_sctp_end(&r.w, p2p_sctp_begin_chunk(&r.w, SCTP_ABORT, 0));
    check_ok(feed(&r));
    begin(&r, r.tag); /* and this side's not at all then */
    p2p_sctp_end(&r.w, p2p_sctp_begin_chunk(&r.w, SCTP_ABORT, SCTP_REFLECTED));
    check_ok(feed(&r));
    check(!r.side.closed && draw(&r) == -1);
    stop(&r);
}

static void games_with_transmission_numbers_gain_nothing(void **state) {
    (void)state;
    raw r;
    start(&r);
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 10));
    size_t before = r.mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        /* Long gone, half the circle away, far ahead, the same again. */
        static const uint32_t far[] = {UINT32_MAX, 0x80000000U, 0x7fffffffU, 0x100000, 0};
        check_ok(feed_data(&r, far[i % P2P_COUNT(far)], 1, 1, WHOLE, 10));
        if (i % 16 == 0)
            check(drain(&r) <= 1);
    }
    check(r.side.messages == 1 && !r.side.closed);
    check(r.mem.live_bytes <= before);
    check_ok(feed_data(&r, 1, 1, 1, WHOLE, 10));
    check(r.side.messages == 2);
    stop(&r);
}

/* Every second number is missing; each fragment has one byte and costs memory as a whole. */
static void reassembly_bombs_are_bounded(void **state) {
    (void)state;
    static const uint8_t kinds[] = {WHOLE, SCTP_BEGIN, SCTP_BEGIN | SCTP_UNORDERED, SCTP_UNORDERED,
        0, SCTP_END, WHOLE | SCTP_UNORDERED};
    for (size_t kind = 0; kind < P2P_COUNT(kinds); kind++) {
        raw r;
        p2p_sctp_config config = P2P_SCTP_DEFAULTS;
        config.receive_buffer = 1 << 20;
        start_with(&r, &config);
        p2p_err err = P2P_OK;
        for (uint32_t i = 1; i < 200000 && err == P2P_OK; i += 2)
            err = feed_data(&r, i, (uint16_t)(i / 2 % 90), (uint16_t)i, kinds[kind], 1);
        if (r.mem.peak_bytes > 4 << 20)
            fail_msg("kind %zu: %zu bytes", kind, r.mem.peak_bytes);
        check(err == P2P_OK || err == P2P_ERR_VIOLATION || err == P2P_ERR_LIMIT);
        stop(&r);
    }
}

static void stream_reset_games_gain_nothing(void **state) {
    (void)state;
    raw r;
    uint8_t body[4 + 12 + 2 * 500];
    start(&r);
    check_ok(feed_data(&r, 0, 7, 0, WHOLE, 1));
    (void)drain(&r);
    size_t before = r.mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        /* Outgoing resets of many streams that never were, numbered right or anyhow, complete or
         * waiting for data that never comes; answers to what was not asked. */
        bool answer = i % 5 == 4;
        size_t streams = answer ? 0 : i % 500;
        size_t len = answer ? 12 : 16 + 2 * streams;
        p2p_store16(body, answer ? 16 : 13);
        p2p_store16(body + 2, (uint16_t)len);
        p2p_store32(body + 4, i % 3 == 0 ? (uint32_t)seeded_random_next(&r.seeded) : PEER_TSN + i);
        p2p_store32(body + 8, i % 7);
        p2p_store32(body + 12, PEER_TSN + i % 9);
        for (size_t k = 0; k < streams; k++)
            p2p_store16(body + 16 + 2 * k, (uint16_t)(k * 131 + i));
        check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
        check(drain(&r) <= 1);
    }
    check(!r.side.closed && r.mem.live_bytes <= before + 1024);
    check_ok(feed_data(&r, 1, 8, 0, WHOLE, 1));
    check(r.side.messages == 2);
    stop(&r);
}

static void acknowledgements_of_what_was_not_sent_end_it(void **state) {
    (void)state;
    static const uint32_t beyond[] = {0, 1, 1000, 0x7ffffffe};
    for (size_t i = 0; i < P2P_COUNT(beyond); i++) {
        raw r;
        start(&r);
        check_err(P2P_ERR_VIOLATION, feed_sack(&r, r.tsn + beyond[i], 1 << 20, 0, 0));
        check_err(P2P_ERR_VIOLATION, r.side.reason);
        stop(&r);
        start(&r); /* in a gap block */
        check_err(P2P_ERR_VIOLATION,
            feed_sack(&r, r.tsn - 1, 1 << 20, 2, (uint16_t)(2 + beyond[i] % 60000)));
        stop(&r);
    }
}

/* It says that everything came, and never takes the window back; then that it has none. */
static void a_window_that_is_always_closed_costs_little(void **state) {
    (void)state;
    raw r;
    start(&r);
    p2p_err err = P2P_OK;
    static const uint8_t message[60000];
    while (err == P2P_OK)
        err = p2p_sctp_send(r.sctp, 1, 53, p2p_bytes_of(message, sizeof message), NULL, P2P_SECOND);
    check_err(P2P_ERR_AGAIN, err);
    (void)drain(&r);
    size_t before = r.mem.live_bytes;
    for (int i = 0; i < 10000; i++) {
        check_ok(feed_sack(&r, r.tsn - 1, 0, 0, 0));
        check(drain(&r) <= 1);
    }
    check(r.mem.live_bytes <= before);
    stop(&r);
}

static void a_message_above_the_limit_ends_it(void **state) {
    (void)state;
    raw r;
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.max_message_in = 5000;
    start_with(&r, &config);
    for (uint32_t i = 0; i < 5; i++)
        check_ok(feed_data(&r, i, 1, 0, i == 0 ? SCTP_BEGIN : i == 4 ? SCTP_END : 0, 1000));
    check(r.side.messages == 1);
    for (uint32_t i = 5; i < 10; i++)
        check_ok(feed_data(&r, i, 1, 1, i == 5 ? SCTP_BEGIN : 0, 1000));
    check_err(P2P_ERR_TOO_BIG, feed_data(&r, 10, 1, 1, SCTP_END, 1));
    check_err(P2P_ERR_TOO_BIG, r.side.reason);
    stop(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_inits_is_answered_once),
        cmocka_unit_test(a_flood_of_cookies_opens_nothing),
        cmocka_unit_test(a_cookie_opens_once_however_often_it_comes),
        cmocka_unit_test(a_forged_abort_does_nothing),
        cmocka_unit_test(games_with_transmission_numbers_gain_nothing),
        cmocka_unit_test(reassembly_bombs_are_bounded),
        cmocka_unit_test(stream_reset_games_gain_nothing),
        cmocka_unit_test(acknowledgements_of_what_was_not_sent_end_it),
        cmocka_unit_test(a_window_that_is_always_closed_costs_little),
        cmocka_unit_test(a_message_above_the_limit_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
