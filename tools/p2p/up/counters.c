/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "counters.h"

#include <string.h>

static const char *ip_version(const p2p_multiaddr *addr) {
    return p2p_multiaddr_has(addr, P2P_IP4)   ? "ip4"
           : p2p_multiaddr_has(addr, P2P_IP6) ? "ip6"
                                              : "unknown";
}

/* The table is as large as the kinds this build can make; one more than that is not counted. */
static up_kind *kind_of(up_counters *c, const p2p_conn *conn) {
    up_kind wanted = {.outbound = p2p_conn_outbound(conn),
        .transport = p2p_conn_transport(conn),
        .security = p2p_conn_security(conn),
        .muxer = p2p_conn_muxer(conn),
        .ip_version = ip_version(p2p_conn_remote(conn))};
    for (size_t i = 0; i < c->kind_count; i++) {
        up_kind *k = &c->kinds[i];
        if (k->outbound == wanted.outbound && strcmp(k->transport, wanted.transport) == 0 &&
            strcmp(k->security, wanted.security) == 0 && strcmp(k->muxer, wanted.muxer) == 0 &&
            strcmp(k->ip_version, wanted.ip_version) == 0)
            return k;
    }
    if (c->kind_count == UP_KINDS_MAX)
        return NULL;
    c->kinds[c->kind_count] = wanted;
    return &c->kinds[c->kind_count++];
}

static void count_conn(up_counters *c, const p2p_event *event) {
    up_kind *k = kind_of(c, event->conn);
    p2p_conn_stats stats;
    if (event->type == P2P_EVENT_CONNECTED) {
        if (k != NULL)
            k->opened++;
        return;
    }
    if (k != NULL)
        k->closed++;
    p2p_conn_get_stats(event->conn, &stats);
    c->bytes_in += stats.bytes_in;
    c->bytes_out += stats.bytes_out;
}

void up_count_event(up_counters *c, const p2p_event *event) {
    size_t err = (size_t)event->reason.err < P2P_ERR_COUNT_ ? event->reason.err : P2P_ERR_INTERNAL;
    switch (event->type) {
    case P2P_EVENT_CONNECTED:
    case P2P_EVENT_DISCONNECTED:
        count_conn(c, event);
        break;
    case P2P_EVENT_DIALED:
        c->dialled++;
        break;
    case P2P_EVENT_DIAL_FAILED:
        c->dial_errors[err]++;
        break;
    case P2P_EVENT_INBOUND_FAILED:
        c->inbound_errors[err]++;
        break;
    case P2P_EVENT_IDENTIFIED:
        c->identified++;
        break;
    default:
        break;
    }
}

void up_count_bytes(const up_counters *c, const p2p_host *host, uint64_t *in, uint64_t *out) {
    *in = c->bytes_in;
    *out = c->bytes_out;
    for (p2p_conn *conn = NULL; (conn = p2p_host_next_conn(host, conn)) != NULL;) {
        p2p_conn_stats stats;
        p2p_conn_get_stats(conn, &stats);
        *in += stats.bytes_in;
        *out += stats.bytes_out;
    }
}
