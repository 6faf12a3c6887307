/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/peerstore.h"

#include "base/bytes.h"
#include "support/check.h"

static p2p_peer_id peer_of(unsigned number) {
    p2p_peer_id peer = {.len = 34, .bytes = {0x12, 0x20}};
    memcpy(peer.bytes + 2, &number, sizeof number);
    return peer;
}

static p2p_multiaddr addr_of(unsigned port) {
    char text[64];
    p2p_multiaddr addr;
    snprintf(text, sizeof text, "/ip4/1.2.3.4/tcp/%u", port);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static faulty_mem mem;
static p2p_peerstore store;

static void start(size_t max, size_t addrs_max) {
    faulty_mem_init(&mem);
    p2p_peerstore_init(&store, &mem.mem, 77, max, addrs_max);
}

static void stop(void) {
    p2p_peerstore_deinit(&store);
    check(mem.live_blocks == 0);
}

static void add(unsigned peer, unsigned port, p2p_time expires, p2p_time now) {
    p2p_peer_id id = peer_of(peer);
    p2p_multiaddr addr = addr_of(port);
    p2p_peerstore_add(&store, &id, &addr, expires, now);
}

static void dialled(unsigned peer, unsigned port, bool success, p2p_time now) {
    p2p_peer_id id = peer_of(peer);
    p2p_multiaddr addr = addr_of(port);
    p2p_peerstore_dialled(&store, &id, &addr, success, now);
}

static size_t count(unsigned peer, bool ready, p2p_time now) {
    p2p_peer_id id = peer_of(peer);
    p2p_multiaddr addr;
    size_t n = 0;
    while (p2p_peerstore_addr(&store, &id, n, ready, now, &addr))
        n++;
    return n;
}

static bool knows(unsigned peer, unsigned port, p2p_time now) {
    p2p_peer_id id = peer_of(peer);
    p2p_multiaddr addr, want = addr_of(port);
    for (size_t i = 0; p2p_peerstore_addr(&store, &id, i, false, now, &addr); i++)
        if (p2p_multiaddr_equal(&addr, &want))
            return true;
    return false;
}

static void addresses_are_there_until_they_expire(void **state) {
    (void)state;
    start(10, 4);
    add(1, 1, 100, 0);
    add(1, 2, 200, 0);
    add(1, 1, 150, 0); /* prolonged */
    add(1, 1, 120, 0); /* never shortened */
    add(1, 3, 5, 5);   /* over already */
    check(count(1, false, 99) == 2 && count(1, false, 149) == 2);
    check(count(1, false, 150) == 1 && knows(1, 2, 150));
    check(count(1, false, 200) == 0 && count(2, false, 0) == 0);
    stop();
}

static void the_address_that_expires_first_makes_room(void **state) {
    (void)state;
    start(10, 3);
    add(1, 1, 300, 0);
    add(1, 2, 100, 0);
    add(1, 3, 200, 0);
    add(1, 4, 400, 0);
    check(count(1, false, 0) == 3 && !knows(1, 2, 0) && knows(1, 4, 0));
    /* All that have expired go first. */
    add(1, 5, 500, 350);
    check(count(1, false, 350) == 2 && knows(1, 4, 350) && knows(1, 5, 350));
    stop();
}

static void the_peer_touched_longest_ago_makes_room(void **state) {
    (void)state;
    start(3, 2);
    for (unsigned peer = 1; peer <= 3; peer++)
        add(peer, 1, 100, 0);
    add(1, 2, 100, 0);
    add(4, 1, 100, 0);
    check(store.count == 3);
    check(count(1, false, 0) == 2 && count(2, false, 0) == 0 && count(4, false, 0) == 1);
    for (unsigned peer = 10; peer < 1000; peer++)
        add(peer, 1, 100, 0);
    check(store.count == 3 && count(999, false, 0) == 1);
    stop();
}

static void failures_wait_longer_and_longer_up_to_five_minutes(void **state) {
    (void)state;
    start(10, 4);
    add(1, 1, P2P_NEVER, 0);
    add(1, 2, P2P_NEVER, 0);
    p2p_time now = 0, wait = 0;
    for (unsigned i = 1; i <= 40; i++) {
        dialled(1, 1, false, now);
        p2p_time before = wait;
        for (wait = 0; count(1, true, now + wait) < 2; wait += P2P_SECOND)
            check(wait <= 300 * P2P_SECOND);
        check(wait >= before && wait >= 5 * P2P_SECOND);
        check(count(1, false, now) == 2);
        now += wait;
    }
    check(wait == 300 * P2P_SECOND);
    dialled(1, 1, false, now);
    dialled(1, 1, true, now);
    check(count(1, true, now) == 2);
    dialled(9, 9, false, now); /* nobody knows it: nothing happens */
    stop();
}

static void a_store_without_room_keeps_nothing(void **state) {
    (void)state;
    start(0, 4);
    add(1, 1, 100, 0);
    check(count(1, false, 0) == 0 && mem.requests == 0);
    stop();
    start(4, 0);
    add(1, 1, 100, 0);
    check(count(1, false, 0) == 0);
    stop();
}

static void a_smaller_store_keeps_those_used_last(void **state) {
    (void)state;
    start(4, 4);
    for (unsigned peer = 1; peer <= 4; peer++)
        for (unsigned port = 1; port <= 4; port++)
            add(peer, port, 100, 0);
    p2p_peerstore_set_max(&store, 2, 2);
    check(store.count == 2 && count(2, false, 0) == 0);
    check(count(3, false, 0) == 4 && count(4, false, 0) == 4);
    for (unsigned port = 1; port <= 4; port++)
        add(5, port, 100, 0);
    check(count(3, false, 0) == 0 && count(5, false, 0) == 2);
    p2p_peerstore_set_max(&store, 3, 8);
    for (unsigned port = 1; port <= 9; port++) {
        add(5, port, 100 + port, 0);
        add(6, port, 100 + port, 0);
    }
    check(count(4, false, 0) == 4 && count(5, false, 0) == 2 && count(6, false, 0) == 8);
    p2p_peerstore_set_max(&store, 0, 0);
    check(store.count == 0);
    stop();
}

static p2p_err fill(const p2p_mem *given, void *ctx) {
    (void)ctx;
    p2p_peerstore_init(&store, given, 77, 8, 3);
    for (unsigned peer = 1; peer < 20; peer++)
        for (unsigned port = 1; port < 6; port++)
            add(peer, port, 100 + port, 0);
    size_t known = count(19, false, 0);
    p2p_peerstore_deinit(&store);
    return known == 3 ? P2P_OK : P2P_ERR_NO_MEMORY;
}

static void without_memory_it_forgets_and_nothing_else(void **state) {
    (void)state;
    sweep_allocations(fill, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_there_until_they_expire),
        cmocka_unit_test(the_address_that_expires_first_makes_room),
        cmocka_unit_test(the_peer_touched_longest_ago_makes_room),
        cmocka_unit_test(failures_wait_longer_and_longer_up_to_five_minutes),
        cmocka_unit_test(a_store_without_room_keeps_nothing),
        cmocka_unit_test(a_smaller_store_keeps_those_used_last),
        cmocka_unit_test(without_memory_it_forgets_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
