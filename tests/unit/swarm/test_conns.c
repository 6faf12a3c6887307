/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static p2p_conn *come(unsigned peer, unsigned ip) {
    p2p_peer_id id = fake_peer(peer);
    p2p_conn *conn;
    check_ok(fake_come(&id, ip, &conn));
    return conn;
}

static p2p_err refused(unsigned peer, unsigned ip) {
    p2p_peer_id id = fake_peer(peer);
    p2p_conn *conn;
    p2p_err err = fake_come(&id, ip, &conn);
    check(conn == NULL);
    return err;
}

static p2p_conn *best(unsigned peer) {
    p2p_peer_id id = fake_peer(peer);
    return p2p_host_find_conn(f.host, &id);
}

static void end(p2p_conn *conn) {
    p2p_conn_ended(conn, P2P_ERR_RESET, true, 0, NULL);
}

static void drain(void) {
    for (p2p_event event; p2p_host_next_event(f.host, &event);)
        ;
}

static void the_best_is_unlimited_then_busiest_then_newest(void **state) {
    (void)state;
    fake_up();
    check(best(1) == NULL);
    p2p_conn *a = come(1, 1), *b = come(1, 2), *c = come(1, 3);
    come(2, 4);
    check(best(1) == c);
    p2p_conn_stream_came(a, true);
    check(best(1) == a);
    p2p_conn_stream_came(b, false);
    check(best(1) == b);
    p2p_conn_stream_came(a, false);
    a->limited = true;
    check(best(1) == b);
    a->limited = false;
    check(best(1) == a);
    fake_down();
}

static void an_ended_or_closing_connection_is_not_found(void **state) {
    (void)state;
    fake_up();
    p2p_conn *a = come(1, 1), *b = come(1, 2), *c = come(1, 3);
    end(b);
    check(best(1) == c);
    ((fake_conn *)(void *)c)->stubborn = true;
    p2p_conn_close(c, 0);
    check(best(1) == a && c->state == P2P_CONN_CLOSING);
    end(a);
    check(best(1) == NULL);
    end(c);
    check(f.swarm->by_peer.count == 0);
    fake_down();
}

static void peers_whose_hashes_collide_are_told_apart(void **state) {
    (void)state;
    /* Ends in each order, so that each place in the chain is taken out. */
    for (unsigned first = 0; first < 3; first++) {
        fake_up();
        p2p_conn *conns[3];
        uint64_t key = 0;
        for (unsigned i = 0; i < 3; i++) {
            conns[i] = come(i, i);
            p2p_peer_link *link = &((p2p_swarm_conn *)conns[i]->swarm)->by_peer;
            p2p_peer_index_remove(&f.swarm->by_peer, link);
            key = i == 0 ? link->key : key;
            check_ok(p2p_peer_index_add(&f.swarm->by_peer, link, conns[i], key));
        }
        check(f.swarm->by_peer.count == 1);
        check(best(0) == conns[0] && best(1) == NULL);
        for (unsigned i = 0; i < 3; i++) {
            end(conns[(first + i) % 3]);
            bool gone = i == 2 || first == 0 || (first + i) % 3 == 0 || first + i > 2;
            check(best(0) == (gone ? NULL : conns[0]));
        }
        check(f.swarm->by_peer.count == 0);
        fake_down();
    }
}

static void a_thousand_peers_are_each_found(void **state) {
    (void)state;
    p2p_conn *conns[1000];
    fake_up();
    for (unsigned i = 0; i < 1000; i++)
        conns[i] = come(i, i);
    for (unsigned i = 0; i < 1000; i += 2)
        end(conns[i]);
    for (unsigned i = 0; i < 1000; i++)
        check(best(i) == (i % 2 == 0 ? NULL : conns[i]));
    fake_down();
}

static void each_limit_holds_and_lets_in_again(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.conns = 6;
    f.config.limits.conns_inbound = 5;
    f.config.limits.conns_per_peer = 2;
    f.config.limits.conns_per_ip = 3;
    fake_begin();
    p2p_conn *a = come(1, 1);
    come(1, 1);
    check_err(P2P_ERR_LIMIT, refused(1, 1)); /* peer */
    p2p_conn *b = come(2, 1);
    check_err(P2P_ERR_GATED, refused(3, 1)); /* ip */
    end(b);
    come(3, 1);
    end(a);
    come(1, 2);
    come(4, 3);
    come(5, 4);
    check(f.swarm->conn_count == 5);
    check_err(P2P_ERR_GATED, refused(6, 5)); /* inbound */
    check(f.swarm->conn_count == 5 && f.swarm->pending_inbound == 0);
    drain();
    check(f.aborted == 1 && f.freed == 3);
    fake_down();
}

static void addresses_are_counted_by_ip4_and_by_ip6_prefix(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.conns_per_ip = 1;
    fake_begin();
    p2p_sockaddr at = {.family = 6, .ip = {0x2a, 0, 0, 0, 0, 0, 1, 7}}, near = at, far = at;
    near.ip[7] = 9;
    far.ip[6] = 2;
    const p2p_transport_up *up = f.transport.up;
    check(up->admit(f.swarm, &at, NULL) && !up->admit(f.swarm, &near, NULL));
    check(up->admit(f.swarm, &far, NULL));
    p2p_multiaddr addr = fake_addr("/ip6/2a00::1/tcp/1");
    up->inbound_ended(f.swarm, &at, &addr, P2P_ERR_EOF, "gone");
    p2p_event event = fake_event(P2P_EVENT_INBOUND_FAILED);
    check_err(P2P_ERR_EOF, event.reason.err);
    assert_string_equal(event.reason.text, "gone");
    check(p2p_multiaddr_equal(&event.addr, &addr));
    check(up->admit(f.swarm, &near, NULL));
    up->inbound_ended(f.swarm, &near, &addr, P2P_OK, NULL); /* served: nobody's business */
    up->inbound_ended(f.swarm, &far, &addr, P2P_OK, NULL);
    fake_no_event();
    check(f.swarm->per_ip.count == 0 && f.swarm->pending_inbound == 0);
    fake_down();
}

static void half_made_connections_have_a_limit_of_their_own(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.pending_inbound = 2;
    fake_begin();
    p2p_sockaddr at = fake_ip(1);
    const p2p_transport_up *up = f.transport.up;
    check(up->admit(f.swarm, &at, NULL) && up->admit(f.swarm, &at, NULL));
    check(!up->admit(f.swarm, &at, NULL));
    up->inbound_ended(f.swarm, &at, NULL, P2P_OK, NULL);
    check(up->admit(f.swarm, &at, NULL));
    fake_down();
}

static bool refuse_addr(void *ctx, const p2p_multiaddr *remote) {
    (void)remote;
    return ++*(size_t *)ctx % 2 == 0;
}

static bool refuse_peer(
    void *ctx, bool outbound, const p2p_peer_id *peer, const p2p_multiaddr *remote) {
    (void)ctx;
    (void)remote;
    return outbound || peer->bytes[2] != 7;
}

static void the_gater_is_asked_before_and_behind_the_handshake(void **state) {
    (void)state;
    size_t asked = 0;
    fake_prepare();
    f.config.gater = (p2p_gater){.accept = refuse_addr, .secured = refuse_peer, .ctx = &asked};
    fake_begin();
    check_err(P2P_ERR_GATED, refused(1, 1));
    check(f.aborted == 0 && f.swarm->per_ip.count == 0);
    come(1, 1);
    asked = 1;
    check_err(P2P_ERR_GATED, refused(7, 1));
    check(f.aborted == 1 && asked == 2);
    fake_event(P2P_EVENT_CONNECTED);
    p2p_event event = fake_event(P2P_EVENT_INBOUND_FAILED);
    check_err(P2P_ERR_GATED, event.reason.err);
    fake_down();
}

static void closing_tells_every_peer_and_stops_behind_the_last(void **state) {
    (void)state;
    fake_up();
    p2p_conn *a = come(1, 1), *b = come(2, 2);
    ((fake_conn *)(void *)b)->stubborn = true;
    drain();
    p2p_host_close(f.host);
    check(((fake_conn *)(void *)b)->code == P2P_CODE_SHUTDOWN && f.closed == 2);
    check(fake_event(P2P_EVENT_DISCONNECTED).conn == a);
    fake_no_event();
    check_err(P2P_ERR_GATED, refused(3, 3));
    fake_pass(f.config.timeouts.close);
    check(f.aborted == 1);
    check(fake_event(P2P_EVENT_DISCONNECTED).conn == b);
    fake_event(P2P_EVENT_STOPPED);
    fake_no_event();
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
        f.swarm = &f.host->swarm;
        for (unsigned i = 0; i < 4; i++) {
            p2p_peer_id id = fake_peer(i / 2);
            p2p_conn *conn;
            p2p_err each = fake_come(&id, i, &conn);
            err = err == P2P_OK ? each : err;
            if (conn != NULL && i == 2)
                end(conn);
        }
        drain();
        check(f.swarm->pending_inbound == 0);
    }
    p2p_host_free(f.host);
    p2p_identity_free(f.identity);
    return err;
}

static void it_fails_cleanly_without_memory(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_unlimited_then_busiest_then_newest),
        cmocka_unit_test(an_ended_or_closing_connection_is_not_found),
        cmocka_unit_test(peers_whose_hashes_collide_are_told_apart),
        cmocka_unit_test(a_thousand_peers_are_each_found),
        cmocka_unit_test(each_limit_holds_and_lets_in_again),
        cmocka_unit_test(addresses_are_counted_by_ip4_and_by_ip6_prefix),
        cmocka_unit_test(half_made_connections_have_a_limit_of_their_own),
        cmocka_unit_test(the_gater_is_asked_before_and_behind_the_handshake),
        cmocka_unit_test(closing_tells_every_peer_and_stops_behind_the_last),
        cmocka_unit_test(it_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
