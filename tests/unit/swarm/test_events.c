/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static p2p_conn *come(unsigned peer) {
    p2p_peer_id id = fake_peer(peer);
    p2p_conn *conn;
    check_ok(fake_come(&id, peer, &conn));
    return conn;
}

static void events_come_in_order_with_what_they_refer_to(void **state) {
    (void)state;
    fake_up();
    p2p_multiaddr addr = fake_addr("/ip4/1.2.3.4/tcp/5");
    p2p_reason reason = p2p_reason_of(P2P_ERR_IO, "number %d", 7);
    p2p_swarm_event(f.swarm, P2P_EVENT_LISTEN_FAILED, NULL, 9, &addr, &reason);
    p2p_swarm_event(f.swarm, P2P_EVENT_ADDRESSES, NULL, 0, NULL, NULL);
    addr.len = 0; /* both were copied */
    reason.text[0] = 0;
    p2p_event event = fake_event(P2P_EVENT_LISTEN_FAILED);
    check(event.listener == 9 && event.addr.len == 8);
    check_err(P2P_ERR_IO, event.reason.err);
    assert_string_equal(event.reason.text, "number 7");
    event = fake_event(P2P_EVENT_ADDRESSES);
    check(event.addr.len == 0 && event.reason.err == P2P_OK && event.conn == NULL);
    fake_no_event();
    fake_down();
}

static void a_full_queue_drops_all_but_what_connections_say(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.events = 2;
    fake_begin();
    for (uint64_t i = 0; i < 5; i++)
        p2p_swarm_event(f.swarm, P2P_EVENT_TIMER, NULL, i, NULL, NULL);
    p2p_conn *conn = come(1);
    p2p_conn_ended(conn, P2P_ERR_RESET, true, 3, NULL);
    check(fake_event(P2P_EVENT_TIMER).request == 0 && fake_event(P2P_EVENT_TIMER).request == 1);
    check(fake_event(P2P_EVENT_CONNECTED).conn == conn);
    p2p_event event = fake_event(P2P_EVENT_DISCONNECTED);
    check(event.conn == conn && event.reason.by_peer && event.reason.remote_code == 3);
    fake_no_event();
    fake_down();
}

static void a_connection_lives_until_the_call_behind_its_disconnection(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = come(1);
    uint64_t id = p2p_conn_id(conn);
    p2p_conn_ended(conn, P2P_ERR_RESET, true, 0, NULL);
    fake_event(P2P_EVENT_CONNECTED);
    check(fake_event(P2P_EVENT_DISCONNECTED).conn == conn);
    check(f.freed == 0 && p2p_conn_id(conn) == id && conn->state == P2P_CONN_ENDED);
    check(p2p_host_next_conn(f.host, NULL) == conn);
    fake_no_event();
    check(f.freed == 1 && p2p_host_next_conn(f.host, NULL) == NULL);
    fake_down();
}

static void without_memory_a_disconnection_has_a_plain_reason(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = come(1);
    f.mem.fail_at = f.mem.requests + 1;
    p2p_conn_ended(conn, P2P_ERR_TIMEOUT, false, 0, "a long story");
    fake_event(P2P_EVENT_CONNECTED);
    p2p_event event = fake_event(P2P_EVENT_DISCONNECTED);
    check_err(P2P_ERR_TIMEOUT, event.reason.err);
    assert_string_equal(event.reason.text, p2p_err_text(P2P_ERR_TIMEOUT));
    fake_down();
}

static void without_memory_other_events_are_dropped_or_plain(void **state) {
    (void)state;
    p2p_multiaddr addr = fake_addr("/ip4/1.2.3.4/tcp/5");
    p2p_reason reason = p2p_reason_of(P2P_ERR_IO, "a story");
    for (size_t n = 1; n <= 3; n++) {
        p2p_event event;
        fake_up();
        f.mem.fail_at = f.mem.requests + n;
        p2p_swarm_event(f.swarm, P2P_EVENT_LISTEN_FAILED, NULL, 9, &addr, &reason);
        check(p2p_host_next_event(f.host, &event) == (n > 1));
        if (n > 1)
            check_err(P2P_ERR_IO, event.reason.err);
        if (n > 1)
            check(event.reason.text[0] != 0 && (event.addr.len > 0) == (n == 3));
        fake_no_event();
        fake_down();
    }
}

/* A block as identify hands it over. */
static p2p_peer_info *block(void) {
    p2p_peer_info *info = p2p_mem_alloc(&f.host->mem, sizeof *info);
    check(info != NULL);
    info->agent = p2p_bytes_text("agent");
    return info;
}

static void what_identify_told_is_lent_until_the_next_call(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = come(1);
    p2p_peer_info *info = block();
    p2p_swarm_event_info(f.swarm, conn, info, info, sizeof *info);
    fake_event(P2P_EVENT_CONNECTED);
    size_t live = f.mem.live_blocks;
    p2p_event event = fake_event(P2P_EVENT_IDENTIFIED);
    check(event.conn == conn && event.info == info);
    check_same(event.info->agent, p2p_bytes_text("agent"));
    fake_no_event();
    check(f.mem.live_blocks == live - 2); /* the event and its block */
    fake_down();
}

static void nothing_is_said_of_a_connection_behind_its_end(void **state) {
    (void)state;
    fake_up();
    p2p_conn *conn = come(1);
    p2p_conn_ended(conn, P2P_ERR_RESET, true, 0, NULL);
    p2p_peer_info *info = block();
    p2p_swarm_event_info(f.swarm, conn, info, info, sizeof *info);
    fake_event(P2P_EVENT_CONNECTED);
    fake_event(P2P_EVENT_DISCONNECTED);
    fake_no_event();
    fake_down();
}

static void nothing_comes_behind_stopped_and_what_was_not_taken_is_freed(void **state) {
    (void)state;
    fake_up();
    p2p_multiaddr addr = fake_addr("/ip4/1.2.3.4/tcp/5");
    p2p_host_close(f.host);
    p2p_host_close(f.host);
    p2p_swarm_event(f.swarm, P2P_EVENT_ADDRESSES, NULL, 0, &addr, NULL);
    fake_event(P2P_EVENT_STOPPED);
    fake_no_event();
    fake_down();
    fake_up();
    p2p_conn *conn = come(1);
    p2p_peer_info *info = block();
    p2p_swarm_event_info(f.swarm, conn, info, info, sizeof *info);
    p2p_swarm_event(f.swarm, P2P_EVENT_ADDRESSES, NULL, 0, &addr, NULL);
    fake_down();
}

static void a_reason_is_cut_off_at_its_end(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    p2p_reason reason = p2p_reason_of(P2P_ERR_IO, "%s", text);
    check(strlen(reason.text) == sizeof reason.text - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_with_what_they_refer_to),
        cmocka_unit_test(a_full_queue_drops_all_but_what_connections_say),
        cmocka_unit_test(a_connection_lives_until_the_call_behind_its_disconnection),
        cmocka_unit_test(without_memory_a_disconnection_has_a_plain_reason),
        cmocka_unit_test(without_memory_other_events_are_dropped_or_plain),
        cmocka_unit_test(what_identify_told_is_lent_until_the_next_call),
        cmocka_unit_test(nothing_is_said_of_a_connection_behind_its_end),
        cmocka_unit_test(nothing_comes_behind_stopped_and_what_was_not_taken_is_freed),
        cmocka_unit_test(a_reason_is_cut_off_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
