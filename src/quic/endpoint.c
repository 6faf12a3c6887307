/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The endpoint: routes datagrams to connections by connection id (RFC 9000 §5.2) and admits new
 * ones. Our ids have a fixed length, so a table of 64-bit numbers finds them; a client's first
 * packets carry an id of its own choice and are found by a keyed hash of that and its address.
 *
 * Nothing is allocated for a client before the application admitted it. When many handshakes are
 * under way, clients must first prove that they receive at their address (Retry).
 */
#include "quic/endpoint.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "quic/connection.h"

enum { RETRY_ABOVE = 64 };

uint64_t p2p_quic_cid_key(const uint8_t cid[P2P_QUIC_CID_LEN]) {
    return p2p_load64(cid);
}

uint64_t p2p_quic_initial_key(
    const p2p_quic_endpoint *endpoint, p2p_bytes dcid, const p2p_sockaddr *remote) {
    uint64_t hash = p2p_hash_bytes(endpoint->seed, dcid);
    hash = p2p_hash_bytes(hash ^ remote->port, p2p_bytes_of(remote->ip, sizeof remote->ip));
    return hash == 0 ? 1 : hash; /* 0 says: none */
}

const p2p_quic_listener *p2p_quic_find_listener(
    const p2p_quic_endpoint *endpoint, const p2p_udp_sock *sock, const char *alpn) {
    const p2p_list *all = &endpoint->listeners;
    for (const p2p_list *node = all->next; node != all; node = node->next) {
        const p2p_quic_listener *listener = P2P_CONTAINER(node, p2p_quic_listener, node);
        if (listener->sock == sock && (alpn == NULL || strcmp(listener->app->alpn, alpn) == 0))
            return listener;
    }
    return NULL;
}

/* --- datagrams --- */

/* A client's first packet: make a connection of it, or answer without one. */
static void initial(p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in) {
    p2p_env *env = endpoint->env;
    const p2p_quic_listener *listener = p2p_quic_find_listener(endpoint, in->sock, NULL);
    ngtcp2_pkt_hd hd;
    ngtcp2_cid original;
    if (listener == NULL || ngtcp2_accept(&hd, in->data, in->len) != 0 ||
        hd.version != NGTCP2_PROTO_VER_V1) {
        endpoint->counters.dropped++;
        return;
    }
    p2p_err token = p2p_quic_check_token(endpoint, &original, in, &hd);
    if (token == P2P_ERR_BAD_SIGNATURE) {
        p2p_quic_send_refusal(endpoint, in, &hd, NGTCP2_INVALID_TOKEN);
        return;
    }
    if (endpoint->counters.half_open >= env->limits->pending_inbound) {
        endpoint->counters.dropped++;
        return;
    }
    if (token != P2P_OK && endpoint->counters.half_open >= endpoint->retry_above) {
        p2p_quic_send_retry(endpoint, in, &hd);
        return;
    }
    if (!listener->app->admit(listener->ctx, &in->from->remote)) {
        endpoint->counters.refused++;
        return;
    }
    p2p_quic_conn_accept(endpoint, listener, in, &hd, token == P2P_OK ? &original : NULL);
}

static p2p_quic_route *find_route(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen) {
    p2p_quic_route *route = NULL;
    if (seen->dcidlen == P2P_QUIC_CID_LEN)
        route = p2p_map_get(&endpoint->cids, p2p_quic_cid_key(seen->dcid));
    if (route == NULL && seen->version != 0)
        route = p2p_map_get(
            &endpoint->initials, p2p_quic_initial_key(endpoint,
                                     p2p_bytes_of(seen->dcid, seen->dcidlen), &in->from->remote));
    return route;
}

/* A short header with an id that nobody has: the peer lost its state, or this side did. */
static void stray(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen) {
    if (in->len >= NGTCP2_STATELESS_RESET_TOKENLEN) {
        const uint8_t *token = in->data + in->len - NGTCP2_STATELESS_RESET_TOKENLEN;
        p2p_quic_conn *conn = p2p_map_get(&endpoint->resets, p2p_load64(token));
        if (conn != NULL) {
            p2p_quic_conn_datagram(conn, in);
            return;
        }
    }
    p2p_quic_send_reset(endpoint, in, seen);
}

static bool datagram_in(p2p_udp_consumer *consumer, p2p_udp_sock *sock, uint8_t *data, size_t len,
    const p2p_input *from) {
    p2p_quic_endpoint *endpoint = P2P_CONTAINER(consumer, p2p_quic_endpoint, consumer);
    p2p_quic_arrival in = {sock, data, len, from};
    ngtcp2_version_cid seen;
    int rv = ngtcp2_pkt_decode_version_cid(&seen, data, len, P2P_QUIC_CID_LEN);
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION) {
        if (p2p_quic_find_listener(endpoint, sock, NULL) != NULL)
            p2p_quic_send_versions(endpoint, &in, &seen);
        return true;
    }
    if (rv != 0) {
        endpoint->counters.dropped++;
        return true;
    }
    p2p_quic_route *route = find_route(endpoint, &in, &seen);
    if (route != NULL && route->tomb)
        p2p_quic_tomb_answer(endpoint, route, &in);
    else if (route != NULL)
        p2p_quic_conn_datagram(P2P_CONTAINER(route, p2p_quic_conn, route), &in);
    else if ((data[0] & 0x80) == 0)
        stray(endpoint, &in, &seen);
    else if (seen.version == NGTCP2_PROTO_VER_V1)
        initial(endpoint, &in);
    else if (seen.version != 0 && len >= NGTCP2_MAX_UDP_PAYLOAD_SIZE &&
             p2p_quic_find_listener(endpoint, sock, NULL) != NULL)
        p2p_quic_send_versions(endpoint, &in, &seen);
    else
        endpoint->counters.dropped++;
    return true;
}

/* The machine's own addresses have changed. */
static void interfaces(p2p_watcher *watcher, const p2p_sockaddr *addrs, size_t count) {
    p2p_quic_endpoint *endpoint = P2P_CONTAINER(watcher, p2p_quic_endpoint, watcher);
    for (p2p_list *node = endpoint->conns.next; node != &endpoint->conns; node = node->next)
        p2p_quic_conn_interfaces(P2P_CONTAINER(node, p2p_quic_conn, node), addrs, count);
}

/* --- life --- */

static void free_endpoint(p2p_udp_consumer *consumer) {
    p2p_quic_endpoint *endpoint = P2P_CONTAINER(consumer, p2p_quic_endpoint, consumer);
    p2p_env *env = endpoint->env;
    p2p_quic_conns_clear(endpoint);
    p2p_quic_tombs_clear(endpoint);
    p2p_map_deinit(&endpoint->cids);
    p2p_map_deinit(&endpoint->initials);
    p2p_map_deinit(&endpoint->resets);
    p2p_list_remove(&endpoint->watcher.node);
    p2p_quic_tls_context_free(endpoint->tls);
    p2p_timers_forget(&env->timers, &endpoint->tombs_timer);
    p2p_wipe(endpoint->reset_key, sizeof endpoint->reset_key);
    p2p_wipe(endpoint->token_key, sizeof endpoint->token_key);
    p2p_mem_free(env->mem, endpoint, sizeof *endpoint);
}

static p2p_err new_endpoint(p2p_quic_endpoint **out, p2p_env *env, p2p_udp *udp) {
    p2p_quic_endpoint *endpoint = p2p_mem_alloc(env->mem, sizeof *endpoint);
    if (endpoint == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_quic_tls_context_new(&endpoint->tls, env->mem);
    if (err == P2P_OK)
        err = p2p_timers_expect(&env->timers, &endpoint->tombs_timer, p2p_quic_tomb_fire);
    if (err != P2P_OK) {
        p2p_quic_tls_context_free(endpoint->tls);
        p2p_mem_free(env->mem, endpoint, sizeof *endpoint);
        return err;
    }
    endpoint->env = env;
    endpoint->udp = udp;
    endpoint->retry_above = RETRY_ABOVE;
    p2p_quic_memory(&endpoint->mem, env->mem);
    p2p_list_init(&endpoint->listeners);
    p2p_list_init(&endpoint->conns);
    p2p_list_init(&endpoint->tombs);
    p2p_env_random(env, &endpoint->seed, sizeof endpoint->seed);
    p2p_map_init(&endpoint->cids, env->mem, endpoint->seed);
    p2p_map_init(&endpoint->initials, env->mem, endpoint->seed);
    p2p_map_init(&endpoint->resets, env->mem, endpoint->seed);
    p2p_quic_init_keys(endpoint);
    endpoint->consumer.kinds = P2P_UDP_QUIC;
    endpoint->consumer.datagram = datagram_in;
    endpoint->consumer.free = free_endpoint;
    p2p_udp_add_consumer(udp, &endpoint->consumer);
    endpoint->watcher.interfaces = interfaces;
    p2p_list_push(&env->watchers, &endpoint->watcher.node);
    *out = endpoint;
    return P2P_OK;
}

p2p_err p2p_quic_endpoint_get(p2p_quic_endpoint **out, p2p_env *env) {
    p2p_udp *udp;
    *out = NULL;
    p2p_err err = p2p_udp_get(&udp, env);
    if (err != P2P_OK)
        return err;
    p2p_udp_consumer *consumer = p2p_udp_find_consumer(udp, datagram_in);
    if (consumer != NULL)
        *out = P2P_CONTAINER(consumer, p2p_quic_endpoint, consumer);
    else
        err = new_endpoint(out, env, udp);
    return err;
}

p2p_udp *p2p_quic_endpoint_udp(const p2p_quic_endpoint *endpoint) {
    return endpoint->udp;
}

void p2p_quic_listen(p2p_quic_endpoint *endpoint, p2p_quic_listener *listener) {
    p2p_list_push(&endpoint->listeners, &listener->node);
}

void p2p_quic_unlisten(p2p_quic_listener *listener) {
    p2p_list_remove(&listener->node);
}

void p2p_quic_get_counters(const p2p_quic_endpoint *endpoint, p2p_quic_counters *counters) {
    *counters = endpoint->counters;
}

void p2p_quic_set_retry_above(p2p_quic_endpoint *endpoint, size_t half_open) {
    endpoint->retry_above = half_open;
}
