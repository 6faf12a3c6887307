/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/swarm.h"

#include "base/bytes.h"
#include "base/mem.h"

static const p2p_transport_up UP = {
    .listening = p2p_swarm_listening,
    .listen_ended = p2p_swarm_listen_ended,
    .admit = p2p_swarm_admit,
    .inbound_ended = p2p_swarm_inbound_ended,
    .progress = p2p_swarm_dial_progress,
    .connected = p2p_swarm_transport_connected,
    .dial_failed = p2p_swarm_dial_failed,
};

static uint64_t random_seed(const p2p_env *env) {
    uint64_t seed;
    p2p_env_random(env, &seed, sizeof seed);
    return seed;
}

p2p_err p2p_swarm_init(p2p_swarm *swarm, p2p_env *env, const p2p_gater *gater,
    const p2p_transport_type *const *types) {
    *swarm = (p2p_swarm){.env = env, .gater = *gater};
    p2p_list_init(&swarm->listeners);
    p2p_list_init(&swarm->conns);
    p2p_list_init(&swarm->jobs);
    p2p_list_init(&swarm->events);
    p2p_map_init(&swarm->by_peer, env->mem, random_seed(env));
    p2p_map_init(&swarm->per_ip, env->mem, random_seed(env));
    p2p_peerstore_init(
        &swarm->peers, env->mem, random_seed(env), env->limits->peers, env->limits->addrs_per_peer);
    for (size_t i = 0; types[i] != NULL; i++) {
        if (swarm->transport_count == P2P_SWARM_TRANSPORTS_MAX)
            return P2P_ERR_LIMIT;
        p2p_err err = types[i]->start(&swarm->transports[swarm->transport_count], env, &UP, swarm);
        if (err != P2P_OK)
            return err;
        swarm->transport_count++;
    }
    return P2P_OK;
}

void p2p_swarm_close(p2p_swarm *swarm) {
    if (swarm->closing)
        return;
    p2p_swarm_cancel_all(swarm);
    swarm->closing = true;
    p2p_swarm_unlisten_all(swarm);
    p2p_swarm_conns_close(swarm, P2P_CODE_SHUTDOWN);
    p2p_swarm_check_stopped(swarm);
}

void p2p_swarm_deinit(p2p_swarm *swarm) {
    p2p_env *env = swarm->env;
    p2p_swarm_cancel_all(swarm);
    swarm->closing = true;
    p2p_swarm_unlisten_all(swarm);
    for (p2p_list *node = swarm->conns.next; node != &swarm->conns; node = node->next)
        p2p_conn_abort(P2P_CONTAINER(node, p2p_conn, node), P2P_CODE_SHUTDOWN);
    for (p2p_list *node; (node = p2p_list_pop(&env->ready)) != NULL;)
        p2p_stream_dispatch(p2p_stream_of_ready(node));
    p2p_env_free_dead(env);
    p2p_swarm_drop_events(swarm);
    for (p2p_list *node; (node = p2p_list_pop(&swarm->conns)) != NULL;) {
        p2p_conn *conn = P2P_CONTAINER(node, p2p_conn, node);
        p2p_mem_free(env->mem, conn->swarm, sizeof(p2p_swarm_conn));
        p2p_conn_bury(conn);
    }
    p2p_env_free_dead(env);
    while (swarm->transport_count > 0) {
        p2p_transport *transport = swarm->transports[--swarm->transport_count];
        transport->type->free(transport);
    }
    p2p_peerstore_deinit(&swarm->peers);
    p2p_map_deinit(&swarm->by_peer);
    p2p_map_deinit(&swarm->per_ip);
    p2p_mem_free(env->mem, swarm->protocols, swarm->protocol_count * sizeof swarm->protocols[0]);
}
