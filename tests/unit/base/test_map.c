/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/map.h"

#include "support/check.h"

enum { KEYS = 512 };

static int things[KEYS];

static void it_agrees_with_a_plain_table_over_many_random_changes(void **state) {
    (void)state;
    faulty_mem mem;
    seeded_random random;
    void *plain[KEYS] = {0};
    size_t count = 0;
    faulty_mem_init(&mem);
    seeded_random_init(&random, 11);
    p2p_map map;
    p2p_map_init(&map, &mem.mem, 99);
    for (size_t step = 0; step < 50000; step++) {
        uint64_t key = seeded_random_next(&random) % KEYS;
        void *value = &things[seeded_random_next(&random) % KEYS];
        if (seeded_random_next(&random) % 2 == 0) {
            check_ok(p2p_map_put(&map, key, value));
            count += plain[key] == NULL;
            plain[key] = value;
        } else {
            check(p2p_map_remove(&map, key) == plain[key]);
            count -= plain[key] != NULL;
            plain[key] = NULL;
        }
        check(map.count == count);
    }
    for (uint64_t key = 0; key < KEYS; key++)
        check(p2p_map_get(&map, key) == plain[key]);
    size_t walked = 0, at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&map, &at)) != NULL; walked++)
        check(plain[entry->key] == entry->value);
    check(walked == count);
    p2p_map_deinit(&map);
    check(mem.live_blocks == 0);
}

static void an_empty_map_has_nothing(void **state) {
    (void)state;
    faulty_mem mem;
    faulty_mem_init(&mem);
    p2p_map map;
    size_t at = 0;
    p2p_map_init(&map, &mem.mem, 1);
    check(p2p_map_get(&map, 5) == NULL);
    check(p2p_map_remove(&map, 5) == NULL);
    check(p2p_map_next(&map, &at) == NULL);
    check(mem.requests == 0);
    p2p_map_deinit(&map);
}

static void replacing_needs_no_memory_however_full_it_is(void **state) {
    (void)state;
    faulty_mem mem;
    faulty_mem_init(&mem);
    p2p_map map;
    p2p_map_init(&map, &mem.mem, 1);
    for (uint64_t count = 1; count <= KEYS; count++) {
        check_ok(p2p_map_put(&map, count, &things[0]));
        size_t requests = mem.requests;
        mem.fail_at = requests + 1;
        for (uint64_t key = 1; key <= count; key++)
            check_ok(p2p_map_put(&map, key, &things[1]));
        check(mem.requests == requests && map.count == count);
        mem.fail_at = 0;
    }
    p2p_map_deinit(&map);
}

static p2p_err fill(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_map map;
    p2p_err err = P2P_OK;
    uint64_t key = 0;
    p2p_map_init(&map, mem, 7);
    for (; key < KEYS && err == P2P_OK; key++)
        err = p2p_map_put(&map, key, &things[key]);
    if (err != P2P_OK)
        key--;
    /* A put that failed changed nothing. */
    check(map.count == key);
    for (uint64_t i = 0; i < key; i++)
        check(p2p_map_get(&map, i) == &things[i]);
    p2p_map_deinit(&map);
    return err;
}

static void a_failed_put_changes_nothing(void **state) {
    (void)state;
    sweep_allocations(fill, NULL);
}

static void the_hash_depends_on_seed_length_and_every_byte(void **state) {
    (void)state;
    uint8_t bytes[16] = {0};
    uint64_t hash = p2p_hash_bytes(1, p2p_bytes_of(bytes, 16));
    check(hash == p2p_hash_bytes(1, p2p_bytes_of(bytes, 16)));
    check(hash != p2p_hash_bytes(2, p2p_bytes_of(bytes, 16)));
    check(hash != p2p_hash_bytes(1, p2p_bytes_of(bytes, 15)));
    for (size_t i = 0; i < 16; i++) {
        bytes[i] = 1;
        check(hash != p2p_hash_bytes(1, p2p_bytes_of(bytes, 16)));
        bytes[i] = 0;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_a_plain_table_over_many_random_changes),
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(replacing_needs_no_memory_however_full_it_is),
        cmocka_unit_test(a_failed_put_changes_nothing),
        cmocka_unit_test(the_hash_depends_on_seed_length_and_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
