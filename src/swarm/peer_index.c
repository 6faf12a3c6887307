/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/peer_index.h"

#include "base/check.h"

uint64_t p2p_peer_index_key(const p2p_map *index, const p2p_peer_id *peer) {
    return p2p_hash_bytes(index->seed, (p2p_bytes){peer->bytes, peer->len});
}

p2p_peer_link *p2p_peer_index_first(const p2p_map *index, uint64_t key) {
    return p2p_map_get(index, key);
}

p2p_err p2p_peer_index_add(p2p_map *index, p2p_peer_link *link, p2p_conn *conn, uint64_t key) {
    *link = (p2p_peer_link){p2p_peer_index_first(index, key), conn, key};
    return p2p_map_put(index, key, link);
}

void p2p_peer_index_remove(p2p_map *index, p2p_peer_link *link) {
    p2p_peer_link *before = p2p_peer_index_first(index, link->key);
    if (before != link) {
        while (before->next != link)
            before = before->next;
        before->next = link->next;
    } else if (link->next == NULL) {
        p2p_map_remove(index, link->key);
    } else {
        p2p_err err = p2p_map_put(index, link->key, link->next);
        INVARIANT(err == P2P_OK); /* replacing takes no memory */
        (void)err;
    }
    link->next = NULL;
}
