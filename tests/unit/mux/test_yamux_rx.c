/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a peer may send, what go, rust and js do send, and what nobody may. */
#include "unit/mux/raw_yamux.h"

static uint8_t zeros[1 << 20];

/* --- what peers send --- */

/* spec: yamux #opening-a-stream: the receiver must reply with the ACK flag to accept the stream. */
static void a_stream_is_acknowledged_at_once(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say(r, P2P_YAMUX_WINDOW, SYN, 1, 0); /* go: SYN alone, data later */
    p2p_yamux_frame frame = hear_one(r, P2P_YAMUX_WINDOW, ACK, 1);
    check(frame.length == 0 && frame.flags == ACK);
    say_data(r, 0, 1, HELLO, HELLO_LEN);
    check(r->end->app_count == 1);
    raw_free(r);
}

static void flags_may_stand_together_on_any_frame(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    /* Everything in one frame. */
    uint8_t all[HELLO_LEN + 3];
    memcpy(all, HELLO, HELLO_LEN);
    for (int i = 0; i < 3; i++)
        all[HELLO_LEN + i] = mux_pattern((size_t)i);
    say_data(r, SYN | FIN, 1, all, sizeof all);
    check(r->end->apps[0].received == 3 && r->end->apps[0].ended);
    hear_one(r, P2P_YAMUX_WINDOW, FIN, 1);
    check(r->end->apps[0].closed && r->end->apps[0].how.err == P2P_OK);
    /* The end on a window frame, which also gives credit. */
    say_open(r, 3);
    say(r, P2P_YAMUX_WINDOW, FIN, 3, 1000);
    check(r->end->apps[1].ended);
    /* The end in an empty data frame; credit after the end is harmless. */
    say_open(r, 5);
    say(r, P2P_YAMUX_DATA, FIN, 5, 0);
    say(r, P2P_YAMUX_WINDOW, 0, 5, 1000);
    check(r->end->apps[2].ended);
    /* The same end twice. */
    say(r, P2P_YAMUX_DATA, FIN, 5, 0);
    check_alive(r);
    raw_free(r);
}

static void an_answer_without_the_flag_acknowledges_too(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    (void)mux_end_open(r->end, 0, &err);
    (void)mux_end_open(r->end, 0, &err);
    hear_one(r, P2P_YAMUX_DATA, SYN, 4);
    check(session(r)->unacked == 2);
    say(r, P2P_YAMUX_WINDOW, 0, 2, 0);
    check(session(r)->unacked == 1);
    say(r, P2P_YAMUX_WINDOW, ACK, 2, 0); /* late */
    check(session(r)->unacked == 1);
    say(r, P2P_YAMUX_WINDOW, RST, 4, 0);
    check(session(r)->unacked == 0);
    check_alive(r);
    raw_free(r);
}

static void a_reset_carries_a_code_not_credit(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say_open(r, 1);
    say(r, P2P_YAMUX_WINDOW, RST, 1, 0xffffffff);
    check(r->end->apps[0].closed && r->end->apps[0].how.err == P2P_ERR_RESET);
    check(r->end->apps[0].how.remote_code == 0xffffffff);
    /* On a data frame it has none, and what follows is read past. */
    say_open(r, 3);
    say_data(r, RST, 3, zeros, 100);
    check(r->end->apps[1].closed && r->end->apps[1].how.remote_code == 0);
    check_alive(r);
    raw_free(r);
}

static void frames_for_streams_that_are_gone_are_read_past(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    say_open(r, 1);
    p2p_stream_reset(r->end->apps[0].stream, 3);
    mux_end_turn(r->end);
    say_data(r, 0, 1, zeros, 5000); /* the reset is still on its way */
    hear_one(r, P2P_YAMUX_WINDOW, RST, 1);
    say_data(r, 0, 1, zeros, 5000);
    say(r, P2P_YAMUX_WINDOW, 0, 1, 0xffffffff);
    say(r, P2P_YAMUX_WINDOW, FIN, 1, 0xffffffff);
    say(r, P2P_YAMUX_WINDOW, RST, 1, 0);
    say_data(r, FIN, 99, zeros, 5000);  /* never opened */
    say_data(r, ACK, 200, zeros, 5000); /* nor by us */
    (void)mux_end_open(r->end, 0, &err);
    check_alive(r);
    hear_nothing_of(r, 1);
    raw_free(r);
}

static void a_body_goes_on_after_its_stream_was_reset(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say_open(r, 1);
    say(r, P2P_YAMUX_DATA, FIN, 1, 9000);
    check_ok(mux_end_feed(r->end, zeros, 4000));
    p2p_stream_reset(r->end->apps[0].stream, 0);
    mux_end_turn(r->end);
    check_ok(mux_end_feed(r->end, zeros, 5000));
    check_alive(r);
    raw_free(r);
}

/* spec: yamux #length-field: Ping contains an opaque value, echoed back. */
static void pings_are_answered_with_their_value(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_yamux_frame frame;
    raw_start(r);
    for (uint32_t i = 0; i < 20; i++)
        say(r, P2P_YAMUX_PING, SYN, 0, 0xabc00000 + i);
    uint32_t next = 0xabc00000;
    while (hear(r, &frame, NULL))
        if (frame.type == P2P_YAMUX_PING && (frame.flags & ACK))
            check(frame.length == next++ && frame.flags == ACK && frame.stream == 0);
    check(next == 0xabc00000 + 20);
    raw_free(r);
}

static void a_pong_is_never_sent_unasked_and_strange_ones_are_ignored(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_yamux_frame frame;
    p2p_conn_stats stats;
    raw_start(r);
    say(r, P2P_YAMUX_PING, ACK, 0, 7);
    say_open(r, 1);
    while (hear(r, &frame, NULL))
        check(frame.type != P2P_YAMUX_PING || !(frame.flags & ACK));
    mux_end_pass(r->end, P2P_SECOND);
    say(r, P2P_YAMUX_PING, ACK, 0, 0xffff);
    p2p_conn_get_stats(r->end->conn, &stats);
    check(stats.rtt == 0);
    say(r, P2P_YAMUX_PING, ACK, 0, session(r)->ping_value);
    p2p_conn_get_stats(r->end->conn, &stats);
    check(stats.rtt == P2P_SECOND);
    check_alive(r);
    raw_free(r);
}

static void go_away_without_error_lets_streams_finish(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    say_open(r, 1);
    say(r, P2P_YAMUX_GOAWAY, 0, 0, 0);
    check(mux_end_open(r->end, 1, &err) == NULL);
    check_err(P2P_ERR_STATE, err);
    draw_all(r);
    check(!r->end->ended);
    say(r, P2P_YAMUX_DATA, FIN, 1, 0);
    check(r->end->apps[0].closed && r->end->apps[0].how.err == P2P_OK);
    draw_all(r);
    draw_all(r);
    check(r->end->ended && r->end->reason.err == P2P_ERR_EOF && r->end->reason.by_peer);
    raw_free(r);
}

static void go_away_with_an_error_ends_it_with_that_code(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    r->end->stopped = true;
    say_open(r, 1);
    say(r, P2P_YAMUX_GOAWAY, 0, 0, 0x1001);
    check(!r->end->ended);
    mux_end_pass(r->end, 1);
    check(r->end->ended && r->end->reason.by_peer && r->end->reason.remote_code == 0x1001);
    check(r->end->apps[0].closed);
    raw_free(r);
}

static void end_of_input_in_a_frame_is_no_good_order(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= 20; cut++) {
        raw *r = raw_new();
        raw_start(r);
        uint8_t frame[20] = {0, 0, 0, SYN, 0, 0, 0, 1, 0, 0, 0, 8};
        check_ok(mux_end_feed(r->end, frame, cut));
        check_ok(p2p_layer_eof(r->end->layer));
        bool whole = cut == 0 || cut == 20;
        check(r->end->ended && r->end->reason.by_peer);
        check(r->end->reason.err == (whole ? P2P_ERR_EOF : P2P_ERR_RESET));
        raw_free(r);
    }
}

/* --- flow control --- */

/* spec: yamux #flow-control: only the bytes of Data frames are part of the window size. */
static void the_window_is_exact(void **state) {
    (void)state;
    for (int over = 0; over <= 1; over++) {
        raw *r = raw_new();
        raw_start(r);
        r->end->stopped = true;
        say_open(r, 1);
        hear_one(r, P2P_YAMUX_WINDOW, ACK, 1); /* gives back what the negotiation used */
        ignore_all(r);
        for (int i = 0; i < 4; i++)
            say_data(r, 0, 1, zeros, 65536);
        check(p2p_stream_readable(r->end->apps[0].stream) == 256 * 1024);
        hear_nothing_of(r, 1);
        say(r, P2P_YAMUX_DATA, FIN, 1, (uint32_t)over);
        if (over)
            check_dead(r, P2P_ERR_FLOW_CONTROL, P2P_YAMUX_PROTOCOL_ERROR);
        else
            check_alive(r);
        raw_free(r);
    }
}

static void credit_comes_when_half_is_read_and_is_exact(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    r->end->stopped = true;
    say_open(r, 1);
    hear_one(r, P2P_YAMUX_WINDOW, ACK, 1);
    ignore_all(r);
    say_data(r, 0, 1, zeros, 200000);
    p2p_stream *stream = r->end->apps[0].stream;
    for (size_t left = 131071; left > 0;) {
        p2p_bytes view = p2p_stream_peek(stream);
        size_t piece = view.len < left ? view.len : left;
        p2p_stream_consume(stream, piece);
        left -= piece;
    }
    hear_nothing_of(r, 1);
    p2p_stream_consume(stream, 1);
    check(hear_one(r, P2P_YAMUX_WINDOW, 0, 1).length == 131072);
    /* 62144 were left of the window, 131072 came: not one byte more. */
    say_data(r, 0, 1, zeros, 62144 + 131072);
    say(r, P2P_YAMUX_DATA, 0, 1, 1);
    check_dead(r, P2P_ERR_FLOW_CONTROL, P2P_YAMUX_PROTOCOL_ERROR);
    raw_free(r);
}

static void a_large_first_window_is_announced(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    p2p_yamux_frame frame;
    r->end->limits.window_initial = 1 << 20;
    raw_start(r);
    r->end->stopped = true;
    say(r, P2P_YAMUX_WINDOW, SYN, 1, 0);
    frame = hear_one(r, P2P_YAMUX_WINDOW, ACK, 1);
    check(frame.length == (1 << 20) - 262144);
    say_data(r, 0, 1, HELLO, HELLO_LEN);
    say_data(r, 0, 1, zeros, (1 << 20) - HELLO_LEN);
    check_alive(r);
    ignore_all(r);
    (void)mux_end_open(r->end, 10, &err);
    mux_end_turn(r->end);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_WINDOW && frame.flags == SYN && frame.stream == 2);
    check(frame.length == (1 << 20) - 262144);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_DATA && (frame.flags & SYN) == 0 && frame.stream == 2);
    raw_free(r);
}

/* Until its own credit is announced the peer has 256 KiB. */
/* spec: yamux #flow-control: each stream starts with a 256 KiB window. */
static void a_first_frame_beyond_256_kib_is_refused(void **state) {
    (void)state;
    raw *r = raw_new();
    r->end->limits.window_initial = 1 << 20;
    raw_start(r);
    say(r, P2P_YAMUX_DATA, SYN, 1, 256 * 1024 + 1);
    check_dead(r, P2P_ERR_FLOW_CONTROL, P2P_YAMUX_PROTOCOL_ERROR);
    raw_free(r);
}

static void credit_that_overflows_is_refused(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say_open(r, 1);
    hear_nothing_of(r, 3); /* the answer to the negotiation took from the window */
    p2p_yamux_stream *s = p2p_stream_mux(r->end->apps[0].stream);
    uint32_t sent = P2P_YAMUX_WINDOW_INITIAL - s->send_window;
    say(r, P2P_YAMUX_WINDOW, 0, 1, UINT32_MAX - P2P_YAMUX_WINDOW_INITIAL + sent);
    check(s->send_window == UINT32_MAX);
    check_alive(r);
    say(r, P2P_YAMUX_WINDOW, 0, 1, 1);
    check_dead(r, P2P_ERR_FLOW_CONTROL, P2P_YAMUX_PROTOCOL_ERROR);
    raw_free(r);
}

/* --- what nobody may send --- */

/* spec: yamux #streamid-field: the 0 id is reserved to represent the session. */
static void frames_against_the_rules_end_the_session(void **state) {
    (void)state;

    static const struct {
        uint8_t type;
        uint16_t flags;
        uint32_t stream, length;
        p2p_err err;
    } cases[] = {
        {P2P_YAMUX_DATA, SYN, 2, 0, P2P_ERR_VIOLATION},   /* a number of ours */
        {P2P_YAMUX_WINDOW, SYN, 8, 0, P2P_ERR_VIOLATION}, /* the same on a window frame */
        {P2P_YAMUX_WINDOW, SYN, 1, 0, P2P_ERR_VIOLATION}, /* open already */
        {P2P_YAMUX_DATA, SYN | RST, 1, 0, P2P_ERR_VIOLATION},
        {P2P_YAMUX_DATA, 0, 0, 0, P2P_ERR_VIOLATION}, /* the session is no stream */
        {P2P_YAMUX_WINDOW, SYN, 0, 0, P2P_ERR_VIOLATION},
        {P2P_YAMUX_DATA, 0, 77, 0xffffffff, P2P_ERR_FLOW_CONTROL}, /* nobody was granted that */
        {4, 0, 0, 0, P2P_ERR_MALFORMED},
        {0xff, 0, 0, 0, P2P_ERR_MALFORMED},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        raw *r = raw_new();
        raw_start(r);
        say_open(r, 1);
        say(r, cases[i].type, cases[i].flags, cases[i].stream, cases[i].length);
        /* What comes behind it is not looked at. */
        say_open(r, 5);
        check(r->end->app_count == 1);
        check_dead(r, cases[i].err, P2P_YAMUX_PROTOCOL_ERROR);
        check(r->end->apps[0].closed);
        raw_free(r);
    }
}

static void another_version_is_refused(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    check_ok(mux_end_feed(r->end, "GET / HTTP/1.1\r\n\r\n", 18));
    check_dead(r, P2P_ERR_MALFORMED, P2P_YAMUX_PROTOCOL_ERROR);
    raw_free(r);
}

static void a_peer_that_does_not_read_its_sentence_is_cut_off(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say(r, 9, 0, 0, 0);
    mux_end_pass(r->end, 4 * P2P_SECOND);
    check(!r->end->ended);
    mux_end_pass(r->end, P2P_SECOND);
    check(r->end->ended && r->end->reason.err == P2P_ERR_MALFORMED);
    raw_free(r);
}

/* spec: yamux #opening-a-stream: or with the RST flag to reject the stream. */
static void streams_beyond_the_limit_are_refused_one_by_one(void **state) {
    (void)state;
    raw *r = raw_new();
    r->end->limits.streams_inbound_per_conn = 10;
    raw_start(r);
    for (uint32_t i = 0; i < 15; i++)
        say_open(r, 2 * i + 1);
    check(r->end->app_count == 10);
    size_t refused = 0, taken = 0;
    p2p_yamux_frame frame;
    while (hear(r, &frame, NULL)) {
        taken += (frame.flags & ACK) && frame.type == P2P_YAMUX_WINDOW;
        refused += (frame.flags & RST) && frame.length == P2P_CODE_RESOURCE_LIMIT_EXCEEDED &&
                   frame.stream > 20;
    }
    check(taken == 10 && refused == 5);
    /* One that ends makes room for another. */
    say(r, P2P_YAMUX_WINDOW, RST, 1, 0);
    say_open(r, 101);
    check(r->end->app_count == 11);
    check_alive(r);
    raw_free(r);
}

static void a_flood_of_streams_ends_when_nobody_reads_the_refusals(void **state) {
    (void)state;
    raw *r = raw_new();
    r->end->limits.streams_inbound_per_conn = 10;
    raw_start(r);
    uint32_t id = 1;
    size_t peak = 0;
    for (int i = 0; i < 100000; i++, id += 2) {
        say(r, P2P_YAMUX_WINDOW, SYN, id, 0);
        peak = r->mem.live_bytes > peak ? r->mem.live_bytes : peak;
    }
    check(peak < 64 * 1024);
    check_dead(r, P2P_ERR_LIMIT, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    raw_free(r);
}

/* Streams that are opened and reset at once cost nothing that lasts. */
static void opening_and_resetting_for_ever_costs_nothing(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    size_t before = 0;
    for (uint32_t i = 0; i < 50000; i++) {
        say(r, P2P_YAMUX_WINDOW, SYN, 2 * i + 1, 0);
        say(r, P2P_YAMUX_WINDOW, RST, 2 * i + 1, 0);
        say(r, P2P_YAMUX_WINDOW, SYN | RST, 2 * i + 1, 0);
        if (i == 100)
            before = r->mem.live_bytes;
        check(i <= 100 || r->mem.live_bytes <= before);
    }
    check_alive(r);
    raw_free(r);
}

/* A stream whose protocol nobody knows is reset by this side; until that is read it counts. */
static void streams_for_unknown_protocols_are_bounded_too(void **state) {
    (void)state;
    raw *r = raw_new();
    r->end->limits.streams_inbound_per_conn = 20;
    raw_start(r);
    for (uint32_t i = 0; i < 500; i++)
        say_data(r, SYN, 2 * i + 1, "\xff\xff\xff no multistream at all", 25);
    check(session(r)->streams.count <= 20);
    check_alive(r);
    check(session(r)->streams.count == 0);
    raw_free(r);
}

static void a_flood_of_pings_ends_the_session(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    for (uint32_t i = 0; i < P2P_YAMUX_PONGS_MAX; i++)
        say(r, P2P_YAMUX_PING, SYN, 0, i);
    check(session(r)->failed == P2P_OK);
    say(r, P2P_YAMUX_PING, SYN, 0, 99);
    check_dead(r, P2P_ERR_VIOLATION, P2P_CODE_RATE_LIMITED);
    raw_free(r);
}

static void many_pings_that_are_read_are_fine(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    for (uint32_t i = 0; i < 100000; i++)
        check_alive(r);
    raw_free(r);
}

static void half_a_frame_for_ever_is_a_dead_peer(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    say_open(r, 1);
    check_ok(mux_end_feed(r->end, "\0\0\0\0\0\0", 6));
    for (int i = 0; i < 5; i++)
        mux_end_pass(r->end, 15 * P2P_SECOND);
    check(r->end->ended && r->end->reason.err == P2P_ERR_TIMEOUT);
    raw_free(r);
}

/* --- keepalive --- */

static void a_silent_peer_is_pinged_and_then_given_up(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    draw_all(r);
    say(r, P2P_YAMUX_PING, ACK, 0, session(r)->ping_value);
    r->out_at = r->out_len;
    mux_end_pass(r->end, 15 * P2P_SECOND); /* the pong counts as a sign of life */
    hear_nothing_of(r, 0);
    mux_end_pass(r->end, 15 * P2P_SECOND);
    check(r->end->woken);
    p2p_yamux_frame ping = hear_one(r, P2P_YAMUX_PING, SYN, 0);
    check(ping.flags == SYN && ping.length == session(r)->ping_value);
    mux_end_pass(r->end, 15 * P2P_SECOND);
    mux_end_pass(r->end, 15 * P2P_SECOND);
    check(!r->end->ended);
    mux_end_pass(r->end, 15 * P2P_SECOND);
    check(r->end->ended && r->end->reason.err == P2P_ERR_TIMEOUT && !r->end->reason.by_peer);
    raw_free(r);
}

static void a_peer_that_answers_lives_on(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    for (int i = 0; i < 50; i++) {
        draw_all(r);
        if (session(r)->ping_away)
            say(r, P2P_YAMUX_PING, ACK, 0, session(r)->ping_value);
        mux_end_pass(r->end, 15 * P2P_SECOND);
    }
    check(!r->end->ended);
    raw_free(r);
}

static void without_keepalive_silence_is_allowed(void **state) {
    (void)state;
    raw *r = raw_new();
    r->end->timeouts.keepalive = 0;
    raw_start(r);
    for (int i = 0; i < 50; i++)
        mux_end_pass(r->end, 15 * P2P_SECOND);
    check(!r->end->ended);
    raw_free(r);
}

static void nothing_is_held_for_frames_that_come_byte_by_byte(void **state) {
    (void)state;
    raw *r = raw_new();
    raw_start(r);
    uint8_t wire[2 * (P2P_YAMUX_HEADER_LEN + HELLO_LEN) + 4 * P2P_YAMUX_HEADER_LEN];
    size_t len = 0;
    const p2p_yamux_frame frames[] = {{P2P_YAMUX_DATA, SYN, 1, HELLO_LEN},
        {P2P_YAMUX_DATA, SYN | FIN, 3, HELLO_LEN}, {P2P_YAMUX_WINDOW, 0, 1, 1},
        {P2P_YAMUX_PING, SYN, 0, 5}, {P2P_YAMUX_DATA, FIN, 1, 0}};
    for (size_t i = 0; i < P2P_COUNT(frames); i++) {
        p2p_yamux_frame_encode(&frames[i], wire + len);
        len += P2P_YAMUX_HEADER_LEN;
        if (frames[i].length == HELLO_LEN) {
            memcpy(wire + len, HELLO, HELLO_LEN);
            len += HELLO_LEN;
        }
    }
    for (size_t i = 0; i < len; i++)
        check_ok(mux_end_feed(r->end, wire + i, 1));
    check(r->end->app_count == 2 && r->end->apps[0].ended && r->end->apps[1].ended);
    check(hear_one(r, P2P_YAMUX_PING, ACK, 0).length == 5);
    raw_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_acknowledged_at_once),
        cmocka_unit_test(flags_may_stand_together_on_any_frame),
        cmocka_unit_test(an_answer_without_the_flag_acknowledges_too),
        cmocka_unit_test(a_reset_carries_a_code_not_credit),
        cmocka_unit_test(frames_for_streams_that_are_gone_are_read_past),
        cmocka_unit_test(a_body_goes_on_after_its_stream_was_reset),
        cmocka_unit_test(pings_are_answered_with_their_value),
        cmocka_unit_test(a_pong_is_never_sent_unasked_and_strange_ones_are_ignored),
        cmocka_unit_test(go_away_without_error_lets_streams_finish),
        cmocka_unit_test(go_away_with_an_error_ends_it_with_that_code),
        cmocka_unit_test(end_of_input_in_a_frame_is_no_good_order),
        cmocka_unit_test(the_window_is_exact),
        cmocka_unit_test(credit_comes_when_half_is_read_and_is_exact),
        cmocka_unit_test(a_large_first_window_is_announced),
        cmocka_unit_test(a_first_frame_beyond_256_kib_is_refused),
        cmocka_unit_test(credit_that_overflows_is_refused),
        cmocka_unit_test(frames_against_the_rules_end_the_session),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_peer_that_does_not_read_its_sentence_is_cut_off),
        cmocka_unit_test(streams_beyond_the_limit_are_refused_one_by_one),
        cmocka_unit_test(a_flood_of_streams_ends_when_nobody_reads_the_refusals),
        cmocka_unit_test(opening_and_resetting_for_ever_costs_nothing),
        cmocka_unit_test(streams_for_unknown_protocols_are_bounded_too),
        cmocka_unit_test(a_flood_of_pings_ends_the_session),
        cmocka_unit_test(many_pings_that_are_read_are_fine),
        cmocka_unit_test(half_a_frame_for_ever_is_a_dead_peer),
        cmocka_unit_test(a_silent_peer_is_pinged_and_then_given_up),
        cmocka_unit_test(a_peer_that_answers_lives_on),
        cmocka_unit_test(without_keepalive_silence_is_allowed),
        cmocka_unit_test(nothing_is_held_for_frames_that_come_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
