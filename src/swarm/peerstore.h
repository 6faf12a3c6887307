/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is known about other peers: addresses with the time they expire, and how dialling them went.
 * Bounded: when it is full, the peer that was touched longest ago makes room.
 */
#ifndef P2P_SWARM_PEERSTORE_H
#define P2P_SWARM_PEERSTORE_H

#include <p2p/identity.h>
#include <p2p/multiaddr.h>

#include "base/list.h"
#include "base/map.h"

typedef struct p2p_known_addr {
    p2p_bytes addr; /* binary form, owned */
    p2p_time expires;
    p2p_time retry_at; /* after failures: not before this */
    uint32_t failures;
} p2p_known_addr;

typedef struct p2p_known_peer {
    p2p_peer_id peer;
    p2p_list node; /* order of use */
    uint64_t key;
    size_t addr_count, addrs_max;
    p2p_known_addr *addrs;
    struct p2p_known_peer *same_hash;
} p2p_known_peer;

typedef struct p2p_peerstore {
    const p2p_mem *mem;
    p2p_map by_key;
    p2p_list order;               /* least recently used first */
    size_t count, max, addrs_max; /* the last: of peers that become known */
} p2p_peerstore;

void p2p_peerstore_init(
    p2p_peerstore *store, const p2p_mem *mem, uint64_t seed, size_t max, size_t addrs_max);
/* Too many peers: those that were not used for longest go. */
void p2p_peerstore_set_max(p2p_peerstore *store, size_t max, size_t addrs_max);
void p2p_peerstore_deinit(p2p_peerstore *store);
/* Adds, or prolongs. When a peer has too many addresses the one that expires first goes. NO_MEMORY
 * loses it. */
void p2p_peerstore_add(p2p_peerstore *store, const p2p_peer_id *peer, const p2p_multiaddr *addr,
    p2p_time expires, p2p_time now);
/* The index-th address that has not expired; false at the end. `ready`: only those that may be
 * dialled now. */
bool p2p_peerstore_addr(const p2p_peerstore *store, const p2p_peer_id *peer, size_t index,
    bool ready, p2p_time now, p2p_multiaddr *addr);
/* How a dial went: failures wait 5 s + n² s, at most 5 min; success forgets them. */
void p2p_peerstore_dialled(p2p_peerstore *store, const p2p_peer_id *peer, const p2p_multiaddr *addr,
    bool success, p2p_time now);

#endif
