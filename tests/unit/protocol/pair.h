/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two connected hosts, b of which speaks a protocol as a test scripts it. */
#ifndef P2P_TEST_PAIR_H
#define P2P_TEST_PAIR_H

#include "sim/world.h"

typedef struct pair {
    world w;
    node *a, *b;
} pair;

/* What a scripted protocol does when its stream opens and when bytes come; NULL: nothing. */
typedef void (*pair_script)(p2p_stream *stream, void *self);

/* protocol NULL: b speaks nothing of its own. no_identify leaves identify's ids free. */
static inline void pair_start(pair *p, const p2p_protocol *protocol, void *self, bool no_identify) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.no_identify = no_identify;
    world_init(&p->w, 81);
    p->w.default_link.latency = 10 * P2P_MILLISECOND;
    p->a = world_add(&p->w, NULL);
    p->b = world_add(&p->w, &config);
    if (protocol != NULL)
        check_ok(p2p_host_add_protocol(p->b->host, protocol, self));
    world_listen(p->b, "/tcp/4001");
    world_dial(p->a, p->b);
    world_run(&p->w, P2P_SECOND);
    check(p->a->last_conn != NULL && p->b->last_conn != NULL);
}

static inline p2p_protocol pair_protocol(
    const char *const *ids, pair_script opened, pair_script readable) {
    return (p2p_protocol){.size = sizeof(p2p_protocol),
        .ids = ids,
        .inbound = true,
        .opened = opened,
        .readable = readable};
}

#endif
