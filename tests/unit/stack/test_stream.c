/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Streams between two whole hosts: the promises of p2p/stream.h and p2p/protocol.h. */
#include "base/bytes.h"

#include "unit/protocol/pair.h"

typedef struct side {
    size_t opened, readable, writable, closed;
    bool at_end;
    p2p_stream_end end;
    p2p_stream *stream;
    size_t consume; /* at most so much in each call */
    size_t read;
} side;

static pair p;
static side ours, theirs;

static void on_opened(p2p_stream *stream, void *self) {
    side *s = self;
    check(s->closed == 0);
    s->opened++;
    s->stream = stream;
}

static void on_readable(p2p_stream *stream, void *self) {
    side *s = self;
    check(s->opened == 1 && s->closed == 0);
    s->readable++;
    for (p2p_bytes view; s->consume > 0 && (view = p2p_stream_peek(stream)).len > 0;) {
        size_t len = view.len < s->consume ? view.len : s->consume;
        p2p_stream_consume(stream, len);
        s->read += len;
    }
    s->at_end |= p2p_stream_at_end(stream);
}

static void on_writable(p2p_stream *stream, void *self) {
    (void)stream;
    ((side *)self)->writable++;
}

static void on_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    side *s = self;
    (void)stream;
    check(s->closed == 0);
    s->closed++;
    s->end = *end;
    s->stream = NULL;
}

static const char *const ONE[] = {"/one", NULL}, *const MANY[] = {
                                                     "/none", "/nothing", "/one", NULL};
static const p2p_protocol ASK_ONE = {
    sizeof(p2p_protocol), ONE, true, false, on_opened, on_readable, on_writable, on_closed};
static const p2p_protocol ASK_MANY = {
    sizeof(p2p_protocol), MANY, true, false, on_opened, on_readable, on_writable, on_closed};

static void start(const p2p_protocol *ask) {
    ours = theirs = (side){.consume = SIZE_MAX};
    pair_start(&p, &ASK_ONE, &theirs, false);
    check_ok(p2p_conn_open(p.a->last_conn, ask, &ours, &ours.stream));
}

static void pass(void) {
    world_run(&p.w, P2P_SECOND);
}

static void stop(void) {
    check(p2p_conn_next_stream(p.a->last_conn, NULL) == NULL);
    check(p2p_conn_next_stream(p.b->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

static p2p_bytes text(const char *s) {
    return p2p_bytes_text(s);
}

static void one_proposal_can_be_written_at_once(void **state) {
    (void)state;
    start(&ASK_ONE);
    check(p2p_stream_write(ours.stream, text("early")) == 5);
    assert_string_equal(p2p_stream_protocol(ours.stream), "");
    check(p2p_stream_outbound(ours.stream));
    theirs.consume = 0;
    pass();
    check(ours.opened == 1 && theirs.opened == 1 && theirs.readable == 1);
    check_same(p2p_stream_peek(theirs.stream), text("early"));
    assert_string_equal(p2p_stream_protocol(ours.stream), "/one");
    assert_string_equal(p2p_stream_protocol(theirs.stream), "/one");
    check(!p2p_stream_outbound(theirs.stream));
    p2p_stream_close(ours.stream);
    p2p_stream_close(theirs.stream);
    pass();
    check(ours.closed == 1 && theirs.closed == 1);
    check_ok(ours.end.err);
    stop();
}

static void of_several_proposals_the_first_that_is_spoken_is_taken(void **state) {
    (void)state;
    start(&ASK_MANY);
    check(p2p_stream_write(ours.stream, text("too early")) == 0);
    world_pump(p.a);
    check(ours.opened == 0);
    pass();
    check(ours.opened == 1);
    assert_string_equal(p2p_stream_protocol(ours.stream), "/one");
    p2p_stream_reset(ours.stream, 0);
    pass();
    stop();
}

static void what_is_closed_while_it_negotiates_ends_on_both_sides(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        start(&ASK_MANY);
        if (how == 0)
            p2p_stream_close(ours.stream);
        else if (how == 1)
            p2p_stream_shut(ours.stream);
        else
            p2p_stream_reset(ours.stream, 3);
        world_run(&p.w, 30 * P2P_SECOND);
        if (theirs.stream != NULL)
            p2p_stream_close(theirs.stream);
        pass();
        check(ours.closed == 1 && theirs.closed == theirs.opened);
        check(p.a->disconnected == 0 && p.b->disconnected == 0);
        stop();
    }
}

static void each_direction_ends_by_itself(void **state) {
    (void)state;
    start(&ASK_ONE);
    check(p2p_stream_write(ours.stream, text("question")) == 8);
    p2p_stream_shut(ours.stream);
    p2p_stream_shut(ours.stream);
    check(p2p_stream_write(ours.stream, text("more")) == 0);
    pass();
    check(theirs.at_end && theirs.closed == 0 && ours.closed == 0 && !ours.at_end);
    check(p2p_stream_write(theirs.stream, text("answer")) == 6);
    pass();
    check(ours.readable >= 1 && !ours.at_end);
    p2p_stream_shut(theirs.stream);
    pass();
    check(ours.at_end && ours.closed == 1 && theirs.closed == 1);
    check_ok(ours.end.err);
    check_ok(theirs.end.err);
    stop();
}

static void a_reset_carries_its_code_and_drops_what_was_not_read(void **state) {
    (void)state;
    start(&ASK_ONE);
    theirs.consume = 0;
    check(p2p_stream_write(ours.stream, text("unread")) == 6);
    pass();
    p2p_stream_reset(ours.stream, 0x2345);
    p2p_stream_reset(ours.stream, 1);
    pass();
    check(ours.closed == 1 && theirs.closed == 1);
    check_err(P2P_ERR_CLOSED, ours.end.err);
    check_err(P2P_ERR_RESET, theirs.end.err);
    check(theirs.end.remote_code == 0x2345);
    stop();
}

static void nobody_reading_closes_the_window_and_reading_opens_it(void **state) {
    (void)state;
    static const uint8_t BLOCK[100000];
    size_t sent = 0, most = 0;
    start(&ASK_ONE);
    theirs.consume = 0;
    for (size_t i = 0; i < 100; i++) {
        sent += p2p_stream_write(ours.stream, p2p_bytes_of(BLOCK, sizeof BLOCK));
        world_pump(p.a);
        world_run(&p.w, 50 * P2P_MILLISECOND);
    }
    size_t arrived = p2p_stream_readable(theirs.stream);
    size_t buffer = p2p_host_limits(p.a->host)->write_buffer;
    check(arrived == 256 * 1024 && sent == arrived + buffer);
    check(p2p_stream_writable(ours.stream) == 0 && ours.writable == 0);
    theirs.consume = 1000;
    on_readable(theirs.stream, &theirs);
    world_pump(p.b);
    pass();
    check(ours.writable == 1 && p2p_stream_writable(ours.stream) == buffer);
    p2p_conn_stats stats;
    p2p_conn_get_stats(p.b->last_conn, &stats);
    most = (size_t)stats.bytes_in;
    check(most >= sent);
    p2p_stream_reset(ours.stream, 0);
    pass();
    stop();
}

static void a_closed_stream_throws_away_a_little_and_then_says_stop(void **state) {
    (void)state;
    static const uint8_t BLOCK[100000];
    start(&ASK_ONE);
    pass();
    p2p_stream_close(theirs.stream);
    for (size_t i = 0; i < 10 && ours.stream != NULL; i++) {
        p2p_stream_write(ours.stream, p2p_bytes_of(BLOCK, sizeof BLOCK));
        world_pump(p.a);
        pass();
    }
    check(ours.closed == 1 && theirs.closed == 1);
    check_err(P2P_ERR_RESET, ours.end.err);
    stop();
}

static void a_deadline_resets_and_can_be_cleared(void **state) {
    (void)state;
    start(&ASK_ONE);
    pass();
    p2p_stream_set_deadline(ours.stream, p.w.now + P2P_SECOND);
    p2p_stream_set_deadline(ours.stream, P2P_NEVER);
    world_run(&p.w, 5 * P2P_SECOND);
    check(ours.closed == 0);
    p2p_stream_set_deadline(ours.stream, p.w.now + P2P_SECOND);
    world_run(&p.w, 5 * P2P_SECOND);
    check(ours.closed == 1 && theirs.closed == 1);
    check_err(P2P_ERR_TIMEOUT, ours.end.err);
    stop();
}

static void the_end_of_the_connection_ends_its_streams(void **state) {
    (void)state;
    start(&ASK_ONE);
    pass();
    p2p_conn_abort(p.a->last_conn, 0);
    world_pump(p.a);
    check(ours.closed == 1);
    check_err(P2P_ERR_CLOSED, ours.end.err);
    pass();
    check(theirs.closed == 1 && theirs.end.err != P2P_OK);
    check_err(P2P_ERR_NOT_FOUND, p.a->last_conn == NULL ? P2P_ERR_NOT_FOUND : P2P_OK);
    world_deinit(&p.w);
}

/* Leaves 300 complete bytes unread at b; shut: b has ended its direction, too. */
static void start_unread(bool fin, bool shut) {
    static const uint8_t BLOCK[300];
    start(&ASK_ONE);
    theirs.consume = 0;
    check(p2p_stream_write(ours.stream, p2p_bytes_of(BLOCK, sizeof BLOCK)) == sizeof BLOCK);
    if (fin)
        p2p_stream_shut(ours.stream);
    pass();
    if (shut)
        p2p_stream_shut(theirs.stream);
    pass();
    check(theirs.readable > 0 && p2p_stream_readable(theirs.stream) == sizeof BLOCK);
    theirs.readable = 0;
}

static void what_is_complete_can_be_read_when_the_connection_ends(void **state) {
    (void)state;
    for (int abort = 0; abort < 2; abort++)
        for (int shut = 0; shut < 2; shut++) {
            start_unread(true, shut);
            theirs.consume = SIZE_MAX;
            if (abort)
                p2p_conn_abort(p.a->last_conn, 0);
            else
                p2p_conn_close(p.a->last_conn, 0);
            pass();
            check(theirs.readable == 1 && theirs.read == 300 && theirs.at_end);
            check(theirs.closed == 1 && (theirs.end.err == P2P_OK) == shut);
            world_deinit(&p.w); /* and nothing is left */
        }
}

static void the_unread_rest_goes_with_the_last_call(void **state) {
    (void)state;
    start_unread(true, true);
    p2p_conn_close(p.a->last_conn, 0);
    pass();
    check(theirs.readable == 1 && theirs.read == 0 && theirs.closed == 1);
    check(theirs.end.err != P2P_OK);
    check(p.b->disconnected == 1);
    world_deinit(&p.w);
}

static void an_incomplete_message_is_not_shown_when_the_connection_ends(void **state) {
    (void)state;
    start_unread(false, true);
    theirs.consume = SIZE_MAX;
    p2p_conn_close(p.a->last_conn, 0);
    pass();
    check(theirs.readable == 0 && theirs.read == 0 && theirs.closed == 1);
    check(theirs.end.err != P2P_OK);
    world_deinit(&p.w);
}

static void who_aborts_is_shown_nothing_more(void **state) {
    (void)state;
    start_unread(true, true);
    theirs.consume = SIZE_MAX;
    p2p_conn_abort(p.b->last_conn, 0);
    world_pump(p.b);
    check(theirs.readable == 0 && theirs.closed == 1);
    check_err(P2P_ERR_CLOSED, theirs.end.err);
    world_deinit(&p.w);
    start_unread(true, false);
    theirs.consume = SIZE_MAX;
    world_kill(p.b);
    check(theirs.readable == 0 && theirs.closed == 1);
    world_deinit(&p.w);
}

static void close_connection(p2p_stream *stream, void *self) {
    (void)self;
    p2p_conn_abort(p2p_stream_conn(stream), 0);
    p2p_stream_write(stream, text("into the void"));
    p2p_stream_consume(stream, 0);
    p2p_stream_close(stream);
}

static void a_callback_may_end_the_connection_it_is_called_for(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        p2p_protocol brutal = ASK_ONE;
        if (which == 0)
            brutal.opened = close_connection;
        else
            brutal.readable = close_connection;
        ours = theirs = (side){.consume = SIZE_MAX};
        pair_start(&p, &brutal, &theirs, false);
        check_ok(p2p_conn_open(p.a->last_conn, &ASK_ONE, &ours, &ours.stream));
        check(p2p_stream_write(ours.stream, text("x")) == 1);
        pass();
        check(theirs.closed == 1 && ours.closed == 1);
        check(p.a->disconnected == 1 && p.b->disconnected == 1);
        world_deinit(&p.w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_proposal_can_be_written_at_once),
        cmocka_unit_test(of_several_proposals_the_first_that_is_spoken_is_taken),
        cmocka_unit_test(what_is_closed_while_it_negotiates_ends_on_both_sides),
        cmocka_unit_test(each_direction_ends_by_itself),
        cmocka_unit_test(a_reset_carries_its_code_and_drops_what_was_not_read),
        cmocka_unit_test(nobody_reading_closes_the_window_and_reading_opens_it),
        cmocka_unit_test(a_closed_stream_throws_away_a_little_and_then_says_stop),
        cmocka_unit_test(a_deadline_resets_and_can_be_cleared),
        cmocka_unit_test(the_end_of_the_connection_ends_its_streams),
        cmocka_unit_test(what_is_complete_can_be_read_when_the_connection_ends),
        cmocka_unit_test(the_unread_rest_goes_with_the_last_call),
        cmocka_unit_test(an_incomplete_message_is_not_shown_when_the_connection_ends),
        cmocka_unit_test(who_aborts_is_shown_nothing_more),
        cmocka_unit_test(a_callback_may_end_the_connection_it_is_called_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
