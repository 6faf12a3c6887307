/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sim/two_hosts.h"

void two_hosts_start(
    world *w, node **a, node **b, const p2p_config *config, const link *path, const char *tail) {
    world_init(w, 7);
    *a = world_add(w, config);
    *b = world_add(w, config);
    world_link(w, *a, *b, path);
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_ping_protocol, NULL));
    check_ok(p2p_host_add_protocol((*b)->host, &p2p_perf_protocol, NULL));
    world_listen(*b, tail);
}

void two_hosts_check_connected(const node *a, const node *b) {
    if (a->connected != 1 || b->connected != 1)
        fail_msg("a: %zu %s, b: %zu %s", a->disconnected, a->last_reason.text, b->disconnected,
            b->last_reason.text);
    check(p2p_peer_id_equal(p2p_conn_peer(a->last_conn), p2p_host_peer(b->host)));
    check(p2p_peer_id_equal(p2p_conn_peer(b->last_conn), p2p_host_peer(a->host)));
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    pings *p = ctx;
    p->err = err;
    if (err != P2P_OK)
        return;
    p->rtt = rtt;
    if (++p->answers < 5)
        p2p_ping_send(ping);
    else
        p2p_ping_stop(ping);
}

void five_pings(p2p_conn *conn, pings *p) {
    p2p_ping *ping;
    check_ok(p2p_ping_start(&ping, conn, P2P_SECOND, on_ping, p));
}
