/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which connections lead to a peer: a map from the hash of its id to a chain of connections, newest
 * first. Peers whose hashes collide share a chain, so who walks one compares ids.
 */
#ifndef P2P_SWARM_PEER_INDEX_H
#define P2P_SWARM_PEER_INDEX_H

#include "base/map.h"
#include "stack/conn.h"

/* Embedded in what the swarm keeps for a connection. */
typedef struct p2p_peer_link {
    struct p2p_peer_link *next; /* older, of the same key */
    p2p_conn *conn;
    uint64_t key;
} p2p_peer_link;

uint64_t p2p_peer_index_key(const p2p_map *index, const p2p_peer_id *peer);
/* The newest of a key; NULL: none. */
p2p_peer_link *p2p_peer_index_first(const p2p_map *index, uint64_t key);
/* Only NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_peer_index_add(
    p2p_map *index, p2p_peer_link *link, p2p_conn *conn, uint64_t key);
void p2p_peer_index_remove(p2p_map *index, p2p_peer_link *link);

#endif
