/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a session says, byte by byte where it matters. */
#include "unit/mux/raw_yamux.h"

/* Bytes of the stream's data in what was said so far. */
static size_t data_said(raw *r, uint32_t stream) {
    p2p_yamux_frame frame;
    size_t total = 0;
    while (hear(r, &frame, NULL))
        if (frame.type == P2P_YAMUX_DATA && frame.stream == stream)
            total += frame.length;
    return total;
}

static void the_first_bytes_of_a_session(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    check(!r->end->woken); /* nothing is sent before somebody wants something */
    (void)mux_end_open(r->end, 2, &err);
    check(r->end->woken);
    mux_end_turn(r->end);
    size_t len = mux_end_draw(r->end, r->out, sizeof r->out);
    /* A ping goes along to measure the round trip; then SYN and data, and the end by itself. */
    check_bytes(p2p_bytes_of(r->out, len),
        "00 02 0001 00000000 00000001"
        "00 00 0001 00000002 0000001a"
        "13 2f6d756c746973747265616d2f312e302e300a 03 2f740a 00 07"
        "00 01 0004 00000002 00000000");
    raw_free(r);
}

/* spec: yamux #streamid-field: the client side should use odd ids, the server even. */
static void an_initiator_opens_odd_streams(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    check_ok(mux_end_start(r->end, &p2p_yamux, &r->mem.mem, true));
    for (uint32_t id = 1; id < 20; id += 2) {
        (void)mux_end_open(r->end, 0, &err);
        hear_one(r, P2P_YAMUX_DATA, SYN, id);
    }
    raw_free(r);
}

static void numbers_run_out_without_harm(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    session(r)->next_id = UINT32_MAX - 1;
    check(mux_end_open(r->end, 0, &err) != NULL);
    hear_one(r, P2P_YAMUX_DATA, SYN, UINT32_MAX - 1);
    check(mux_end_open(r->end, 0, &err) == NULL);
    check_err(P2P_ERR_STATE, err);
    raw_free(r);
}

static void the_peers_window_is_never_passed(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    mux_app *app = mux_end_open(r->end, 1 << 20, &err);
    mux_end_turn(r->end);
    size_t said = data_said(r, 2);
    check(said == 256 * 1024);
    say(r, P2P_YAMUX_WINDOW, ACK, 2, 10);
    check(r->end->woken);
    check(data_said(r, 2) == 10);
    for (int i = 0; i < 7; i++)
        say(r, P2P_YAMUX_WINDOW, 0, 2, 1);
    check(data_said(r, 2) == 7);
    check(data_said(r, 2) == 0);
    /* Large credit is allowed for. */
    say(r, P2P_YAMUX_WINDOW, 0, 2, 0xf0000000);
    /* The multistream lines are data too. */
    check(data_said(r, 2) == (1 << 20) + 24 - 256 * 1024 - 17);
    check(app->sent == 1 << 20);
    raw_free(r);
}

static void the_end_needs_no_window(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    p2p_yamux_frame frame;
    size_t said = 0, ends = 0;
    r->end->limits.write_buffer = 256 * 1024;
    raw_start(r);
    mux_app *app = mux_end_open(r->end, 1 << 20, &err);
    mux_end_turn(r->end);
    check(app->sent == 256 * 1024 - 24);
    app->to_send = app->sent; /* it will shut when it is asked for more */
    p2p_yamux_stream *s = p2p_stream_mux(app->stream);
    while (hear(r, &frame, NULL)) {
        said += frame.type == P2P_YAMUX_DATA ? frame.length : 0;
        ends += (frame.flags & FIN) != 0;
    }
    check(said == 256 * 1024 && ends == 1 && s->send_window == 0);
    raw_free(r);
}

static void frames_are_at_most_64_kib(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    p2p_yamux_frame frame;
    r->end->limits.write_buffer = 1 << 20;
    raw_start(r);
    (void)mux_end_open(r->end, 500000, &err);
    mux_end_turn(r->end);
    check(mux_end_draw(r->end, r->out, sizeof r->out) > 200000);
    r->out_len = 256 * 1024;
    r->out_at = 12; /* the ping */
    check(hear(r, &frame, NULL));
    check(frame.length == 65536);
    raw_free(r);
}

static void any_size_of_block_will_do(void **state) {
    (void)state;
    for (size_t cap = 13; cap < 1200; cap += cap < 40 ? 1 : 97) {
        raw *r = raw_new();
        p2p_err err;
        uint8_t *block = malloc(cap);
        size_t len;
        raw_start(r);
        for (int i = 0; i < 3; i++)
            (void)mux_end_open(r->end, 900, &err);
        say_open(r, 1);
        say(r, P2P_YAMUX_PING, SYN, 0, 1);
        mux_end_turn(r->end);
        while ((len = mux_end_draw(r->end, block, cap)) > 0) {
            check(len <= cap);
            memcpy(r->out + r->out_len, block, len);
            r->out_len += len;
        }
        size_t said = 0, fins = 0;
        p2p_yamux_frame frame;
        while (hear(r, &frame, NULL)) {
            said += frame.type == P2P_YAMUX_DATA ? frame.length : 0;
            fins += (frame.flags & FIN) != 0;
        }
        check(said == 3 * 924 + 24 && fins == 4);
        free(block);
        raw_free(r);
    }
}

static void a_block_too_small_for_a_frame_stays_empty(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    uint8_t block[12];
    raw_start(r);
    session(r)->ping_due = false;
    (void)mux_end_open(r->end, 900, &err);
    for (size_t cap = 0; cap <= 12; cap++)
        check(mux_end_draw(r->end, block, cap) == 0);
    raw_free(r);
}

static void control_goes_before_data(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    p2p_yamux_frame frame;
    raw_start(r);
    (void)mux_end_open(r->end, 100000, &err);
    mux_end_turn(r->end);
    say_open(r, 1);
    say(r, P2P_YAMUX_PING, SYN, 0, 0x77);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_PING && frame.flags == ACK && frame.length == 0x77);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_PING && frame.flags == SYN);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_WINDOW && frame.flags == ACK && frame.stream == 1);
    check(hear(r, &frame, NULL));
    check(frame.type == P2P_YAMUX_DATA);
    raw_free(r);
}

static void no_frame_costs_an_allocation(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    uint8_t data[1000] = {0};
    raw_start(r);
    (void)mux_end_open(r->end, 0, &err);
    say_open(r, 1);
    draw_all(r);
    r->out_at = r->out_len;
    /* One of each to warm the pool of chunks and the queue of owed frames. */
    for (int i = 0; i < 3; i++) {
        static size_t warm;
        if (i == 1)
            warm = r->mem.requests;
        for (int n = 0; n < 300; n++) {
            say_data(r, 0, 1, data, sizeof data);
            say(r, P2P_YAMUX_PING, SYN, 0, 1);
            say(r, P2P_YAMUX_WINDOW, 0, 1, 5);
            r->out_at = r->out_len;
            draw_all(r);
        }
        check(i == 0 || r->mem.requests == warm);
    }
    raw_free(r);
}

/* spec: yamux #session-termination: when a session is being terminated, the Go Away message should
 * be sent. */
static void closing_says_the_code_last_and_then_ends(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    p2p_yamux_frame frame, last = {0};
    r->end->limits.write_buffer = 1 << 20;
    raw_start(r);
    (void)mux_end_open(r->end, 300000, &err);
    mux_end_turn(r->end);
    p2p_conn_close(r->end->conn, 0x1006);
    while (hear(r, &frame, NULL))
        check(frame.type != P2P_YAMUX_GOAWAY); /* data waits for credit */
    say_open(r, 1);
    check(hear_one(r, P2P_YAMUX_WINDOW, RST, 1).length == P2P_CODE_SHUTDOWN);
    say(r, P2P_YAMUX_WINDOW, 0, 2, 1 << 20);
    while (hear(r, &frame, NULL))
        last = frame;
    check(last.type == P2P_YAMUX_GOAWAY && last.length == 0x1006);
    check(r->end->ended && r->end->reason.err == P2P_ERR_CLOSED);
    raw_free(r);
}

static void an_abort_says_nothing(void **state) {
    (void)state;
    raw *r = raw_new();
    p2p_err err;
    raw_start(r);
    (void)mux_end_open(r->end, 300000, &err);
    mux_end_turn(r->end);
    p2p_conn_abort(r->end->conn, 7);
    draw_all(r);
    check(r->out_len == 0 && r->end->ended && r->end->reason.err == P2P_ERR_CLOSED);
    raw_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bytes_of_a_session),
        cmocka_unit_test(an_initiator_opens_odd_streams),
        cmocka_unit_test(numbers_run_out_without_harm),
        cmocka_unit_test(the_peers_window_is_never_passed),
        cmocka_unit_test(the_end_needs_no_window),
        cmocka_unit_test(frames_are_at_most_64_kib),
        cmocka_unit_test(any_size_of_block_will_do),
        cmocka_unit_test(a_block_too_small_for_a_frame_stays_empty),
        cmocka_unit_test(control_goes_before_data),
        cmocka_unit_test(no_frame_costs_an_allocation),
        cmocka_unit_test(closing_says_the_code_last_and_then_ends),
        cmocka_unit_test(an_abort_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
