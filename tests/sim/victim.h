/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the hostile scenarios share: a listening host with small limits, and a good peer that pings
 * it every second and must be answered whatever else goes on.
 */
#ifndef P2P_SIM_VICTIM_H
#define P2P_SIM_VICTIM_H

#include <p2p/ping.h>

#include "sim/world.h"

enum { VICTIM_BUFFERED = 2 * 1024 * 1024, VICTIM_PEAK = 12 * 1024 * 1024 };

typedef struct victim {
    world w;
    node *host, *good;
    p2p_ping *ping;
    size_t answers, missed;
    size_t inbound_failed, gone;
    p2p_err inbound_err; /* the latest */
    p2p_reason gone_why;
} victim;

static inline void victim_on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    victim *v = ctx;
    v->answers += err == P2P_OK && rtt < P2P_SECOND;
    v->missed += err != P2P_OK || rtt >= P2P_SECOND;
    v->ping = err == P2P_OK ? ping : NULL;
    if (err == P2P_OK)
        check_ok(p2p_host_set_timer(v->good->host, 1, p2p_host_now(v->good->host) + P2P_SECOND));
}

static inline void victim_good_event(node *self, const p2p_event *event) {
    victim *v = self->user;
    if (event->type == P2P_EVENT_CONNECTED)
        check_ok(p2p_ping_start(&v->ping, event->conn, 5 * P2P_SECOND, victim_on_ping, v));
    if (event->type == P2P_EVENT_TIMER && v->ping != NULL)
        p2p_ping_send(v->ping);
}

static inline void victim_event(node *self, const p2p_event *event) {
    victim *v = self->user;
    if (event->type == P2P_EVENT_INBOUND_FAILED) {
        v->inbound_failed++;
        v->inbound_err = event->reason.err;
        check(event->reason.text[0] != 0);
    }
    if (event->type == P2P_EVENT_DISCONNECTED) {
        v->gone++;
        v->gone_why = event->reason;
    }
}

static inline void victim_start(victim *v) {
    *v = (victim){0};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.buffered_bytes = VICTIM_BUFFERED;
    config.limits.pending_inbound = 256;
    config.limits.streams_inbound_per_conn = 128;
    config.limits.streams = 1000;
    config.limits.events = 1024;
    world_init(&v->w, 61);
    v->w.default_link.latency = 5 * P2P_MILLISECOND;
    v->host = world_add(&v->w, &config);
    v->good = world_add(&v->w, NULL);
    v->host->user = v->good->user = v;
    v->host->on_event = victim_event;
    v->good->on_event = victim_good_event;
    check_ok(p2p_host_add_protocol(v->host->host, &p2p_ping_protocol, NULL));
    world_listen(v->host, "/tcp/4001");
    world_dial(v->good, v->host);
    world_run(&v->w, 2 * P2P_SECOND);
    check(v->answers >= 1);
}

/* The good peer was served all the time, and memory stayed within bounds. */
static inline void victim_check(victim *v, size_t seconds) {
    check(v->missed == 0);
    check(v->answers + 3 >= seconds);
    check(v->good->disconnected == 0);
    if (v->host->mem.peak_bytes >= VICTIM_PEAK)
        fail_msg("the host needed %zu bytes", v->host->mem.peak_bytes);
}

static inline void victim_stop(victim *v) {
    size_t at_work = v->host->mem.live_bytes;
    check(at_work < VICTIM_PEAK);
    world_deinit(&v->w);
}

#endif
