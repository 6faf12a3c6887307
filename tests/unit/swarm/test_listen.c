/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static uint64_t listen_on(const char *text) {
    p2p_multiaddr addr = fake_addr(text);
    uint64_t number = 0;
    check_ok(p2p_host_listen(f.host, &addr, &number));
    return number;
}

static void bound(size_t index, const char *text) {
    p2p_multiaddr addr = fake_addr(text);
    f.transport.up->listening(f.swarm, f.listeners[index], &addr);
}

static void interfaces(size_t count, const char *const *texts) {
    p2p_sockaddr addrs[P2P_SWARM_INTERFACES_MAX + 10] = {{.family = 4}};
    for (size_t i = 0; i < count; i++) {
        p2p_proto_code transport;
        p2p_multiaddr addr = fake_addr(texts[i]);
        check(p2p_multiaddr_to_sockaddr(&addr, &addrs[i], &transport));
    }
    p2p_swarm_set_interfaces(f.swarm, addrs, count);
}

/* The host's addresses, in order, and no more. */
static void check_addrs(size_t count, const char *const *texts) {
    p2p_multiaddr addr;
    for (size_t i = 0; i < count; i++) {
        p2p_multiaddr want = fake_addr(texts[i]);
        check(p2p_host_addr(f.host, i, &addr) && p2p_multiaddr_equal(&addr, &want));
    }
    check(!p2p_host_addr(f.host, count, &addr));
}

static const char *const TWO[] = {"/ip4/10.0.0.1/tcp/1", "/ip6/2a00::1/tcp/1"};

static void a_listener_says_where_it_listens(void **state) {
    (void)state;
    fake_up();
    uint64_t number = listen_on("/ip4/10.0.0.1/tcp/0");
    check(f.listened == 1 && f.listeners[0]->number == number);
    check_addrs(0, NULL);
    bound(0, "/ip4/10.0.0.1/tcp/4001");
    p2p_event event = fake_event(P2P_EVENT_LISTENING);
    p2p_multiaddr want = fake_addr("/ip4/10.0.0.1/tcp/4001");
    check(event.listener == number && p2p_multiaddr_equal(&event.addr, &want));
    fake_event(P2P_EVENT_ADDRESSES);
    fake_no_event();
    check_addrs(1, (const char *[]){"/ip4/10.0.0.1/tcp/4001"});
    bound(0, "/ip4/10.0.0.1/tcp/4002"); /* again: it replaces */
    check_addrs(1, (const char *[]){"/ip4/10.0.0.1/tcp/4002"});
    fake_down();
}

static void wildcards_are_expanded_with_all_that_stands_behind_them(void **state) {
    (void)state;
    static const char *const MANY[] = {
        "/ip4/10.0.0.1/tcp/1", "/ip6/2a00::1/tcp/1", "/ip4/10.0.0.2/tcp/1", "/ip6/fe80::1/tcp/1"};
    fake_up();
    interfaces(4, MANY);
    fake_no_event();
    listen_on("/ip4/0.0.0.0/tcp/0");
    listen_on("/ip6/::/tcp/0/ws");
    bound(0, "/ip4/0.0.0.0/tcp/4001");
    bound(1, "/ip6/::/tcp/4002/ws");
    check_addrs(3, (const char *[]){"/ip4/10.0.0.1/tcp/4001", "/ip4/10.0.0.2/tcp/4001",
                       "/ip6/2a00::1/tcp/4002/ws"});
    for (int i = 0; i < 2; i++)
        fake_event(P2P_EVENT_LISTENING);
    fake_event(P2P_EVENT_ADDRESSES);
    fake_event(P2P_EVENT_LISTENING);
    fake_event(P2P_EVENT_ADDRESSES);
    interfaces(2, TWO);
    fake_event(P2P_EVENT_ADDRESSES);
    fake_no_event();
    check_addrs(2, (const char *[]){"/ip4/10.0.0.1/tcp/4001", "/ip6/2a00::1/tcp/4002/ws"});
    interfaces(0, NULL);
    check_addrs(0, NULL);
    fake_down();
}

static void too_many_interfaces_are_cut_off(void **state) {
    (void)state;
    const char *texts[P2P_SWARM_INTERFACES_MAX + 5];
    for (size_t i = 0; i < P2P_SWARM_INTERFACES_MAX + 5; i++)
        texts[i] = TWO[0];
    fake_up();
    interfaces(P2P_SWARM_INTERFACES_MAX + 5, texts);
    listen_on("/ip4/0.0.0.0/tcp/0");
    bound(0, "/ip4/0.0.0.0/tcp/1");
    check_addrs(P2P_SWARM_INTERFACES_MAX, texts);
    fake_down();
}

static void a_listener_that_fails_or_dies_says_why(void **state) {
    (void)state;
    fake_up();
    uint64_t first = listen_on("/ip4/10.0.0.1/tcp/1"), second = listen_on("/ip4/10.0.0.1/tcp/2");
    f.transport.up->listen_ended(f.swarm, f.listeners[0], P2P_ERR_ADDRESS_IN_USE);
    p2p_event event = fake_event(P2P_EVENT_LISTEN_FAILED);
    check(event.listener == first && strstr(event.reason.text, "/tcp/1") != NULL);
    check_err(P2P_ERR_ADDRESS_IN_USE, event.reason.err);
    fake_no_event(); /* its address was never one of the host's */
    bound(1, "/ip4/10.0.0.1/tcp/2");
    fake_event(P2P_EVENT_LISTENING);
    fake_event(P2P_EVENT_ADDRESSES);
    f.transport.up->listen_ended(f.swarm, f.listeners[1], P2P_ERR_IO);
    check(fake_event(P2P_EVENT_LISTEN_FAILED).listener == second);
    fake_event(P2P_EVENT_ADDRESSES);
    check_addrs(0, NULL);
    check(f.swarm->listener_count == 0);
    fake_down();
}

static void unlisten_takes_its_addresses_away_and_knows_no_strangers(void **state) {
    (void)state;
    fake_up();
    uint64_t first = listen_on("/ip4/10.0.0.1/tcp/1");
    listen_on("/ip4/10.0.0.1/tcp/2");
    bound(0, "/ip4/10.0.0.1/tcp/1");
    bound(1, "/ip4/10.0.0.1/tcp/2");
    for (p2p_event event; p2p_host_next_event(f.host, &event);)
        ;
    p2p_host_unlisten(f.host, 12345);
    fake_no_event();
    p2p_host_unlisten(f.host, first);
    p2p_host_unlisten(f.host, first);
    check(f.unlistened == 1);
    fake_event(P2P_EVENT_ADDRESSES);
    fake_no_event();
    check_addrs(1, (const char *[]){"/ip4/10.0.0.1/tcp/2"});
    fake_down();
    check(f.unlistened == 2);
}

static void what_cannot_be_listened_on_is_refused_at_once(void **state) {
    (void)state;
    fake_prepare();
    f.config.limits.listeners = 1;
    fake_begin();
    p2p_multiaddr tcp = fake_addr("/ip4/10.0.0.1/tcp/1"), udp = fake_addr("/ip4/10.0.0.1/udp/1");
    check_err(P2P_ERR_UNSUPPORTED, p2p_host_listen(f.host, &udp, NULL));
    f.answer = P2P_ERR_INVALID;
    check_err(P2P_ERR_INVALID, p2p_host_listen(f.host, &tcp, NULL));
    f.answer = P2P_OK;
    f.mem.fail_at = f.mem.requests + 1;
    check_err(P2P_ERR_NO_MEMORY, p2p_host_listen(f.host, &tcp, NULL));
    check_ok(p2p_host_listen(f.host, &tcp, NULL));
    check_err(P2P_ERR_LIMIT, p2p_host_listen(f.host, &tcp, NULL));
    p2p_host_close(f.host);
    check(f.unlistened == 1);
    check_err(P2P_ERR_SHUTDOWN, p2p_host_listen(f.host, &tcp, NULL));
    fake_down();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_says_where_it_listens),
        cmocka_unit_test(wildcards_are_expanded_with_all_that_stands_behind_them),
        cmocka_unit_test(too_many_interfaces_are_cut_off),
        cmocka_unit_test(a_listener_that_fails_or_dies_says_why),
        cmocka_unit_test(unlisten_takes_its_addresses_away_and_knows_no_strangers),
        cmocka_unit_test(what_cannot_be_listened_on_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
