/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Connections: who may come in, how many, and how they go. Nothing deduplicates connections to one
 * peer: closing "the second one" from both ends at once would lose both (no other implementation
 * does it either).
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "swarm/swarm.h"

/* --- counting per address --- */

/* IPv4 addresses count one by one, IPv6 by /56: what one subscriber usually has. */
static uint64_t ip_key(const p2p_swarm *swarm, const p2p_sockaddr *addr) {
    if (addr->family != 4 && addr->family != 6)
        return 0;
    return p2p_hash_bytes(swarm->per_ip.seed, p2p_bytes_of(addr->ip, addr->family == 4 ? 4 : 7)) |
           1;
}

static size_t ip_count(const p2p_swarm *swarm, uint64_t key) {
    return (size_t)(uintptr_t)p2p_map_get(&swarm->per_ip, key);
}

static bool ip_add(p2p_swarm *swarm, uint64_t key) {
    if (key == 0)
        return true;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the map keeps a number */
    return p2p_map_put(&swarm->per_ip, key, (void *)(uintptr_t)(ip_count(swarm, key) + 1)) ==
           P2P_OK;
}

static void ip_remove(p2p_swarm *swarm, uint64_t key) {
    if (key == 0)
        return;
    size_t count = ip_count(swarm, key);
    if (count <= 1)
        p2p_map_remove(&swarm->per_ip, key);
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the map keeps a number */
    else if (p2p_map_put(&swarm->per_ip, key, (void *)(uintptr_t)(count - 1)) != P2P_OK)
        return; /* cannot be: the entry exists */
}

/* --- coming in --- */

bool p2p_swarm_admit(void *ctx, const p2p_sockaddr *remote, const p2p_multiaddr *addr) {
    p2p_swarm *swarm = ctx;
    const p2p_limits *limits = swarm->env->limits;
    uint64_t key = ip_key(swarm, remote);
    if (swarm->closing || swarm->conn_count + swarm->pending_inbound >= limits->conns ||
        swarm->inbound_count + swarm->pending_inbound >= limits->conns_inbound ||
        swarm->pending_inbound >= limits->pending_inbound)
        return false;
    if (key != 0 && ip_count(swarm, key) >= limits->conns_per_ip)
        return false;
    if (swarm->gater.accept != NULL && !swarm->gater.accept(swarm->gater.ctx, addr))
        return false;
    if (!ip_add(swarm, key))
        return false;
    swarm->pending_inbound++;
    return true;
}

void p2p_swarm_inbound_ended(void *ctx, const p2p_sockaddr *remote, const p2p_multiaddr *addr,
    p2p_err err, const char *text) {
    p2p_swarm *swarm = ctx;
    swarm->pending_inbound--;
    ip_remove(swarm, ip_key(swarm, remote));
    if (err == P2P_OK)
        return;
    p2p_reason reason = p2p_reason_of(err, "%s", text);
    P2P_LOG(swarm->env->log, P2P_LOG_DEBUG, "swarm", 0, swarm->env->now,
        "inbound connection failed: %s", text);
    p2p_swarm_event(swarm, P2P_EVENT_INBOUND_FAILED, NULL, 0, addr, &reason);
}

/* --- the life of a connection --- */

static size_t count_to_peer(const p2p_swarm *swarm, const p2p_peer_id *peer) {
    size_t count = 0;
    const p2p_peer_link *link =
        p2p_peer_index_first(&swarm->by_peer, p2p_peer_index_key(&swarm->by_peer, peer));
    for (; link != NULL; link = link->next)
        count += p2p_peer_id_equal(&link->conn->peer, peer);
    return count;
}

static p2p_err judge(p2p_swarm *swarm, const p2p_conn *conn) {
    const p2p_limits *limits = swarm->env->limits;
    if (swarm->closing)
        return P2P_ERR_SHUTDOWN;
    if (swarm->gater.secured != NULL &&
        !swarm->gater.secured(swarm->gater.ctx, conn->outbound, &conn->peer, &conn->remote))
        return P2P_ERR_GATED;
    if (swarm->conn_count >= limits->conns ||
        count_to_peer(swarm, &conn->peer) >= limits->conns_per_peer)
        return P2P_ERR_LIMIT;
    return P2P_OK;
}

static uint32_t code_for(p2p_err err) {
    if (err == P2P_ERR_GATED)
        return P2P_CODE_GATED;
    return err == P2P_ERR_SHUTDOWN ? P2P_CODE_SHUTDOWN : P2P_CODE_RESOURCE_LIMIT_EXCEEDED;
}

/* NULL: no memory. */
static p2p_swarm_conn *new_own(p2p_swarm *swarm, p2p_conn *conn) {
    const p2p_mem *mem = swarm->env->mem;
    p2p_swarm_conn *own = p2p_mem_alloc(mem, sizeof *own);
    uint64_t key = p2p_peer_index_key(&swarm->by_peer, &conn->peer);
    if (own != NULL && p2p_peer_index_add(&swarm->by_peer, &own->by_peer, conn, key) == P2P_OK)
        return own;
    p2p_mem_free(mem, own, sizeof *own);
    return NULL;
}

p2p_err p2p_swarm_connected(
    p2p_swarm *swarm, const p2p_sockaddr *remote, p2p_conn *conn, bool inbound) {
    uint64_t key = inbound ? ip_key(swarm, remote) : 0;
    if (inbound)
        swarm->pending_inbound--;
    p2p_err err = judge(swarm, conn);
    p2p_swarm_conn *own = err == P2P_OK ? new_own(swarm, conn) : NULL;
    if (own == NULL) {
        err = err == P2P_OK ? P2P_ERR_NO_MEMORY : err;
        ip_remove(swarm, key);
        if (inbound) {
            p2p_reason reason = p2p_reason_of(err, "%s", p2p_err_text(err));
            p2p_swarm_event(swarm, P2P_EVENT_INBOUND_FAILED, NULL, 0, &conn->remote, &reason);
        }
        p2p_conn_abort(conn, code_for(err));
        p2p_conn_bury(conn);
        return err;
    }
    own->swarm = swarm;
    own->ip_key = key;
    own->inbound = inbound;
    own->connected =
        (p2p_queued_event){.type = P2P_EVENT_CONNECTED, .conn = conn, .embedded = true};
    own->disconnected =
        (p2p_queued_event){.type = P2P_EVENT_DISCONNECTED, .conn = conn, .embedded = true};
    conn->swarm = own;
    conn->events = &p2p_swarm_conn_events;
    conn->opened = swarm->env->now;
    p2p_list_push(&swarm->conns, &conn->node);
    swarm->conn_count++;
    swarm->inbound_count += inbound;
    p2p_swarm_queue(swarm, &own->connected);
    /* Without streams it is idle from the start. */
    p2p_conn_stream_came(conn, false);
    p2p_conn_stream_gone(conn, false);
    return P2P_OK;
}

static void ended(p2p_conn *conn, const p2p_reason *reason) {
    p2p_swarm_conn *own = conn->swarm;
    p2p_swarm *swarm = own->swarm;
    swarm->conn_count--;
    swarm->inbound_count -= own->inbound;
    p2p_peer_index_remove(&swarm->by_peer, &own->by_peer);
    ip_remove(swarm, own->ip_key);
    own->disconnected.err = reason->err;
    own->disconnected.reason =
        (p2p_reason *)(void *)p2p_mem_copy(swarm->env->mem, p2p_bytes_of(reason, sizeof *reason));
    p2p_swarm_queue(swarm, &own->disconnected);
    p2p_swarm_check_stopped(swarm);
}

static const p2p_protocol *find_protocol(p2p_conn *conn, p2p_bytes id, void **self) {
    const p2p_swarm_conn *own = conn->swarm;
    const p2p_registered *found = p2p_swarm_find_protocol(own->swarm, id);
    if (found == NULL || !found->protocol->inbound)
        return NULL;
    *self = found->self;
    return found->protocol;
}

const p2p_conn_events p2p_swarm_conn_events = {ended, find_protocol};

static bool better(const p2p_conn *a, const p2p_conn *b) {
    if (a->limited != b->limited)
        return !a->limited;
    return a->inbound_streams + a->outbound_streams > b->inbound_streams + b->outbound_streams;
}

p2p_conn *p2p_swarm_find_conn(const p2p_swarm *swarm, const p2p_peer_id *peer) {
    p2p_conn *best = NULL;
    const p2p_peer_link *link =
        p2p_peer_index_first(&swarm->by_peer, p2p_peer_index_key(&swarm->by_peer, peer));
    for (; link != NULL; link = link->next)
        if (link->conn->state == P2P_CONN_OPEN && p2p_peer_id_equal(&link->conn->peer, peer) &&
            (best == NULL || better(link->conn, best)))
            best = link->conn;
    return best;
}

void p2p_swarm_conns_close(p2p_swarm *swarm, uint32_t code) {
    for (p2p_list *node = swarm->conns.next, *next; node != &swarm->conns; node = next) {
        next = node->next; /* closing may end it, but nothing is freed before the end of the turn */
        p2p_conn_close(P2P_CONTAINER(node, p2p_conn, node), code);
    }
}

/* STOPPED comes behind the last DISCONNECTED. */
void p2p_swarm_check_stopped(p2p_swarm *swarm) {
    if (!swarm->closing || swarm->stopped || swarm->conn_count > 0)
        return;
    swarm->stopped = true;
    swarm->stopped_event = (p2p_queued_event){.type = P2P_EVENT_STOPPED, .embedded = true};
    p2p_swarm_queue(swarm, &swarm->stopped_event);
}
