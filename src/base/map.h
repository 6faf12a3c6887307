/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A hash map from 64-bit numbers to pointers: open addressing, linear probing, deletion by shifting
 * back. For ids that a peer can choose the host seeds it, so that nobody can aim at one bucket.
 */
#ifndef P2P_BASE_MAP_H
#define P2P_BASE_MAP_H

#include <p2p/base.h>

typedef struct p2p_map_entry {
    uint64_t key;
    void *value; /* NULL: empty */
} p2p_map_entry;

typedef struct p2p_map {
    const p2p_mem *mem;
    p2p_map_entry *entries;
    size_t cap; /* power of two, or 0 */
    size_t count;
    uint64_t seed;
} p2p_map;

void p2p_map_init(p2p_map *map, const p2p_mem *mem, uint64_t seed);
void p2p_map_deinit(p2p_map *map);
void *p2p_map_get(const p2p_map *map, uint64_t key);
/* Adds or replaces; value must not be NULL. Only NO_MEMORY, and never when it replaces. */
P2P_NODISCARD p2p_err p2p_map_put(p2p_map *map, uint64_t key, void *value);
/* The removed value, NULL if there was none. */
void *p2p_map_remove(p2p_map *map, uint64_t key);
/* Walks in no particular order: *at starts at 0; NULL at the end. The map must not change
 * meanwhile. */
p2p_map_entry *p2p_map_next(const p2p_map *map, size_t *at);
/* A seeded hash of bytes for use as a key where a collision only costs time. */
uint64_t p2p_hash_bytes(uint64_t seed, p2p_bytes bytes);

#endif
