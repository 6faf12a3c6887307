/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static size_t ended;
static p2p_reason why;

static void on_ended(p2p_conn *conn, const p2p_reason *reason) {
    check(conn->state == P2P_CONN_ENDED);
    ended++;
    why = *reason;
}

static const p2p_conn_events EVENTS = {on_ended, NULL};

static p2p_conn *start(void) {
    p2p_peer_id peer = fake_peer(1);
    p2p_conn *conn = fake_conn_new(&peer, true);
    check(conn != NULL);
    conn->events = &EVENTS;
    ended = 0;
    return conn;
}

static void stop(p2p_conn *conn) {
    p2p_conn_bury(conn);
    p2p_conn_bury(conn); /* once is enough, twice does no harm */
    fake_pass(1);
    check(f.freed == 1);
    fake_down();
}

static void a_new_connection_knows_who_and_when(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = start();
    p2p_peer_id peer = fake_peer(1);
    p2p_conn_stats stats;
    check(p2p_peer_id_equal(p2p_conn_peer(conn), &peer) && p2p_conn_outbound(conn));
    check_same(p2p_conn_public_key(conn), p2p_bytes_text("key"));
    check(!p2p_conn_limited(conn) && p2p_conn_host(conn) == f.host && p2p_conn_id(conn) > 0);
    assert_string_equal(p2p_conn_muxer(conn), "");
    fake_pass(P2P_SECOND);
    conn->opened = f.host->env.now;
    p2p_conn_get_stats(conn, &stats);
    check(stats.setup == P2P_SECOND && stats.rtt == 0 && stats.streams == 0);
    p2p_conn_set_user(conn, &stats);
    check(p2p_conn_user(conn) == &stats);
    p2p_conn_abort(conn, 0);
    stop(conn);
}

static void it_ends_once_whatever_comes_later(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = start();
    p2p_conn_ended(conn, P2P_ERR_RESET, true, 7, NULL);
    p2p_conn_ended(conn, P2P_ERR_EOF, false, 8, "again");
    p2p_conn_abort(conn, 9);
    p2p_conn_close(conn, 9);
    check(ended == 1 && why.err == P2P_ERR_RESET && why.by_peer && why.remote_code == 7);
    assert_string_equal(why.text, p2p_err_text(P2P_ERR_RESET));
    check(f.aborted == 0 && f.closed == 0);
    stop(conn);
}

static void what_ends_while_closing_was_closed_by_this_side(void **state) {
    (void)state;
    static const p2p_err ERRS[] = {P2P_ERR_EOF, P2P_ERR_RESET, P2P_OK, P2P_ERR_MALFORMED};
    for (size_t i = 0; i < 4; i++) {
        fake_up();
        p2p_conn *conn = start();
        ((fake_conn *)(void *)conn)->stubborn = true;
        p2p_conn_close(conn, 5);
        check(conn->state == P2P_CONN_CLOSING && ended == 0);
        p2p_conn_close(conn, 6);
        check(f.closed == 1 && ((fake_conn *)(void *)conn)->code == 5);
        p2p_conn_ended(conn, ERRS[i], true, 0, "as it happened");
        check_err(i < 3 ? P2P_ERR_CLOSED : P2P_ERR_MALFORMED, why.err);
        check(why.by_peer == (i == 3));
        stop(conn);
    }
}

static void patience_with_a_close_ends(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = start();
    ((fake_conn *)(void *)conn)->stubborn = true;
    p2p_conn_close(conn, 0);
    fake_pass(f.config.timeouts.close - 1);
    check(ended == 0);
    fake_pass(1);
    check(ended == 1 && f.aborted == 1);
    check_err(P2P_ERR_CLOSED, why.err);
    stop(conn);
}

static void an_idle_connection_is_closed_and_a_busy_one_is_not(void **state) {
    (void)state;
    fake_prepare();
    f.config.timeouts.idle = 10 * P2P_SECOND;
    fake_begin();
    p2p_conn *conn = start();
    p2p_conn_stream_came(conn, true);
    p2p_conn_stream_came(conn, false);
    p2p_conn_stream_gone(conn, true);
    fake_pass(100 * P2P_SECOND);
    check(ended == 0);
    p2p_conn_stream_gone(conn, false);
    fake_pass(9 * P2P_SECOND);
    p2p_conn_stream_came(conn, false);
    p2p_conn_stream_gone(conn, false);
    fake_pass(9 * P2P_SECOND);
    check(ended == 0);
    fake_pass(P2P_SECOND);
    check(ended == 1 && ((fake_conn *)(void *)conn)->code == P2P_CODE_GARBAGE_COLLECTED);
    stop(conn);
}

static void without_an_idle_time_out_it_stays(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = start();
    p2p_conn_stream_came(conn, true);
    p2p_conn_stream_gone(conn, true);
    fake_pass(1000000 * P2P_SECOND);
    check(ended == 0);
    p2p_conn_abort(conn, 0);
    stop(conn);
}

static void streams_have_a_limit_in_each_direction_and_in_all(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.streams_inbound_per_conn = 2;
    f.config.limits.streams_outbound_per_conn = 1;
    f.config.limits.streams = 3;
    fake_begin();
    p2p_conn *conn = start();
    check_ok(p2p_conn_admit_stream(conn, true));
    p2p_conn_stream_came(conn, true);
    check_err(P2P_ERR_LIMIT, p2p_conn_admit_stream(conn, true));
    p2p_conn_stream_came(conn, false);
    check_ok(p2p_conn_admit_stream(conn, false));
    p2p_conn_stream_came(conn, false);
    check_err(P2P_ERR_LIMIT, p2p_conn_admit_stream(conn, false));
    p2p_conn_stream_gone(conn, true);
    check_ok(p2p_conn_admit_stream(conn, true));
    f.host->env.stream_count = 3;
    check_err(P2P_ERR_LIMIT, p2p_conn_admit_stream(conn, true));
    f.host->env.stream_count = 0;
    p2p_conn_abort(conn, 0);
    check_err(P2P_ERR_STATE, p2p_conn_admit_stream(conn, true));
    stop(conn);
}

static p2p_conn *carried;
static bool carrier_aborted, carrier_freed;

static void carrier_ended(p2p_carrier *carrier, bool abort) {
    (void)carrier;
    check(carried->state == P2P_CONN_ENDED);
    carrier_aborted = abort;
}

static void carrier_free(p2p_carrier *carrier) {
    (void)carrier;
    check(f.freed == 1); /* behind the connection */
    carrier_freed = true;
}

static void its_carrier_ends_with_it_and_is_freed_behind_it(void **state) {
    (void)state;
    static const p2p_err ERRS[] = {P2P_ERR_CLOSED, P2P_ERR_EOF, P2P_ERR_VIOLATION};
    for (size_t i = 0; i < 3; i++) {
        fake_up();
        p2p_carrier carrier = {carrier_ended, carrier_free};
        carried = start();
        carried->carrier = &carrier;
        carrier_freed = false;
        p2p_conn_ended(carried, ERRS[i], false, 0, NULL);
        check(carrier_aborted == (i == 2) && !carrier_freed);
        stop(carried);
        check(carrier_freed);
    }
}

static const char *const IDS[] = {"/x", NULL};

static size_t closed;

static void on_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    check_err(P2P_ERR_CLOSED, end->err);
    closed++;
}

static void nothing_is_opened_on_a_connection_that_is_closing(void **state) {
    (void)state;
    p2p_protocol protocol = {sizeof protocol, IDS, true, false, NULL, NULL, NULL, on_closed};
    p2p_stream *stream;
    fake_up();
    closed = 0;
    p2p_conn *conn = start();
    conn->limited = true;
    check_err(P2P_ERR_UNSUPPORTED, p2p_conn_open(conn, &protocol, NULL, &stream));
    conn->limited = false;
    check_ok(p2p_conn_open(conn, &protocol, NULL, &stream));
    check(p2p_conn_next_stream(conn, NULL) == stream);
    check(p2p_conn_next_stream(conn, stream) == NULL);
    ((fake_conn *)(void *)conn)->stubborn = true;
    p2p_conn_close(conn, 0);
    check_err(P2P_ERR_STATE, p2p_conn_open(conn, &protocol, NULL, &stream));
    check(stream == NULL);
    p2p_conn_abort(conn, 0);
    fake_no_event(); /* callbacks run */
    check(closed == 1 && p2p_conn_next_stream(conn, NULL) == NULL);
    stop(conn);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_connection_knows_who_and_when),
        cmocka_unit_test(it_ends_once_whatever_comes_later),
        cmocka_unit_test(what_ends_while_closing_was_closed_by_this_side),
        cmocka_unit_test(patience_with_a_close_ends),
        cmocka_unit_test(an_idle_connection_is_closed_and_a_busy_one_is_not),
        cmocka_unit_test(without_an_idle_time_out_it_stays),
        cmocka_unit_test(streams_have_a_limit_in_each_direction_and_in_all),
        cmocka_unit_test(its_carrier_ends_with_it_and_is_freed_behind_it),
        cmocka_unit_test(nothing_is_opened_on_a_connection_that_is_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
