/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The simulator: any number of hosts on a network that exists in memory, on a clock that jumps from
 * one happening to the next. One seed decides everything; it is printed when a scenario fails, and
 * the same seed gives the same trace.
 *
 *     world w;
 *     world_init(&w, 1);
 *     node *a = world_add(&w, NULL), *b = world_add(&w, NULL);
 *     world_link(&w, a, b, &(link){.latency = 50 * P2P_MILLISECOND});
 *     world_listen(b, "/tcp/4001");
 *     world_dial(a, b);
 *     world_run(&w, 10 * P2P_SECOND);
 *     world_deinit(&w);
 *
 * Streams are reliable and in order: loss shows as delay, as with TCP. Datagrams are lost, doubled,
 * reordered and cut off above the MTU as the link says.
 */
#ifndef P2P_SIM_WORLD_H
#define P2P_SIM_WORLD_H

#include <p2p/driver.h>

#include "support/check.h"

enum { WORLD_NODES_MAX = 256 };

typedef struct world world;
typedef struct node node;

/* A path between two nodes, each direction alike. Zero: no limit, no loss. */
typedef struct link {
    p2p_time latency;   /* one way */
    p2p_time jitter;    /* up to this much more; reorders datagrams */
    uint64_t rate;      /* bytes per second */
    double loss;        /* 0 to 1 */
    double duplication; /* 0 to 1, datagrams */
    size_t mtu;         /* datagrams above it vanish; 0: 65535 */
    bool down;          /* nothing passes: streams stall, datagrams vanish */
} link;

typedef void (*node_event_fn)(node *self, const p2p_event *event);

struct node {
    world *world;
    p2p_host *host;
    p2p_identity *identity;
    seeded_random random;
    faulty_mem mem;
    p2p_sockaddr ip; /* without port */
    node_event_fn on_event;
    void *user;
    uint64_t next_accepted;
    uint16_t next_port;
    size_t connected, disconnected; /* events seen */
    p2p_conn *last_conn;
    p2p_reason last_reason;
    bool stopped;
    bool pumping;
    int64_t clock_skew; /* seconds added to the wall clock */
};

/* What happens at a moment. */
typedef struct happening happening;
typedef struct sim_socket sim_socket;

struct world {
    p2p_time now;
    seeded_random random;
    uint64_t seed;
    uint64_t next_order;
    happening **heap;
    size_t heap_len, heap_cap;
    node *nodes[WORLD_NODES_MAX];
    size_t node_count;
    link *links; /* node_count × node_count, made on demand */
    sim_socket *sockets;
    link default_link;
    uint64_t trace; /* hash of everything that happened */
    uint64_t datagrams, datagrams_lost;
    uint64_t bytes_delivered;
};

void world_init(world *w, uint64_t seed);
/* Frees everything and checks that no host leaked. */
void world_deinit(world *w);
/* A host with an identity and an address (10.0.x.y, fd00::x:y) of its own. config NULL: the
 * defaults; its identity, memory and random are set here. */
node *world_add(world *w, const p2p_config *config);
/* Frees the node's host now, as a crash would: its sockets vanish without a word. */
void world_kill(node *n);
link *world_path(world *w, const node *a, const node *b);
void world_link(world *w, node *a, node *b, const link *l); /* both directions */
/* Listens on the node's own IPv4 address with the rest of the address appended, e.g. "/tcp/4001".
 */
void world_listen(node *n, const char *tail);
/* Dials `to` at its listening addresses; request number. */
uint64_t world_dial(node *from, node *to);
/* Moves the node to another address: its sockets keep working, packets carry the new one (a NAT
 * that rebinds). */
void world_rebind(node *n, uint16_t port_shift);
/* Runs until the time has passed or nothing is left to happen. */
void world_run(world *w, p2p_time duration);
/* Runs until `done` or the time has passed; whether it was done. */
bool world_run_until(world *w, p2p_time duration, bool (*done)(void *ctx), void *ctx);
/* Lets the node carry out what was asked of it by direct calls. */
void world_pump(node *n);
double world_chance(world *w);

#endif
