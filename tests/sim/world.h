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
 *
 * A node without a host (world_add_raw) sends any bytes on its sockets: the hostile ones.
 */
#ifndef P2P_SIM_WORLD_H
#define P2P_SIM_WORLD_H

#include <p2p/driver.h>

#include "base/map.h"
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
    size_t mtu;         /* datagrams above it vanish; 0: 1472, an Ethernet frame's */
    bool no_udp;        /* datagrams vanish, streams pass */
    bool down;          /* nothing passes: streams stall, datagrams vanish */
} link;

typedef void (*node_event_fn)(node *self, const p2p_event *event);
/* What a driver would give a host: OPENED, ACCEPTED, BYTES, EOF, CLOSED. */
typedef void (*node_input_fn)(node *self, const p2p_input *input);

struct node {
    world *world;
    size_t index;
    p2p_host *host; /* NULL: raw, or gone */
    bool alive;
    p2p_identity *identity;
    seeded_random random;
    faulty_mem mem;
    p2p_sockaddr ip; /* without port */
    node_event_fn on_event;
    node_input_fn on_input; /* raw nodes */
    void *user;
    uint64_t next_socket; /* raw nodes */
    p2p_map sockets;      /* p2p_socket → sim_socket */
    struct sim_socket *bound;
    uint64_t sent;      /* bytes on stream sockets */
    uint64_t cut_after; /* every connection breaks when this node has sent so many; 0: never */
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
    p2p_time deadlines[WORLD_NODES_MAX]; /* of each node's host, as of its latest turn */
    size_t node_count;
    p2p_map links; /* from << 32 | to → link */
    link default_link;
    const p2p_mem *mem; /* for all hosts; NULL: each has its own, checked for leaks */
    uint64_t trace;     /* hash of everything that happened */
    bool repeats;       /* OpenSSL and GnuTLS take their randomness from the seed */
    uint64_t datagrams, datagrams_lost;
    uint64_t bytes_delivered;
    void (*tap)(
        const node *from, p2p_bytes datagram); /* sees every one that is sent; may be NULL */
};

void world_init(world *w, uint64_t seed);
/* Frees everything and checks that no host leaked. */
void world_deinit(world *w);
/* A host with an identity and an address (10.0.x.y, fd00::x:y) of its own. config NULL: the
 * defaults; its identity, memory and random are set here. */
node *world_add(world *w, const p2p_config *config);
/* The same, but out of memory is an error and not a failed test. */
p2p_err world_try_add(world *w, const p2p_config *config, node **out);
/* Gives the node another address, before it listens or dials: a public one, for example. */
void world_move(node *n, uint8_t a, uint8_t b, uint8_t c, uint8_t d);
node *world_add_raw(world *w, node_input_fn on_input);
/* For raw nodes: OPENED or CLOSED follows; bytes that do not fit what is under way are dropped and
 * not counted in the answer. */
p2p_socket world_raw_connect(node *n, const node *to, uint16_t port);
void world_raw_listen(node *n, uint16_t port);
size_t world_raw_send(node *n, p2p_socket socket, p2p_bytes bytes);
void world_raw_close(node *n, p2p_socket socket, bool abort);
/* The same for datagrams, which arrive as DATAGRAM. */
p2p_socket world_raw_bind(node *n, uint16_t port);
void world_raw_datagram(node *n, p2p_socket socket, const p2p_sockaddr *to, p2p_bytes bytes);
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
