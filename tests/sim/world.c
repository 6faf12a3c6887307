/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The world: its nodes and links, its clock, and the calls that make a scenario short. */
#include "sim/world.h"

#include <stdio.h>

#include "base/bytes.h"
#include "p2p/seeded.h"
#include "sim/parts.h"

/* --- nodes and links --- */

static const p2p_mem LIBC = {NULL, NULL};

/* What OpenSSL and GnuTLS draw is part of the world, too. */
static bool seed_libraries(uint64_t seed) {
    uint8_t bytes[CLI_SEED_LEN] = {0};
    p2p_store64(bytes, seed);
    return cli_seed_libraries(bytes);
}

void world_init(world *w, uint64_t seed) {
    *w = (world){.seed = seed, .now = P2P_SECOND, .default_link = {.latency = P2P_MILLISECOND}};
    seeded_random_init(&w->random, seed);
    w->repeats = seed_libraries(seed);
    p2p_map_init(&w->links, &LIBC, 0);
    snprintf(check_note, sizeof check_note, "world of seed %llu", (unsigned long long)seed);
}

static uint64_t link_key(const node *a, const node *b) {
    return (uint64_t)a->index << 32 | b->index;
}

link *world_path(world *w, const node *a, const node *b) {
    link *l = p2p_map_get(&w->links, link_key(a, b));
    return l == NULL ? &w->default_link : l;
}

static void set_link(world *w, const node *a, const node *b, const link *given) {
    link *l = p2p_map_get(&w->links, link_key(a, b));
    if (l == NULL) {
        l = calloc(1, sizeof *l);
        check_ok(p2p_map_put(&w->links, link_key(a, b), l));
    }
    *l = *given;
}

void world_link(world *w, node *a, node *b, const link *l) {
    set_link(w, a, b, l);
    set_link(w, b, a, l);
}

node *sim_new_node(world *w) {
    check(w->node_count < WORLD_NODES_MAX);
    node *n = calloc(1, sizeof *n);
    size_t index = w->node_count++;
    w->nodes[index] = n;
    w->deadlines[index] = P2P_NEVER;
    n->world = w;
    n->index = index;
    n->alive = true;
    n->ip = (p2p_sockaddr){.family = 4, .ip = {10, 0, (uint8_t)(index >> 8), (uint8_t)(index + 1)}};
    n->next_port = 40000;
    seeded_random_init(&n->random, w->seed * 1000003 + index);
    faulty_mem_init(&n->mem);
    p2p_map_init(&n->sockets, &LIBC, 0);
    return n;
}

p2p_err world_try_add(world *w, const p2p_config *given, node **out) {
    node *n = *out = sim_new_node(w);
    const p2p_mem *mem = w->mem != NULL ? w->mem : &n->mem.mem;
    p2p_err err = p2p_identity_generate(&n->identity, P2P_ED25519, mem, &n->random.random);
    p2p_config config = given != NULL ? *given : P2P_CONFIG_DEFAULTS;
    config.identity = n->identity;
    config.mem = *mem;
    config.random = n->random.random;
    if (config.wall_ms == 0)
        config.wall_ms = UINT64_C(1790000000000);
    if (err == P2P_OK)
        err = p2p_host_new(&n->host, &config, w->now);
    if (err != P2P_OK)
        return err;
    p2p_input input = {
        .type = P2P_INPUT_INTERFACES, .now = w->now, .addrs = &n->ip, .addr_count = 1};
    p2p_host_input(n->host, &input);
    return P2P_OK;
}

node *world_add(world *w, const p2p_config *given) {
    node *n;
    check_ok(world_try_add(w, given, &n));
    return n;
}

void world_move(node *n, uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    n->ip = (p2p_sockaddr){.family = 4, .ip = {a, b, c, d}};
    p2p_input input = {
        .type = P2P_INPUT_INTERFACES, .now = n->world->now, .addrs = &n->ip, .addr_count = 1};
    p2p_host_input(n->host, &input);
}

static sim_socket *any_socket(const node *n) {
    size_t at = 0;
    const p2p_map_entry *entry = p2p_map_next(&n->sockets, &at);
    return entry == NULL ? NULL : entry->value;
}

void world_kill(node *n) {
    world *w = n->world;
    if (!n->alive)
        return;
    n->alive = false;
    p2p_host_free(n->host);
    n->host = NULL;
    w->deadlines[n->index] = P2P_NEVER;
    p2p_identity_free(n->identity);
    for (sim_socket *s; (s = any_socket(n)) != NULL;)
        sim_close_socket(w, s, P2P_ERR_RESET);
    p2p_map_deinit(&n->sockets);
    if (n->mem.live_blocks != 0)
        fail_msg("node %zu leaked %zu blocks, %zu bytes (seed %llu)", n->index, n->mem.live_blocks,
            n->mem.live_bytes, (unsigned long long)w->seed);
}

void world_deinit(world *w) {
    for (size_t i = 0; i < w->node_count; i++)
        world_kill(w->nodes[i]);
    while (w->heap_len > 0)
        free(sim_pop(w));
    for (size_t i = 0; i < w->node_count; i++)
        free(w->nodes[i]);
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&w->links, &at)) != NULL;)
        free(entry->value);
    p2p_map_deinit(&w->links);
    free(w->heap);
    cli_unseed_libraries();
    check_note[0] = 0;
}

/* --- time --- */

/* The node whose deadline comes first. */
static node *next_due(world *w, p2p_time *when) {
    size_t due = 0;
    *when = P2P_NEVER;
    for (size_t i = 0; i < w->node_count; i++) {
        if (w->deadlines[i] >= *when)
            continue;
        *when = w->deadlines[i];
        due = i;
    }
    return w->nodes[due];
}

bool world_run_until(world *w, p2p_time duration, bool (*done)(void *ctx), void *ctx) {
    p2p_time end = w->now + duration;
    p2p_time stood_at = 0;
    size_t steps = 0;
    for (size_t i = 0; i < w->node_count; i++)
        world_pump(w->nodes[i]);
    while (done == NULL || !done(ctx)) {
        p2p_time tick;
        node *due = next_due(w, &tick);
        p2p_time arrive = w->heap_len > 0 ? w->heap[0]->when : P2P_NEVER;
        p2p_time next = tick < arrive ? tick : arrive;
        if (next > end || next == P2P_NEVER) {
            w->now = end;
            /* Hosts know the time of their latest input only: direct calls between runs need it to
             * be this one. */
            for (size_t i = 0; i < w->node_count; i++)
                if (w->nodes[i]->host != NULL)
                    sim_give(w->nodes[i], &(p2p_input){.type = P2P_INPUT_TICK});
            return done != NULL && done(ctx);
        }
        w->now = next > w->now ? next : w->now;
        steps = w->now == stood_at ? steps + 1 : 0;
        stood_at = w->now;
        if (steps > TURNS_MAX)
            fail_msg("time stands still");
        if (arrive <= tick) {
            happening *h = sim_pop(w);
            sim_happen(w, h);
            free(h);
        } else {
            sim_give(due, &(p2p_input){.type = P2P_INPUT_TICK});
        }
    }
    return true;
}

void world_run(world *w, p2p_time duration) {
    world_run_until(w, duration, NULL, NULL);
}

/* --- shorthands --- */

void world_listen(node *n, const char *tail) {
    char text[128];
    p2p_multiaddr addr;
    snprintf(text, sizeof text, "/ip4/%u.%u.%u.%u%s", n->ip.ip[0], n->ip.ip[1], n->ip.ip[2],
        n->ip.ip[3], tail);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    check_ok(p2p_host_listen(n->host, &addr, NULL));
    world_pump(n);
}

uint64_t world_dial(node *from, node *to) {
    p2p_multiaddr addrs[8];
    size_t count = 0;
    uint64_t request;
    while (count < 8 && p2p_host_addr(to->host, count, &addrs[count]))
        count++;
    check_ok(p2p_host_dial(from->host, p2p_host_peer(to->host), addrs, count, NULL, &request));
    world_pump(from);
    return request;
}

void world_rebind(node *n, uint16_t port_shift) {
    for (sim_socket *s = n->bound; s != NULL; s = s->next)
        if (s->kind == DATAGRAM)
            s->local.port = (uint16_t)(s->local.port + port_shift);
}
