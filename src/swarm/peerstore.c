/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/peerstore.h"

#include "base/bytes.h"
#include "base/mem.h"

void p2p_peerstore_init(
    p2p_peerstore *store, const p2p_mem *mem, uint64_t seed, size_t max, size_t addrs_max) {
    *store = (p2p_peerstore){.mem = mem, .max = max, .addrs_max = addrs_max};
    p2p_map_init(&store->by_key, mem, seed);
    p2p_list_init(&store->order);
}

static void drop_addr(p2p_peerstore *store, p2p_known_peer *known, size_t index) {
    p2p_known_addr *addr = &known->addrs[index];
    p2p_mem_free(store->mem, (void *)addr->addr.ptr, addr->addr.len);
    known->addrs[index] = known->addrs[--known->addr_count];
}

static void drop_peer(p2p_peerstore *store, p2p_known_peer *known) {
    while (known->addr_count > 0)
        drop_addr(store, known, known->addr_count - 1);
    p2p_mem_free(store->mem, known->addrs, known->addrs_max * sizeof known->addrs[0]);
    p2p_list_remove(&known->node);
    /* Peers whose hashes collide hang behind one another. */
    p2p_known_peer *first = p2p_map_get(&store->by_key, known->key);
    if (first == known) {
        p2p_map_remove(&store->by_key, known->key);
        if (known->same_hash != NULL &&
            p2p_map_put(&store->by_key, known->key, known->same_hash) != P2P_OK)
            known->same_hash = NULL; /* cannot be: a place was just freed */
    } else {
        while (first->same_hash != known)
            first = first->same_hash;
        first->same_hash = known->same_hash;
    }
    store->count--;
    p2p_mem_free(store->mem, known, sizeof *known);
}

static void drop_oldest(p2p_peerstore *store) {
    drop_peer(store, P2P_CONTAINER(store->order.next, p2p_known_peer, node));
}

void p2p_peerstore_set_max(p2p_peerstore *store, size_t max, size_t addrs_max) {
    store->max = max;
    store->addrs_max = addrs_max;
    while (store->count > max)
        drop_oldest(store);
}

void p2p_peerstore_deinit(p2p_peerstore *store) {
    while (!p2p_list_empty(&store->order))
        drop_oldest(store);
    p2p_map_deinit(&store->by_key);
}

static uint64_t key_of(const p2p_peerstore *store, const p2p_peer_id *peer) {
    return p2p_hash_bytes(store->by_key.seed, p2p_bytes_of(peer->bytes, peer->len));
}

static p2p_known_peer *find(const p2p_peerstore *store, const p2p_peer_id *peer) {
    p2p_known_peer *known = p2p_map_get(&store->by_key, key_of(store, peer));
    while (known != NULL && !p2p_peer_id_equal(&known->peer, peer))
        known = known->same_hash;
    return known;
}

static p2p_known_peer *find_or_make(p2p_peerstore *store, const p2p_peer_id *peer) {
    p2p_known_peer *known = find(store, peer);
    if (known != NULL) {
        p2p_list_remove(&known->node);
        p2p_list_push(&store->order, &known->node);
        return known;
    }
    if (store->count >= store->max && !p2p_list_empty(&store->order))
        drop_oldest(store);
    known = p2p_mem_alloc(store->mem, sizeof *known);
    if (known == NULL)
        return NULL;
    known->peer = *peer;
    known->key = key_of(store, peer);
    known->same_hash = p2p_map_get(&store->by_key, known->key);
    known->addrs_max = store->addrs_max;
    known->addrs = p2p_mem_alloc(store->mem, known->addrs_max * sizeof known->addrs[0]);
    if (known->addrs == NULL || p2p_map_put(&store->by_key, known->key, known) != P2P_OK) {
        p2p_mem_free(store->mem, known->addrs, known->addrs_max * sizeof known->addrs[0]);
        p2p_mem_free(store->mem, known, sizeof *known);
        return NULL;
    }
    p2p_list_push(&store->order, &known->node);
    store->count++;
    return known;
}

static p2p_known_addr *find_addr(p2p_known_peer *known, const p2p_multiaddr *addr) {
    for (size_t i = 0; known != NULL && i < known->addr_count; i++)
        if (p2p_bytes_equal(known->addrs[i].addr, p2p_multiaddr_bytes(addr)))
            return &known->addrs[i];
    return NULL;
}

static void make_room(p2p_peerstore *store, p2p_known_peer *known, p2p_time now) {
    size_t oldest = 0;
    for (size_t i = known->addr_count; i-- > 0;)
        if (known->addrs[i].expires <= now)
            drop_addr(store, known, i);
    if (known->addr_count < known->addrs_max)
        return;
    for (size_t i = 1; i < known->addr_count; i++)
        if (known->addrs[i].expires < known->addrs[oldest].expires)
            oldest = i;
    drop_addr(store, known, oldest);
}

void p2p_peerstore_add(p2p_peerstore *store, const p2p_peer_id *peer, const p2p_multiaddr *addr,
    p2p_time expires, p2p_time now) {
    if (store->max == 0 || store->addrs_max == 0 || expires <= now || addr->len == 0)
        return;
    p2p_known_peer *known = find_or_make(store, peer);
    p2p_known_addr *old = find_addr(known, addr);
    if (known == NULL)
        return;
    if (old != NULL) {
        old->expires = old->expires > expires ? old->expires : expires;
        return;
    }
    if (known->addr_count == known->addrs_max)
        make_room(store, known, now);
    uint8_t *copy = p2p_mem_copy(store->mem, p2p_multiaddr_bytes(addr));
    if (copy != NULL)
        known->addrs[known->addr_count++] =
            (p2p_known_addr){.addr = {copy, addr->len}, .expires = expires};
}

bool p2p_peerstore_addr(const p2p_peerstore *store, const p2p_peer_id *peer, size_t index,
    bool ready, p2p_time now, p2p_multiaddr *addr) {
    const p2p_known_peer *known = find(store, peer);
    for (size_t i = 0; known != NULL && i < known->addr_count; i++) {
        const p2p_known_addr *each = &known->addrs[i];
        if (each->expires <= now || (ready && each->retry_at > now) || index-- > 0)
            continue;
        addr->len = (uint16_t)each->addr.len;
        memcpy(addr->bytes, each->addr.ptr, each->addr.len);
        return true;
    }
    return false;
}

void p2p_peerstore_dialled(p2p_peerstore *store, const p2p_peer_id *peer, const p2p_multiaddr *addr,
    bool success, p2p_time now) {
    p2p_known_addr *known = find_addr(find(store, peer), addr);
    if (known == NULL)
        return;
    if (success) {
        known->failures = 0;
        known->retry_at = 0;
        return;
    }
    uint64_t n = ++known->failures;
    uint64_t wait = n > 17 ? 300 : 5 + n * n; /* go-libp2p's backoff: 5 s + n² s, at most 5 min */
    known->retry_at = now + wait * P2P_SECOND;
}
