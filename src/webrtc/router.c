/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two maps: (socket, own ufrag) and (socket, remote address) to a target. Keys are seeded hashes; a
 * collision costs a connection attempt and nothing else, because ICE checks every USERNAME and
 * MESSAGE-INTEGRITY again and DTLS every record.
 *
 * A stranger's request costs a look at the maps, a token of its network, and one HMAC; only then is
 * a door asked (specs/webrtc/webrtc-direct.md, which wants amplification and floods bounded).
 */
#include "webrtc/router.h"

#include "base/bytes.h"
#include "base/map.h"
#include "base/mem.h"
#include "webrtc/stun_server.h"

typedef struct address {
    p2p_list node; /* target->addresses, the one used longest ago first */
    uint64_t key;
    p2p_webrtc_target *target;
} address;

struct p2p_webrtc_router {
    p2p_udp_consumer consumer;
    p2p_env *env;
    p2p_udp *udp;
    p2p_list doors;
    p2p_map names;     /* to p2p_webrtc_target */
    p2p_map addresses; /* to address */
    /* Where the latest datagram came from, for the next mostly comes from there, too. */
    const p2p_udp_sock *latest_sock;
    p2p_sockaddr latest_from;
    p2p_webrtc_target *latest; /* NULL: look it up */
    uint64_t seed;
    p2p_stun_limiter *limiter;
    p2p_webrtc_counters counters;
};

/* Requests of strangers, with credentials or without, from one network: an office full of browsers
 * may reconnect at once, a flood may not cost much. */
static const p2p_stun_limiter_config LIMITS = {.per_second = 200, .burst = 500, .networks = 1024};

/* --- keys --- */

static uint64_t key_of(const p2p_webrtc_router *router, const p2p_udp_sock *sock, p2p_bytes what) {
    uint64_t seed = router->seed ^ (uint64_t)(uintptr_t)sock;
    return p2p_hash_bytes(seed, what);
}

static uint64_t address_key(
    const p2p_webrtc_router *router, const p2p_udp_sock *sock, const p2p_sockaddr *from) {
    uint8_t text[1 + 16 + 2 + 4] = {from->family};
    p2p_copy(text + 1, from->ip, from->family == 6 ? 16 : 4);
    p2p_store16(text + 17, from->port);
    p2p_store32(text + 19, from->scope);
    return key_of(router, sock, p2p_bytes_of(text, sizeof text));
}

/* --- targets --- */

p2p_err p2p_webrtc_join(p2p_webrtc_router *router, p2p_webrtc_target *target,
    const p2p_udp_sock *sock, p2p_bytes ufrag) {
    uint64_t name = key_of(router, sock, ufrag);
    if (p2p_map_get(&router->names, name) != NULL)
        return P2P_ERR_EXISTS;
    p2p_err err = p2p_map_put(&router->names, name, target);
    if (err != P2P_OK)
        return err;
    target->router = router;
    target->sock = sock;
    target->name = name;
    target->address_count = 0;
    p2p_list_init(&target->addresses);
    router->counters.targets++;
    return P2P_OK;
}

static void drop_address(p2p_webrtc_router *router, address *known) {
    router->latest = NULL;
    p2p_map_remove(&router->addresses, known->key);
    p2p_list_remove(&known->node);
    known->target->address_count--;
    router->counters.addresses--;
    p2p_mem_free(router->env->mem, known, sizeof *known);
}

p2p_err p2p_webrtc_expect(p2p_webrtc_target *target, const p2p_sockaddr *from) {
    p2p_webrtc_router *router = target->router;
    uint64_t key = address_key(router, target->sock, from);
    address *known = p2p_map_get(&router->addresses, key);
    if (known != NULL && known->target == target) {
        p2p_list_remove(&known->node); /* to the end of the list */
        p2p_list_push(&target->addresses, &known->node);
        return P2P_OK;
    }
    if (known != NULL)
        drop_address(router, known);
    if (target->address_count == P2P_WEBRTC_ADDRESSES_MAX)
        drop_address(router, P2P_CONTAINER(target->addresses.next, address, node));
    known = p2p_mem_alloc(router->env->mem, sizeof *known);
    if (known == NULL)
        return P2P_ERR_NO_MEMORY;
    known->key = key;
    known->target = target;
    p2p_err err = p2p_map_put(&router->addresses, key, known);
    if (err != P2P_OK) {
        p2p_mem_free(router->env->mem, known, sizeof *known);
        return err;
    }
    p2p_list_push(&target->addresses, &known->node);
    target->address_count++;
    router->counters.addresses++;
    return P2P_OK;
}

void p2p_webrtc_leave(p2p_webrtc_target *target) {
    p2p_webrtc_router *router = target->router;
    if (router == NULL)
        return;
    while (!p2p_list_empty(&target->addresses))
        drop_address(router, P2P_CONTAINER(target->addresses.next, address, node));
    p2p_map_remove(&router->names, target->name);
    router->counters.targets--;
    target->router = NULL;
}

static p2p_webrtc_target *by_address(
    p2p_webrtc_router *router, const p2p_udp_sock *sock, const p2p_input *from) {
    if (router->latest != NULL && router->latest_sock == sock &&
        p2p_sockaddr_equal(&router->latest_from, &from->remote))
        return router->latest;
    const address *known =
        p2p_map_get(&router->addresses, address_key(router, sock, &from->remote));
    if (known == NULL)
        return NULL;
    router->latest_sock = sock;
    router->latest_from = from->remote;
    return router->latest = known->target;
}

/* --- doors --- */

void p2p_webrtc_open_door(p2p_webrtc_router *router, p2p_webrtc_door *door) {
    p2p_list_push(&router->doors, &door->node);
}

void p2p_webrtc_close_door(p2p_webrtc_door *door) {
    p2p_list_remove(&door->node);
}

static p2p_webrtc_door *door_of(const p2p_webrtc_router *router, const p2p_udp_sock *sock) {
    for (p2p_list *node = router->doors.next; node != &router->doors; node = node->next) {
        p2p_webrtc_door *door = P2P_CONTAINER(node, p2p_webrtc_door, node);
        if (door->sock == sock)
            return door;
    }
    return NULL;
}

static void answer(
    p2p_webrtc_router *router, p2p_udp_sock *sock, p2p_bytes request, const p2p_input *from) {
    uint8_t text[P2P_UDP_LOOSE_LEN_MAX];
    size_t len;
    if (router->env->no_stun_server ||
        p2p_stun_respond(text, sizeof text, &len, request, &from->remote) != P2P_OK)
        return;
    if (p2p_udp_send(sock, &from->remote, &from->local, p2p_bytes_of(text, len)) == P2P_OK)
        router->counters.stun_answers++;
}

/* A request that no target knows. */
static p2p_webrtc_target *stranger(p2p_webrtc_router *router, p2p_udp_sock *sock,
    const p2p_stun_msg *request, const p2p_input *from) {
    p2p_ice_credentials credentials;
    int version;
    p2p_webrtc_door *door = door_of(router, sock);
    if (door == NULL)
        return NULL;
    if (!p2p_stun_limiter_allows(router->limiter, &from->remote, router->env->now)) {
        router->counters.limited++;
        return NULL;
    }
    if (request->username.len == 0) {
        answer(router, sock, request->packet, from);
        return NULL;
    }
    if (p2p_ice_direct_check(&credentials, &version, request) != P2P_OK) {
        router->counters.refused++;
        return NULL;
    }
    /* cppcheck-suppress returnDanglingLifetime; what is returned is the door's own */
    return door->knock(door, &credentials, from);
}

/* --- datagrams --- */

/* USERNAME is "receiver:sender". */
static p2p_webrtc_target *by_username(
    const p2p_webrtc_router *router, const p2p_udp_sock *sock, p2p_bytes username) {
    const uint8_t *colon = username.len > 0 ? memchr(username.ptr, ':', username.len) : NULL;
    if (colon == NULL)
        return NULL;
    p2p_bytes ufrag = {username.ptr, (size_t)(colon - username.ptr)};
    return p2p_map_get(&router->names, key_of(router, sock, ufrag));
}

/* False: an answer to a question that was not asked here. */
static bool stun(
    p2p_webrtc_router *router, p2p_udp_sock *sock, p2p_bytes packet, const p2p_input *from) {
    p2p_stun_msg msg;
    p2p_webrtc_target *target;
    if (!p2p_stun_is(packet) || p2p_stun_parse(&msg, packet) != P2P_OK)
        return true;
    bool request = msg.class == P2P_STUN_REQUEST;
    target = request ? by_username(router, sock, msg.username) : by_address(router, sock, from);
    if (request && target == NULL)
        target = stranger(router, sock, &msg, from);
    if (target == NULL)
        return request;
    if (!target->stun(target, packet, from))
        return request;
    if (target->router == NULL)
        return true;
    /* Without memory the address stays unknown until the next check from there. */
    p2p_err err = p2p_webrtc_expect(target, &from->remote);
    (void)err;
    return true;
}

static bool datagram(p2p_udp_consumer *consumer, p2p_udp_sock *sock, uint8_t *data, size_t len,
    const p2p_input *from) {
    p2p_webrtc_router *router = P2P_CONTAINER(consumer, p2p_webrtc_router, consumer);
    if (p2p_udp_kind_of(data[0]) == P2P_UDP_STUN)
        return stun(router, sock, p2p_bytes_of(data, len), from);
    p2p_webrtc_target *target = by_address(router, sock, from);
    if (target == NULL)
        router->counters.strays++;
    else
        target->dtls(target, data, len, from);
    return true;
}

/* --- life --- */

static void free_router(p2p_udp_consumer *consumer) {
    p2p_webrtc_router *router = P2P_CONTAINER(consumer, p2p_webrtc_router, consumer);
    p2p_map_deinit(&router->names);
    p2p_map_deinit(&router->addresses);
    p2p_stun_limiter_free(router->limiter);
    p2p_mem_free(router->env->mem, router, sizeof *router);
}

p2p_err p2p_webrtc_router_get(p2p_webrtc_router **out, p2p_env *env) {
    p2p_udp *udp;
    *out = NULL;
    p2p_err err = p2p_udp_get(&udp, env);
    if (err != P2P_OK)
        return err;
    p2p_udp_consumer *known = p2p_udp_find_consumer(udp, datagram);
    if (known != NULL) {
        *out = P2P_CONTAINER(known, p2p_webrtc_router, consumer);
        return P2P_OK;
    }
    p2p_webrtc_router *router = p2p_mem_alloc(env->mem, sizeof *router);
    if (router == NULL)
        return P2P_ERR_NO_MEMORY;
    router->env = env;
    router->udp = udp;
    p2p_list_init(&router->doors);
    p2p_env_random(env, &router->seed, sizeof router->seed);
    p2p_map_init(&router->names, env->mem, router->seed);
    p2p_map_init(&router->addresses, env->mem, router->seed);
    err = p2p_stun_limiter_new(&router->limiter, &LIMITS, env->mem, env->random);
    if (err != P2P_OK) {
        free_router(&router->consumer);
        return err;
    }
    router->consumer.kinds = P2P_UDP_STUN | P2P_UDP_DTLS;
    router->consumer.datagram = datagram;
    router->consumer.free = free_router;
    p2p_udp_add_consumer(udp, &router->consumer);
    *out = router;
    return P2P_OK;
}

p2p_udp *p2p_webrtc_router_udp(const p2p_webrtc_router *router) {
    return router->udp;
}

void p2p_webrtc_get_counters(const p2p_webrtc_router *router, p2p_webrtc_counters *counters) {
    *counters = router->counters;
}
