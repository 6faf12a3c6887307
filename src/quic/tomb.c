/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is left of a closed connection (RFC 9000 §10.2): its connection ids, and the packet that
 * closed it. Packets that were under way are answered with that, each time after twice as many, so
 * that two ends in this state do not keep each other busy; nobody takes them for strangers and
 * sends a stateless reset. All of it is a few hundred bytes, for three seconds, in a bounded
 * number.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "quic/endpoint.h"

enum { CIDS_MAX = 16, PACKET_MAX = 256 };

struct p2p_quic_tomb {
    p2p_quic_route route;
    p2p_quic_endpoint *endpoint;
    p2p_list node;
    p2p_udp_user user; /* keeps the socket, so that the last packet can still go out */
    p2p_time until;
    uint64_t initial_key; /* 0: none */
    uint64_t keys[CIDS_MAX];
    size_t key_count;
    uint32_t seen, next_answer;
    size_t len;
    uint8_t packet[];
};

static void forget(p2p_quic_tomb *tomb) {
    p2p_quic_endpoint *endpoint = tomb->endpoint;
    for (size_t i = 0; i < tomb->key_count; i++)
        if (p2p_map_get(&endpoint->cids, tomb->keys[i]) == &tomb->route)
            p2p_map_remove(&endpoint->cids, tomb->keys[i]);
    if (p2p_map_get(&endpoint->initials, tomb->initial_key) == &tomb->route)
        p2p_map_remove(&endpoint->initials, tomb->initial_key);
    p2p_list_remove(&tomb->node);
    p2p_udp_release(&tomb->user);
    endpoint->counters.closed_kept--;
    p2p_mem_free(endpoint->env->mem, tomb, sizeof *tomb + tomb->len);
}

static p2p_quic_tomb *oldest(p2p_quic_endpoint *endpoint) {
    return p2p_list_empty(&endpoint->tombs)
               ? NULL
               : P2P_CONTAINER(endpoint->tombs.next, p2p_quic_tomb, node);
}

static void arm(p2p_quic_endpoint *endpoint) {
    p2p_quic_tomb *first = oldest(endpoint);
    p2p_timer_set(
        &endpoint->env->timers, &endpoint->tombs_timer, first == NULL ? P2P_NEVER : first->until);
}

void p2p_quic_tomb_fire(p2p_timer *timer, p2p_time now) {
    p2p_quic_endpoint *endpoint = P2P_CONTAINER(timer, p2p_quic_endpoint, tombs_timer);
    for (p2p_quic_tomb *tomb; (tomb = oldest(endpoint)) != NULL && tomb->until <= now;)
        forget(tomb);
    arm(endpoint);
}

void p2p_quic_tombs_clear(p2p_quic_endpoint *endpoint) {
    for (p2p_quic_tomb *tomb; (tomb = oldest(endpoint)) != NULL;)
        forget(tomb);
}

static void sock_opened(p2p_udp_user *user) {
    (void)user;
}

static void sock_closed(p2p_udp_user *user, p2p_err err) {
    (void)err;
    forget(P2P_CONTAINER(user, p2p_quic_tomb, user));
}

void p2p_quic_bury(p2p_quic_endpoint *endpoint, p2p_udp_sock *sock, const ngtcp2_cid *cids,
    size_t cid_count, uint64_t initial_key, p2p_bytes packet) {
    p2p_env *env = endpoint->env;
    size_t len = packet.len <= PACKET_MAX ? packet.len : 0;
    p2p_quic_tomb *first = oldest(endpoint);
    if (first != NULL && endpoint->counters.closed_kept >= P2P_QUIC_TOMBS_MAX)
        forget(first);
    p2p_quic_tomb *tomb = p2p_mem_alloc(env->mem, sizeof *tomb + len);
    if (tomb == NULL)
        return;
    tomb->route.tomb = true;
    tomb->endpoint = endpoint;
    tomb->user.opened = sock_opened;
    tomb->user.closed = sock_closed;
    p2p_udp_share(sock, &tomb->user);
    tomb->until = env->now + P2P_QUIC_TOMB_LIFE;
    tomb->next_answer = 1;
    tomb->len = len;
    p2p_copy(tomb->packet, packet.ptr, len);
    for (size_t i = 0; i < cid_count && tomb->key_count < CIDS_MAX; i++) {
        uint64_t key = p2p_quic_cid_key(cids[i].data);
        if (cids[i].datalen == P2P_QUIC_CID_LEN &&
            p2p_map_put(&endpoint->cids, key, &tomb->route) == P2P_OK)
            tomb->keys[tomb->key_count++] = key;
    }
    if (initial_key != 0 && p2p_map_put(&endpoint->initials, initial_key, &tomb->route) == P2P_OK)
        tomb->initial_key = initial_key;
    p2p_list_push(&endpoint->tombs, &tomb->node);
    endpoint->counters.closed_kept++;
    arm(endpoint);
}

void p2p_quic_tomb_answer(
    p2p_quic_endpoint *endpoint, p2p_quic_route *route, const p2p_quic_arrival *in) {
    p2p_quic_tomb *tomb = P2P_CONTAINER(route, p2p_quic_tomb, route);
    (void)endpoint;
    if (tomb->len == 0 || ++tomb->seen < tomb->next_answer)
        return;
    tomb->seen = 0;
    tomb->next_answer *= 2;
    /* Never more bytes than came: the sender's address is not proven. */
    if (in->len < tomb->len)
        return;
    p2p_err lost = p2p_udp_send(
        in->sock, &in->from->remote, &in->from->local, p2p_bytes_of(tomb->packet, tomb->len));
    (void)lost;
}
