/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the simulator's files share; scenarios include world.h only. A node's driver (driver.c) asks
 * the network (network.c) to carry something, the network puts its arrival on the agenda
 * (agenda.c), and the world's clock (world.c) lets it arrive (arrive.c), which gives the driver of
 * another node something to do.
 */
#ifndef P2P_SIM_PARTS_H
#define P2P_SIM_PARTS_H

#include "sim/world.h"

/* What a socket may have under way in one direction. */
enum { IN_FLIGHT_MAX = 4 * 1024 * 1024 };

/* More turns than this without anything from outside, or without time: something runs in circles.
 */
enum { TURNS_MAX = 1000000 };

/* --- agenda.c --- */

typedef enum arrival_kind {
    ARRIVE_CONNECT,
    ARRIVE_OPENED,
    ARRIVE_ACCEPT,
    ARRIVE_BYTES,
    ARRIVE_EOF,
    ARRIVE_CLOSED,
    ARRIVE_LOST, /* CLOSED for a socket that the world has forgotten already */
    ARRIVE_DATAGRAM
} arrival_kind;

struct happening {
    p2p_time when;
    uint64_t order; /* of two at one time, what was asked for first */
    arrival_kind kind;
    node *at;
    p2p_socket socket; /* of `at` */
    node *from;
    p2p_socket from_socket;
    p2p_err err;
    p2p_sockaddr local, remote;
    uint8_t ecn;
    size_t len;
    uint8_t data[];
};

/* Copies the data. The agenda owns the answer, which may be filled in further. */
happening *sim_schedule(
    world *w, arrival_kind kind, p2p_time when, node *at, p2p_socket socket, p2p_bytes data);
/* The next of at least one; the caller frees it. */
happening *sim_pop(world *w);
/* Adds to the hash of everything that happened. */
void sim_trace(world *w, uint64_t what);
void sim_trace_bytes(world *w, p2p_bytes bytes);

/* --- network.c --- */

struct sim_socket {
    sim_socket *next; /* in owner->bound */
    node *owner;
    p2p_socket id;

    enum { STREAM, LISTENER, DATAGRAM } kind;

    p2p_sockaddr local, remote;
    sim_socket *peer; /* STREAM, once it has arrived there */
    node *far;        /* STREAM: the node at the other end, also after `peer` closed */
    bool open;        /* OPENED was or need not be given */
    bool shut, shut_sent, blocked, reading;
    size_t in_flight;
    p2p_time busy_until, last_arrival;
    p2p_time held_until; /* what arrives earlier waits: the link was down */
};

sim_socket *sim_find_socket(const node *owner, p2p_socket id); /* NULL: it is closed */
sim_socket *sim_new_socket(node *owner, p2p_socket id, int kind, const p2p_sockaddr *local);
/* Frees the socket; P2P_OK tells the other end with an end of its stream, an error with a reset. */
void sim_close_socket(world *w, sim_socket *s, p2p_err err);
void sim_connect(node *n, const p2p_effect *e);
void sim_listen_or_bind(node *n, const p2p_effect *e, int kind);
/* Puts bytes of a stream under way; false when that cut it. */
bool sim_send_bytes(node *n, sim_socket *s, p2p_bytes bytes);
/* The end of a stream that was shut, unless bytes before it are blocked. */
void sim_send_eof(world *w, sim_socket *s);
void sim_send_datagram(node *n, sim_socket *s, const p2p_datagrams *d, p2p_bytes bytes);

/* --- driver.c, arrive.c, world.c --- */

/* Gives the node's host an input, with the time, and carries out what follows. */
void sim_give(node *n, p2p_input *input);
void sim_happen(world *w, happening *h);
/* Without a host yet; the world frees it. */
node *sim_new_node(world *w);

#endif
