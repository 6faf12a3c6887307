/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A node is a host with the libuv driver in one object: for programs that want five lines.
 *
 *     p2p_node *node;
 *     p2p_node_new(&node, &config);
 *     p2p_host_add_protocol(p2p_node_host(node), &echo, NULL);
 *     p2p_node_listen(node, "/ip4/0.0.0.0/tcp/4001");
 *     p2p_node_open(node, "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…", &chat, NULL);
 *     p2p_node_run(node);
 *
 * It fills in what the configuration leaves open: the system's randomness and clock, and an
 * identity that lasts as long as the node. Programs with their own libuv loop give it; programs
 * with another event loop use p2p/driver.h directly (examples/poll.c).
 */
#ifndef P2P_NODE_H
#define P2P_NODE_H

#include <p2p/driver.h>
#include <p2p/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_node p2p_node;
struct uv_loop_s;

/* Called for every event, from p2p_node_run or the caller's loop. */
typedef void (*p2p_event_fn)(void *ctx, p2p_host *host, const p2p_event *event);

/* config->random, wall_ms and identity may be empty; a new identity is Ed25519. INVALID, NO_MEMORY,
 * or IO when the loop cannot be made. */
P2P_API P2P_NODISCARD p2p_err p2p_node_new(p2p_node **out, const p2p_config *config);
/* The same on a loop of the caller's, which the caller runs. p2p_node_free then finishes in the
 * loop: run it until it has no more handles. */
P2P_API P2P_NODISCARD p2p_err p2p_node_new_on(
    p2p_node **out, const p2p_config *config, struct uv_loop_s *loop);
P2P_API void p2p_node_on_event(p2p_node *node, p2p_event_fn fn, void *ctx);
/* Closes everything at once. Not from inside a callback. */
P2P_API void p2p_node_free(p2p_node *node);

P2P_API p2p_host *p2p_node_host(p2p_node *node);
/* p2p_host_listen with a text address. */
P2P_API P2P_NODISCARD p2p_err p2p_node_listen(p2p_node *node, const char *addr);
/*
 * Dials a text address and opens a stream of the protocol there: its `opened` follows, with `self`.
 * The event handler gets DIALED, or DIAL_FAILED when it comes to nothing, also if the stream cannot
 * be opened. INVALID and UNSUPPORTED as p2p_multiaddr_parse, LIMIT, NO_MEMORY.
 */
P2P_API P2P_NODISCARD p2p_err p2p_node_open(
    p2p_node *node, const char *addr, const p2p_protocol *protocol, void *self);
/* Runs until p2p_host_close has finished or p2p_node_stop is called. */
P2P_API void p2p_node_run(p2p_node *node);
P2P_API void p2p_node_stop(p2p_node *node);
/*
 * Around calls on the host from outside of callbacks, such as a timer of the caller's loop: before
 * them, as the host's clock stands still while nothing happens to it and a deadline would be
 * reckoned from long ago; after them, to let the node notice. Inside of event and protocol
 * callbacks, and of what p2p_node_post runs, neither is needed, nor harmful. Both are part of
 * p2p_node_open.
 */
P2P_API void p2p_node_catch_up(p2p_node *node);
P2P_API void p2p_node_kick(p2p_node *node);
/* The one function that may be called from another thread: `fn` runs soon in the node's thread.
 * LIMIT: too many wait. */
P2P_API P2P_NODISCARD p2p_err p2p_node_post(p2p_node *node, void (*fn)(void *ctx), void *ctx);

/*
 * Everything that crosses between the node's driver and its host, in order: a host that is built
 * the same way and taken through the same crossings gives the same effects, bytes and events, so
 * that a run can be recorded and played again.
 */
typedef enum p2p_crossing_type {
    P2P_CROSSING_INPUT,     /* the host is about to get `input` */
    P2P_CROSSING_EFFECT,    /* p2p_host_next_effect gave `effect`; NULL: there was none */
    P2P_CROSSING_DRAW,      /* p2p_host_draw(socket, cap) gave `drawn` */
    P2P_CROSSING_DATAGRAMS, /* p2p_host_draw_datagrams(socket, cap, max_segments) gave `datagrams`
                               and `drawn`; NULL: there were none */
    P2P_CROSSING_EVENT      /* p2p_host_next_event gave `event`, which the application has not yet
                               seen; NULL: there was none */
} p2p_crossing_type;

typedef struct p2p_crossing {
    p2p_crossing_type type;
    const p2p_input *input;
    const p2p_effect *effect;
    const p2p_event *event;
    p2p_socket socket;
    size_t cap, max_segments;
    p2p_bytes drawn;
    const p2p_datagrams *datagrams;
} p2p_crossing;

/* Shows each crossing when it happens; the views are valid for the call. NULL stops it. Nothing
 * crosses between p2p_node_new and the first turn of the loop. */
typedef void (*p2p_record_fn)(void *ctx, const p2p_crossing *crossing);
P2P_API void p2p_node_record(p2p_node *node, p2p_record_fn fn, void *ctx);

/* "gso gro", one of them or "none": what the driver found the kernel to do for datagram sockets. */
P2P_API const char *p2p_node_offload(const p2p_node *node);

#ifdef __cplusplus
}
#endif
#endif
