/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The driver's side of a host: everything that crosses between a host and the world. Applications
 * that use p2p_node, or any ready driver, need none of this.
 *
 * A driver does four things, in a loop:
 *
 *   1. give the host one input (p2p_host_input) when something happened or the deadline passed;
 *   2. carry out the effects it asks for (p2p_host_next_effect) until there are none;
 *   3. for each socket named by a SEND effect, draw (p2p_host_draw) while the socket takes bytes;
 *   4. take events (p2p_host_next_event) until there are none. That runs the application's
 *      callbacks, so go back to 2 if there was one.
 *
 * Then it waits for the network or for p2p_host_deadline.
 *
 * A host never asks for anything else, so the same inputs always give the same outputs: that is
 * what makes simulation and replay possible.
 */
#ifndef P2P_DRIVER_H
#define P2P_DRIVER_H

#include <p2p/base.h>
#include <p2p/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Names a socket between host and driver. The host numbers the sockets it asks for from 1; the
 * driver numbers those it accepted, with P2P_SOCKET_ACCEPTED set and never reused.
 */
typedef uint64_t p2p_socket;
#define P2P_SOCKET_ACCEPTED (UINT64_C(1) << 63)

/* In p2p_sockaddr.family, beside 4 and 6: an address inside the process, number in the first eight
 * bytes of ip. */
enum { P2P_FAMILY_MEMORY = 1 };

typedef enum p2p_input_type {
    P2P_INPUT_TICK,       /* time passed */
    P2P_INPUT_OPENED,     /* CONNECT, LISTEN or BIND succeeded: socket, local, remote (CONNECT) */
    P2P_INPUT_ACCEPTED,   /* a stream connection arrived: listener, socket, local, remote */
    P2P_INPUT_BYTES,      /* socket, data (the host may change it); the driver owns the block */
    P2P_INPUT_DATAGRAM,   /* socket, data, remote, local (own address if known), segment, ecn */
    P2P_INPUT_WRITABLE,   /* a socket that refused bytes takes them again: a SEND effect follows if
                             there are any */
    P2P_INPUT_EOF,        /* the other side ended its direction of a stream socket */
    P2P_INPUT_CLOSED,     /* the socket is gone or could not be made: socket, err. Not sent after a
                             CLOSE effect */
    P2P_INPUT_RESOLVED,   /* request, err, addrs, addr_count */
    P2P_INPUT_INTERFACES, /* the machine's own addresses: addrs, addr_count */
    P2P_INPUT_PAUSED      /* a listener stopped accepting for a moment and will go on by itself:
                             socket, err (NO_DESCRIPTOR, NO_MEMORY) */
} p2p_input_type;

typedef struct p2p_input {
    p2p_input_type type;
    p2p_time now; /* never less than in the input before; a smaller one is taken as that one */
    p2p_socket socket;
    p2p_socket listener;
    uint64_t request;
    uint8_t *data;
    size_t len;
    /* DATAGRAM: several datagrams of this size, the last may be shorter (GRO); 0: one. */
    size_t segment;
    uint8_t ecn; /* DATAGRAM: the two ECN bits */
    p2p_sockaddr local, remote;
    p2p_err err;
    const p2p_sockaddr *addrs;
    size_t addr_count;
} p2p_input;

typedef enum p2p_effect_type {
    P2P_EFFECT_CONNECT, /* a stream socket to remote; from local if its family is not 0 (port reuse)
                         */
    P2P_EFFECT_LISTEN,  /* a listening stream socket at local */
    P2P_EFFECT_BIND,    /* a datagram socket at local */
    P2P_EFFECT_CLOSE,   /* close the socket; `abort`: without sending what the system still holds */
    P2P_EFFECT_SHUT,    /* end our direction of a stream socket after what was drawn */
    P2P_EFFECT_SEND,    /* the socket has bytes or datagrams to draw */
    P2P_EFFECT_ACCEPT,  /* resume (on) or pause (!on) accepting on a listener */
    P2P_EFFECT_READ,    /* resume (on) or pause (!on) reading from a stream socket */
    P2P_EFFECT_RESOLVE /* name → addresses of family (4, 6, or 0 for both), answered by RESOLVED */
} p2p_effect_type;

typedef struct p2p_effect {
    p2p_effect_type type;
    p2p_socket socket;
    uint64_t request;
    p2p_sockaddr local, remote;
    uint8_t family;
    bool on;
    bool abort;
    const char *name; /* RESOLVE; valid until the next call */
} p2p_effect;

/* Gives one input. Out of memory ends connections, never the host. */
P2P_API void p2p_host_input(p2p_host *host, const p2p_input *input);
/* The next thing the driver must do; false when there is none. */
P2P_API bool p2p_host_next_effect(p2p_host *host, p2p_effect *effect);
/*
 * Bytes to send on a stream socket: at most cap; 0 when there is nothing more. What was drawn must
 * be sent or the socket be reported CLOSED. Give a cap of 64 KiB or more for full speed.
 */
P2P_API size_t p2p_host_draw(p2p_host *host, p2p_socket socket, uint8_t *dst, size_t cap);

/* One or more datagrams of equal size to one destination, laid end to end (the last may be
 * shorter): a GSO batch. */
typedef struct p2p_datagrams {
    p2p_sockaddr remote, local; /* local.family 0: any */
    size_t len;                 /* bytes in all */
    size_t segment;             /* size of each but the last */
    uint8_t ecn;
} p2p_datagrams;

/* Datagrams to send; false when there are none. cap should be 65 507; `max_segments` 1 without
 * segmentation offload. */
P2P_API bool p2p_host_draw_datagrams(p2p_host *host, p2p_socket socket, uint8_t *dst, size_t cap,
    size_t max_segments, p2p_datagrams *out);
/* When the host wants a TICK at the latest; P2P_NEVER: not before something else happens. */
P2P_API p2p_time p2p_host_deadline(const p2p_host *host);

#ifdef __cplusplus
}
#endif
#endif
