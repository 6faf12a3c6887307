/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/webrtc/sctp_raw.h"

static void gaps_and_duplicates_are_reported(void **state) {
    (void)state;
    raw r;
    start(&r);
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 10));
    check_ok(feed_data(&r, 2, 1, 2, WHOLE, 10));
    check_ok(feed_data(&r, 3, 1, 3, WHOLE, 10));
    check_ok(feed_data(&r, 5, 1, 5, WHOLE, 10));
    check_ok(feed_data(&r, 3, 1, 3, WHOLE, 10));
    check(draw(&r) == SCTP_SACK);
    check(p2p_load32(r.out + 16) == PEER_TSN);
    check_bytes(p2p_bytes_of(r.out + 24, 16), "0002 0001 0002 0003 0005 0005 000003eb");
    check(r.side.messages == 1);
    check_ok(feed_data(&r, 1, 1, 1, WHOLE, 10));
    check(r.side.messages == 4);
    check_ok(feed_data(&r, 4, 1, 4, WHOLE, 10));
    check(r.side.messages == 6);
    stop(&r);
}

static void one_lost_stream_does_not_hold_another(void **state) {
    (void)state;
    raw r;
    start(&r);
    check_ok(feed_data(&r, 1, 2, 0, SCTP_BEGIN, 10));
    check_ok(feed_data(&r, 2, 2, 0, SCTP_END, 10));
    check(r.side.messages == 1);
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 10));
    check(r.side.messages == 2);
    stop(&r);
}

static void wrong_numbering_ends_the_association(void **state) {
    (void)state;

    static const struct {
        uint32_t tsn;
        uint16_t stream, ssn;
        uint8_t flags;
    } cases[][3] = {
        {{0, 1, 5, WHOLE}},                                 /* skips stream numbers */
        {{0, 1, 0, SCTP_END}},                              /* ends what never began */
        {{0, 1, 0, SCTP_BEGIN}, {1, 1, 0, WHOLE}},          /* begins inside a message */
        {{0, 1, 0, SCTP_BEGIN}, {1, 1, 1, SCTP_END}},       /* number changes half-way */
        {{0, 1, 0, WHOLE}, {1, 1, 0, WHOLE}},               /* number used twice */
        {{2, 1, 1, WHOLE}, {3, 1, 1, WHOLE}},               /* twice, both stored */
        {{1, 1, 0, SCTP_END}, {0, 2, 0, WHOLE}},            /* stored end without a beginning */
        {{0, 1, 0, 6}, {1, 1, 0, 6}},                       /* unordered, begins twice */
        {{0, 1, 0, 6}, {1, 2, 0, 5}},                       /* unordered, other stream */
        {{0, 1, 0, 6}, {1, 2, 0, WHOLE}},                   /* interrupted */
        {{0, 1, 0, 4}},                                     /* unordered middle first */
        {{1, 1, 0, 6}, {2, 1, 1, WHOLE}, {0, 3, 0, WHOLE}}, /* the same, stored */
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        raw r;
        p2p_err err = P2P_OK;
        start(&r);
        for (size_t k = 0; k < 3 && err == P2P_OK; k++) {
            if (cases[i][k].flags != 0)
                err = feed_data(&r, cases[i][k].tsn, cases[i][k].stream, cases[i][k].ssn,
                    cases[i][k].flags, 10);
        }
        if (err != P2P_ERR_VIOLATION || r.side.reason != P2P_ERR_VIOLATION)
            fail_msg("case %zu: %s", i, p2p_err_name(err));
        check(draw(&r) == SCTP_ABORT);
        check(draw(&r) == -1);
        stop(&r);
    }
}

static void broken_chunks_end_the_association(void **state) {
    (void)state;

    static const struct {
        uint8_t type;
        const char *body;
        p2p_err err;
    } cases[] = {
        {SCTP_DATA, "000003e8", P2P_ERR_MALFORMED},
        {SCTP_DATA, "000003e8 0001 0000 00000035", P2P_ERR_VIOLATION}, /* no user data */
        {SCTP_SACK, "00", P2P_ERR_MALFORMED},
        {SCTP_SACK, "00000000 00000000 ffff ffff", P2P_ERR_MALFORMED},
        {SCTP_FORWARD_TSN, "0000", P2P_ERR_MALFORMED},
        {SCTP_RE_CONFIG, "000d0003", P2P_ERR_MALFORMED},
        {SCTP_SHUTDOWN, "00", P2P_ERR_MALFORMED},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        raw r;
        uint8_t body[64];
        start(&r);
        size_t len = from_hex(cases[i].body, body, sizeof body);
        p2p_err err = feed_chunk(&r, cases[i].type, 0, p2p_bytes_of(body, len));
        if (err != cases[i].err || !r.side.closed)
            fail_msg("case %zu: %s", i, p2p_err_name(err));
        stop(&r);
    }
}

static void sacks_for_what_was_never_sent_end_it(void **state) {
    (void)state;
    raw r;
    start(&r);
    check_err(P2P_ERR_VIOLATION, feed_sack(&r, r.tsn, 1000, 0, 0));
    stop(&r);
    start(&r);
    check_ok(p2p_sctp_send(r.sctp, 1, 53, P2P_LITERAL("hello"), NULL, P2P_SECOND));
    check(draw(&r) == SCTP_DATA);
    check_err(P2P_ERR_VIOLATION, feed_sack(&r, r.tsn - 1, 1000, 1, 2));
    stop(&r);
    start(&r);
    check_ok(p2p_sctp_send(r.sctp, 1, 53, P2P_LITERAL("hello"), NULL, P2P_SECOND));
    check(draw(&r) == SCTP_DATA);
    check_ok(feed_sack(&r, r.tsn, 1000, 0, 0));
    check_ok(feed_sack(&r, r.tsn - 1, 1000, 0, 0)); /* an old one */
    p2p_sctp_info info;
    p2p_sctp_get_info(r.sctp, &info);
    check(info.in_flight == 0 && info.send_memory == 0);
    stop(&r);
}

static void a_report_taken_back_is_sent_again(void **state) {
    (void)state;
    raw r;
    start(&r);
    for (int i = 0; i < 2; i++) {
        check_ok(p2p_sctp_send(r.sctp, 1, 53, P2P_LITERAL("hello"), NULL, P2P_SECOND));
        check(draw(&r) == SCTP_DATA);
    }
    check_ok(feed_sack(&r, r.tsn - 1, 1 << 20, 2, 2));
    check_ok(feed_sack(&r, r.tsn, 1 << 20, 0, 0));
    check(draw(&r) == SCTP_DATA && p2p_load32(r.out + 16) == r.tsn + 1);
    stop(&r);
}

static void forged_packets_do_nothing(void **state) {
    (void)state;
    raw r;
    start(&r);
    static const uint8_t types[] = {SCTP_ABORT, SCTP_DATA, SCTP_SACK, SCTP_SHUTDOWN_COMPLETE};
    for (size_t i = 0; i < sizeof types; i++) {
        for (int reflected = 0; reflected < 2; reflected++) {
            begin(&r, r.tag ^ 1);
            size_t chunk = p2p_sctp_begin_chunk(&r.w, types[i], (uint8_t)reflected);
            p2p_sctp_end(&r.w, chunk);
            check_ok(feed(&r));
        }
    }
    begin(&r, r.tag);
    p2p_sctp_end(&r.w, p2p_sctp_begin_chunk(&r.w, SCTP_ABORT, 0));
    r.packet[8] ^= 1;
    check_ok(p2p_sctp_input(r.sctp, r.packet, r.w.len, P2P_SECOND));
    p2p_sctp_info info;
    p2p_sctp_get_info(r.sctp, &info);
    check(!r.side.closed && info.dropped == 9 && draw(&r) == -1);
    begin(&r, PEER_TAG);
    p2p_sctp_end(&r.w, p2p_sctp_begin_chunk(&r.w, SCTP_ABORT, SCTP_REFLECTED));
    check_err(P2P_ERR_RESET, feed(&r));
    stop(&r);
}

static void a_flood_of_inits_costs_no_memory(void **state) {
    (void)state;
    raw r;
    memset(&r, 0, sizeof r);
    faulty_mem_init(&r.mem);
    seeded_random_init(&r.seeded, 3);
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.mem = &r.mem.mem;
    config.random = &r.seeded.random;
    config.events = &PAIR_EVENTS;
    config.ctx = &r.side;
    check_ok(p2p_sctp_new(&r.sctp, &config));
    size_t before = r.mem.live_bytes;
    for (uint32_t i = 1; i <= 1000; i++) {
        begin(&r, 0);
        p2p_sctp_init init = {.tag = i, .window = 1500, .out_streams = 1, .in_streams = 1};
        p2p_sctp_init_encode(&r.w, SCTP_INIT, &init);
        check_ok(feed(&r));
    }
    check(draw(&r) == SCTP_INIT_ACK && draw(&r) == -1);
    check(r.mem.live_bytes == before && r.mem.peak_bytes == before);
    /* A cookie with one bit changed opens nothing, the true one does. */
    r.tag = p2p_load32(r.out + 16);
    uint8_t cookie[64];
    memcpy(cookie, r.out + 36, sizeof cookie);
    cookie[20] ^= 1;
    check_ok(feed_chunk(&r, SCTP_COOKIE_ECHO, 0, p2p_bytes_of(cookie, sizeof cookie)));
    check(!r.side.opened && draw(&r) == -1);
    cookie[20] ^= 1;
    check_ok(feed_chunk(&r, SCTP_COOKIE_ECHO, 0, p2p_bytes_of(cookie, sizeof cookie)));
    check(r.side.opened && draw(&r) == SCTP_COOKIE_ACK);
    /* Once open, another INIT is no restart. */
    begin(&r, 0);
    p2p_sctp_init again = {.tag = 77, .window = 1500, .out_streams = 1, .in_streams = 1};
    p2p_sctp_init_encode(&r.w, SCTP_INIT, &again);
    check_ok(feed(&r));
    check(draw(&r) == -1);
    stop(&r);
}

static void stored_fragments_are_bounded(void **state) {
    (void)state;
    raw r;
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.receive_buffer = 100000;
    start_with(&r, &config);
    for (uint32_t i = 1; i < 20000; i++)
        check_ok(feed_data(&r, i, 1, (uint16_t)i, WHOLE, 1000));
    p2p_sctp_info info;
    p2p_sctp_get_info(r.sctp, &info);
    check(info.stored > 50000 && info.stored <= 100000 && r.mem.peak_bytes < 400000);
    /* What is next in line is taken all the same, and frees the rest. */
    check_ok(feed_data(&r, 0, 1, 0, WHOLE, 1000));
    p2p_sctp_get_info(r.sctp, &info);
    check(info.stored == 0 && r.side.messages > 50);
    stop(&r);
}

static void a_message_without_end_is_refused(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        raw r;
        start(&r);
        uint8_t unordered = kind == 0 ? 0 : SCTP_UNORDERED;
        p2p_err err = feed_data(&r, 0, 1, 0, SCTP_BEGIN | unordered, 1000);
        for (uint32_t i = 1; i < 1000 && err == P2P_OK; i++)
            err = feed_data(&r, i, 1, 0, unordered, 1000);
        check_err(P2P_ERR_TOO_BIG, err);
        check(r.mem.peak_bytes < 1 << 20);
        stop(&r);
    }
}

static void too_many_streams_are_refused(void **state) {
    (void)state;
    raw r;
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.max_live = 20;
    start_with(&r, &config);
    for (uint16_t i = 0; i < 20; i++)
        check_ok(feed_data(&r, i, i, 0, WHOLE, 1));
    check_ok(feed_data(&r, 20, 100, 0, WHOLE, 1)); /* was not agreed on: reported */
    check(draw(&r) == SCTP_ERROR);
    check_err(P2P_ERR_LIMIT, feed_data(&r, 21, 20, 0, WHOLE, 1));
    stop(&r);
}

static void forward_tsn_skips_and_stays_bounded(void **state) {
    (void)state;
    raw r;
    uint8_t body[8];
    start(&r);
    check_ok(feed_data(&r, 0, 1, 0, SCTP_BEGIN, 10));
    check_ok(feed_data(&r, 3, 1, 2, WHOLE, 10)); /* 1 and 2 are missing */
    p2p_store32(body, PEER_TSN + 2);
    p2p_store16(body + 4, 1);
    p2p_store16(body + 6, 1);
    check_ok(feed_chunk(&r, SCTP_FORWARD_TSN, 0, p2p_bytes_of(body, 8)));
    check(r.side.abandoned == 1 && r.side.messages == 1);
    p2p_store32(body, PEER_TSN + 1); /* an old one */
    check_ok(feed_chunk(&r, SCTP_FORWARD_TSN, 0, p2p_bytes_of(body, 8)));
    /* Jumps over everything that can be said, again and again. */
    check_ok(feed_data(&r, 10, 1, 9, WHOLE, 10));
    for (uint32_t i = 1; i <= 1000; i++) {
        p2p_store32(body, PEER_TSN + i * 0x7fff0000U);
        p2p_store16(body + 6, (uint16_t)(i * 0x7fff));
        check_ok(feed_chunk(&r, SCTP_FORWARD_TSN, 0, p2p_bytes_of(body, 8)));
    }
    check(draw(&r) == SCTP_SACK && !r.side.closed);
    p2p_sctp_info info;
    p2p_sctp_get_info(r.sctp, &info);
    check(info.stored == 0);
    stop(&r);
}

static void reset_requests_are_answered_by_their_number(void **state) {
    (void)state;
    raw r;
    uint8_t body[64];
    start(&r);
    check_ok(feed_data(&r, 0, 7, 0, WHOLE, 1));
    check(draw(&r) == -1);
    /* Outgoing reset of stream 7, whose last TSN has not yet come: in progress. */
    size_t len = from_hex("000d0012 000003e8 00000000 000003e9 0007", body, sizeof body);
    check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
    while (draw(&r) != SCTP_RE_CONFIG) {
    }
    check_bytes(p2p_bytes_of(r.out + 16, 12), "0010000c 000003e8 00000006");
    check(r.side.peer_resets == 0);
    check_ok(feed_data(&r, 1, 7, 1, WHOLE, 1));
    for (int i = 0; i < 2; i++) { /* asked twice, done once */
        check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
        int type;
        while ((type = draw(&r)) == SCTP_SACK && r.out_len == 28) {
        }
        check(type == SCTP_RE_CONFIG || type == SCTP_SACK);
        check_bytes(p2p_bytes_of(r.out + r.out_len - 12, 12), "0010000c 000003e8 00000001");
        check(r.side.peer_resets == 1);
    }
    len = from_hex("000d0012 00000500 00000000 000003e9 0007", body, sizeof body);
    check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
    check(draw(&r) == SCTP_RE_CONFIG);
    check_bytes(p2p_bytes_of(r.out + 16, 12), "0010000c 00000500 00000005");
    /* More streams, as Firefox asks for; then all TSNs, which is denied. */
    len = from_hex("0011000c 000003e9 0010 0000", body, sizeof body);
    check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
    check(draw(&r) == SCTP_RE_CONFIG);
    check_bytes(p2p_bytes_of(r.out + 16, 12), "0010000c 000003e9 00000001");
    p2p_sctp_info info;
    p2p_sctp_get_info(r.sctp, &info);
    check(info.peer_streams == 116);
    len = from_hex("000f0008 000003ea", body, sizeof body);
    check_ok(feed_chunk(&r, SCTP_RE_CONFIG, 0, p2p_bytes_of(body, len)));
    check(draw(&r) == SCTP_RE_CONFIG);
    check_bytes(p2p_bytes_of(r.out + 16, 12), "0010000c 000003ea 00000002");
    stop(&r);
}

static void heartbeats_are_echoed_and_unknown_chunks_reported(void **state) {
    (void)state;
    raw r;
    start(&r);
    check_ok(feed_chunk(&r, SCTP_HEARTBEAT, 0, P2P_LITERAL("\0\1\0\7abc")));
    check(draw(&r) == SCTP_HEARTBEAT_ACK);
    check_bytes(p2p_bytes_of(r.out + 14, 9), "000b 0001 0007 616263");
    check_ok(feed_chunk(&r, 0xc5, 0, P2P_LITERAL("what")));
    check(draw(&r) == SCTP_ERROR);
    check_bytes(p2p_bytes_of(r.out + 16, 12), "0006000c c5000008 77686174");
    check_ok(feed_chunk(&r, 0x85, 0, P2P_LITERAL("what")));
    check(draw(&r) == -1);
    stop(&r);
}

static void an_answer_of_another_shape_is_none(void **state) {
    (void)state;
    static const uint8_t nonce[P2P_SCTP_NONCE] = {'a', ' ', 'n', 'o', 'n', 'c', 'e', 's'};

    static const struct {
        p2p_bytes body;
        bool good;
    } cases[] = {{P2P_LITERAL("\0\1\0\14a nonces"), true},
        {P2P_LITERAL("\0\2\0\14a nonces"), false}, {P2P_LITERAL("\0\1\0\13a nonce"), false},
        {P2P_LITERAL("\0\1\0\15a nonces!"), false}, {P2P_LITERAL("\0\1\0\14a nonc"), false},
        {P2P_LITERAL("\0\1"), false}, {P2P_LITERAL(""), false}};

    raw r;
    start(&r);
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        check_ok(feed_chunk(&r, SCTP_HEARTBEAT_ACK, 0, cases[i].body));
        check(p2p_sctp_answered(r.sctp, nonce) == cases[i].good);
    }
    stop(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaps_and_duplicates_are_reported),
        cmocka_unit_test(one_lost_stream_does_not_hold_another),
        cmocka_unit_test(wrong_numbering_ends_the_association),
        cmocka_unit_test(broken_chunks_end_the_association),
        cmocka_unit_test(sacks_for_what_was_never_sent_end_it),
        cmocka_unit_test(a_report_taken_back_is_sent_again),
        cmocka_unit_test(forged_packets_do_nothing),
        cmocka_unit_test(a_flood_of_inits_costs_no_memory),
        cmocka_unit_test(stored_fragments_are_bounded),
        cmocka_unit_test(a_message_without_end_is_refused),
        cmocka_unit_test(too_many_streams_are_refused),
        cmocka_unit_test(forward_tsn_skips_and_stays_bounded),
        cmocka_unit_test(reset_requests_are_answered_by_their_number),
        cmocka_unit_test(heartbeats_are_echoed_and_unknown_chunks_reported),
        cmocka_unit_test(an_answer_of_another_shape_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
