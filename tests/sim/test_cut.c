/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 5 ms ──✂── b
 *
 * The connection breaks after every single byte that one side sends, from the first of the
 * handshake to the last of identify. Both hosts live on, say what happened, and connect again.
 */
#include "sim/world.h"

typedef struct seen {
    size_t dialed, failed, inbound_failed;
    p2p_reason why;
} seen;

static void note(node *self, const p2p_event *event) {
    seen *s = self->user;
    s->dialed += event->type == P2P_EVENT_DIALED;
    s->failed += event->type == P2P_EVENT_DIAL_FAILED;
    s->inbound_failed += event->type == P2P_EVENT_INBOUND_FAILED;
    if (event->type == P2P_EVENT_DIAL_FAILED || event->type == P2P_EVENT_DISCONNECTED ||
        event->type == P2P_EVENT_INBOUND_FAILED) {
        check(event->reason.err != P2P_OK && event->reason.text[0] != 0);
        s->why = event->reason;
    }
}

static void start(world *w, const p2p_config *config, node **a, node **b, seen *at_a, seen *at_b) {
    world_init(w, 21);
    *a = world_add(w, config);
    *b = world_add(w, config);
    *at_a = *at_b = (seen){0};
    (*a)->user = at_a;
    (*b)->user = at_b;
    (*a)->on_event = (*b)->on_event = note;
    world_link(w, *a, *b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_listen(*b, "/tcp/4001");
}

static void cut_once(const p2p_config *config, bool dialler, uint64_t after) {
    world w;
    node *a, *b;
    seen at_a, at_b;
    start(&w, config, &a, &b, &at_a, &at_b);
    snprintf(check_note, sizeof check_note, "a world cut after byte %zu of the %s", (size_t)after,
        dialler ? "dialler" : "listener");
    (dialler ? a : b)->cut_after = after;
    world_dial(a, b);
    world_run(&w, 20 * P2P_SECOND);
    check(at_a.dialed + at_a.failed == 1);
    check(a->connected == at_a.dialed && a->disconnected == a->connected);
    check(b->disconnected == b->connected);
    check(b->connected + at_b.inbound_failed == 1);
    check(at_a.why.err != P2P_OK && at_b.why.err != P2P_OK);
    check(a->sockets.count == 0 && b->sockets.count == 1);
    (dialler ? a : b)->cut_after = 0;
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check(a->connected == at_a.dialed && a->connected == a->disconnected + 1);
    world_deinit(&w);
}

static void cut_everywhere(const p2p_config *config, uint64_t step) {
    world w;
    node *a, *b;
    seen at_a, at_b;
    start(&w, config, &a, &b, &at_a, &at_b);
    world_dial(a, b);
    world_run(&w, P2P_SECOND);
    check(at_a.dialed == 1 && b->connected == 1);
    uint64_t from_a = a->sent, from_b = b->sent;
    check(from_a > 300 && from_b > 300);
    world_deinit(&w);
    for (uint64_t after = 1; after <= from_a; after += step)
        cut_once(config, true, after);
    for (uint64_t after = 1; after <= from_b; after += step)
        cut_once(config, false, after);
}

static void noise_and_yamux_cut_after_every_byte(void **state) {
    (void)state;
    static const p2p_security *const NOISE[] = {&p2p_noise, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = NOISE;
    cut_everywhere(&config, 1);
}

static void tls_and_yamux_cut_after_every_eleventh_byte(void **state) {
    (void)state;
    static const p2p_security *const TLS[] = {&p2p_tls, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.security = TLS;
    cut_everywhere(&config, 11); /* its handshake costs ten times as much */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_and_yamux_cut_after_every_byte),
        cmocka_unit_test(tls_and_yamux_cut_after_every_eleventh_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
