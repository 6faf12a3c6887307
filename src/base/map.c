/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/map.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { SMALLEST = 8 };

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t p2p_hash_bytes(uint64_t seed, p2p_bytes bytes) {
    uint64_t hash = mix(seed ^ bytes.len);
    for (size_t i = 0; i < bytes.len; i++)
        hash = mix(hash ^ bytes.ptr[i]) + seed;
    return hash;
}

void p2p_map_init(p2p_map *map, const p2p_mem *mem, uint64_t seed) {
    *map = (p2p_map){.mem = mem, .seed = seed};
}

void p2p_map_deinit(p2p_map *map) {
    p2p_mem_free(map->mem, map->entries, map->cap * sizeof(map->entries[0]));
    p2p_map_init(map, map->mem, map->seed);
}

static size_t home(const p2p_map *map, uint64_t key) {
    return (size_t)mix(key ^ map->seed) & (map->cap - 1);
}

/* Where the key is, or the empty place where it would go. */
static size_t find(const p2p_map *map, uint64_t key) {
    size_t at = home(map, key);
    while (map->entries[at].value != NULL && map->entries[at].key != key)
        at = (at + 1) & (map->cap - 1);
    return at;
}

void *p2p_map_get(const p2p_map *map, uint64_t key) {
    return map->cap == 0 ? NULL : map->entries[find(map, key)].value;
}

static p2p_err rehash(p2p_map *map, size_t cap) {
    p2p_map bigger = {.mem = map->mem, .cap = cap, .count = map->count, .seed = map->seed};
    bigger.entries = p2p_mem_alloc(map->mem, cap * sizeof(map->entries[0]));
    if (bigger.entries == NULL)
        return P2P_ERR_NO_MEMORY;
    for (size_t at = 0; at < map->cap; at++)
        if (map->entries[at].value != NULL)
            bigger.entries[find(&bigger, map->entries[at].key)] = map->entries[at];
    p2p_mem_free(map->mem, map->entries, map->cap * sizeof(map->entries[0]));
    *map = bigger;
    return P2P_OK;
}

p2p_err p2p_map_put(p2p_map *map, uint64_t key, void *value) {
    INVARIANT(value != NULL);
    if (map->cap > 0 && map->entries[find(map, key)].value != NULL) {
        map->entries[find(map, key)].value = value;
        return P2P_OK;
    }
    /* At most three quarters full: probes stay short. */
    if ((map->count + 1) * 4 > map->cap * 3) {
        p2p_err err = rehash(map, map->cap == 0 ? SMALLEST : map->cap * 2);
        if (err != P2P_OK)
            return err;
    }
    map->entries[find(map, key)] = (p2p_map_entry){key, value};
    map->count++;
    return P2P_OK;
}

void *p2p_map_remove(p2p_map *map, uint64_t key) {
    if (map->cap == 0)
        return NULL;
    size_t hole = find(map, key);
    void *value = map->entries[hole].value;
    if (value == NULL)
        return NULL;
    map->count--;
    /* Shift back whoever would no longer be found across the hole. */
    for (size_t at = (hole + 1) & (map->cap - 1); map->entries[at].value != NULL;
         at = (at + 1) & (map->cap - 1)) {
        size_t from_home = (at - home(map, map->entries[at].key)) & (map->cap - 1);
        size_t from_hole = (at - hole) & (map->cap - 1);
        if (from_home >= from_hole) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole].value = NULL;
    return value;
}

p2p_map_entry *p2p_map_next(const p2p_map *map, size_t *at) {
    while (*at < map->cap) {
        p2p_map_entry *entry = &map->entries[(*at)++];
        if (entry->value != NULL)
            return entry;
    }
    return NULL;
}
