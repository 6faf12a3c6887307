/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 10 ms ──── b ──── 10 ms ──── c
 *
 * b changes what it speaks and where it listens; a and c learn it by identify push, several changes
 * at once, and completely.
 */
#include "sim/world.h"

typedef struct told {
    size_t times, protocols, addrs;
    bool is_signed;
    p2p_time when;
} told;

static world w;
static node *a, *b, *c;
static told at_a, at_c;

static const char *const IDS[20][2] = {{"/new/0", NULL}, {"/new/1", NULL}, {"/new/2", NULL},
    {"/new/3", NULL}, {"/new/4", NULL}, {"/new/5", NULL}, {"/new/6", NULL}, {"/new/7", NULL},
    {"/new/8", NULL}, {"/new/9", NULL}, {"/new/10", NULL}, {"/new/11", NULL}, {"/new/12", NULL},
    {"/new/13", NULL}, {"/new/14", NULL}, {"/new/15", NULL}, {"/new/16", NULL}, {"/new/17", NULL},
    {"/new/18", NULL}, {"/new/19", NULL}};
static p2p_protocol protocols[20];

static void add(size_t i) {
    protocols[i] = (p2p_protocol){.size = sizeof(p2p_protocol), .ids = IDS[i], .inbound = true};
    check_ok(p2p_host_add_protocol(b->host, &protocols[i], NULL));
    world_pump(b);
}

static void note(node *self, const p2p_event *event) {
    if (event->type != P2P_EVENT_IDENTIFIED ||
        !p2p_peer_id_equal(p2p_conn_peer(event->conn), p2p_host_peer(b->host)))
        return;
    told *t = self == a ? &at_a : &at_c;
    t->times++;
    t->protocols = event->info->protocol_count;
    t->addrs = event->info->addr_count;
    t->is_signed = event->info->signed_record.len > 0;
    t->when = w.now;
}

static void start(void) {
    world_init(&w, 51);
    w.default_link.latency = 10 * P2P_MILLISECOND;
    a = world_add(&w, NULL);
    b = world_add(&w, NULL);
    c = world_add(&w, NULL);
    at_a = at_c = (told){0};
    a->on_event = c->on_event = note;
    world_listen(b, "/tcp/4001");
    world_listen(c, "/tcp/4001");
    world_dial(a, b);
    world_dial(b, c);
    world_run(&w, 10 * P2P_SECOND);
    check(at_a.times == 1 && at_c.times == 1);
    check(at_a.protocols == 2 && at_a.addrs == 1 && at_a.is_signed);
}

static void several_changes_make_one_push_to_everybody(void **state) {
    (void)state;
    start();
    p2p_time first = w.now;
    add(0);
    world_run(&w, P2P_SECOND);
    add(1);
    world_listen(b, "/tcp/4002");
    world_run(&w, 20 * P2P_SECOND);
    check(at_a.times == 2 && at_c.times == 2);
    check(at_a.protocols == 4 && at_c.protocols == 4);
    check(at_a.addrs == 2 && at_c.addrs == 2 && at_a.is_signed && at_c.is_signed);
    check(at_a.when - first < 6 * P2P_SECOND);
    p2p_host_remove_protocol(b->host, &protocols[0]);
    world_run(&w, 20 * P2P_SECOND);
    check(at_a.times == 3 && at_a.protocols == 3);
    check(a->disconnected == 0 && c->disconnected == 0);
    world_deinit(&w);
}

static void steady_changes_do_not_hold_it_back(void **state) {
    (void)state;
    start();
    for (size_t i = 0; i < 20; i++) {
        add(i);
        world_run(&w, 2 * P2P_SECOND);
    }
    check(at_a.times >= 1 + 40 / 6 && at_a.times <= 1 + 40 / 5);
    world_run(&w, 10 * P2P_SECOND);
    check(at_a.protocols == 22);
    world_deinit(&w);
}

static void a_change_while_a_peer_is_being_identified_reaches_it(void **state) {
    (void)state;
    for (p2p_time at = 40; at < 140; at += 10) {
        start();
        p2p_host_close(a->host);
        world_run(&w, 10 * P2P_SECOND);
        node *d = world_add(&w, NULL);
        d->on_event = note; /* counts as c */
        at_c = (told){0};
        world_dial(d, b);
        world_run(&w, at * P2P_MILLISECOND);
        add(0);
        world_run(&w, 20 * P2P_SECOND);
        check(at_c.protocols == 3);
        world_deinit(&w);
    }
}

static void nobody_is_told_when_nothing_changes(void **state) {
    (void)state;
    start();
    world_run(&w, 3600 * P2P_SECOND);
    check(at_a.times == 1 && at_c.times == 1);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_changes_make_one_push_to_everybody),
        cmocka_unit_test(steady_changes_do_not_hold_it_back),
        cmocka_unit_test(a_change_while_a_peer_is_being_identified_reaches_it),
        cmocka_unit_test(nobody_is_told_when_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
