/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One TCP socket and what stands on it, for all transports over TCP:
 *
 *     socket → wire → lower layers (none; WebSocket; TLS and WebSocket) → upgrade → connection
 *
 * A kind says which lower layers there are. A dialled socket has one kind; an accepted one may have
 * several to choose from, and then nothing is sent before its first byte has come: a WebSocket
 * client would take this side's multistream header for garbage.
 */
#ifndef P2P_TRANSPORT_TCP_PIPE_H
#define P2P_TRANSPORT_TCP_PIPE_H

#include "stack/upgrade.h"
#include "transport/address.h"
#include "transport/transport.h"

enum { P2P_TCP_LOWER_MAX = 2, P2P_TCP_KINDS_MAX = 3, P2P_TCP_WHY_MAX = 160 };

typedef struct p2p_tcp_pipe p2p_tcp_pipe;

typedef struct p2p_tcp_kind {
    const char *name;              /* p2p_conn.transport: "ws" */
    p2p_proto_code tail[2];        /* what follows /tcp/PORT in addresses; 0: nothing */
    bool (*speaks)(uint8_t first); /* may a connection of this kind begin with that byte? */
    /* The socket is open: puts lower layers there (p2p_tcp_pipe_add) and, when they are ready,
     * starts the upgrade (p2p_tcp_pipe_upgrade). */
    P2P_NODISCARD p2p_err (*begin)(p2p_tcp_pipe *pipe);
} p2p_tcp_kind;

/* What every transport over TCP begins with. */
typedef struct p2p_tcp_transport {
    p2p_transport transport;
    p2p_list pipes; /* that are not connections yet, or not any more */
    size_t lingering;
} p2p_tcp_transport;

/* One thing that an accepted socket may turn out to be, and whose it is then. */
typedef struct p2p_tcp_choice {
    const p2p_tcp_kind *kind;
    p2p_tcp_transport *owner;
} p2p_tcp_choice;

struct p2p_tcp_pipe {
    p2p_sock sock;
    p2p_wire wire;
    p2p_carrier carrier;
    p2p_tcp_transport *owner;
    const p2p_tcp_kind *kind; /* NULL: the first byte has not come */
    p2p_tcp_choice choices[P2P_TCP_KINDS_MAX];
    size_t choice_count;
    p2p_layer *lower[P2P_TCP_LOWER_MAX]; /* owned, the lowest first */
    size_t lower_count;
    p2p_list node; /* in owner->pipes */
    p2p_dead dead;
    p2p_dial *dial; /* NULL: inbound, or not wanted any more */
    p2p_upgrade *upgrade;
    p2p_conn *conn; /* when ready */
    p2p_timer deadline;
    p2p_sockaddr local, remote;
    p2p_multiaddr remote_addr; /* with the kind's tail, once it is known */
    p2p_time started;
    bool over;                 /* it has been said how it ended */
    bool lingering;            /* over, but the lower layers still have a word to say */
    bool carries;              /* a connection that is not freed yet */
    char why[P2P_TCP_WHY_MAX]; /* what the lower layers have to say about their failure */
};

P2P_NODISCARD p2p_err p2p_tcp_transport_new(p2p_transport **out, const p2p_transport_type *type,
    p2p_env *env, const p2p_transport_up *up, void *swarm);
/* All pipes that are left, too. */
void p2p_tcp_transport_free(p2p_transport *transport);

/* What transports do for their `dial` and `cancel`. */
P2P_NODISCARD p2p_err p2p_tcp_dial(
    p2p_tcp_transport *tcp, p2p_dial *dial, const p2p_tcp_kind *kind, const p2p_sockaddr *to);
void p2p_tcp_cancel(p2p_dial *dial);
/* Takes over an accepted socket, or refuses it. At least one choice; its owner asks the swarm. */
void p2p_tcp_accept(const p2p_tcp_choice *choices, size_t count, p2p_socket socket,
    const p2p_sockaddr *local, const p2p_sockaddr *remote);

/* For kinds. Takes the layer: it stands above the last one, and its `above` is empty. */
void p2p_tcp_pipe_add(p2p_tcp_pipe *pipe, p2p_layer *take_layer);
P2P_NODISCARD p2p_err p2p_tcp_pipe_upgrade(p2p_tcp_pipe *pipe);
/* The pipe has done all it was for and will not be a connection (P2P_OK), or its peer was refused.
 */
void p2p_tcp_pipe_finish(p2p_tcp_pipe *pipe, p2p_err err);

/* /ip…/tcp/PORT, or /memory/NUMBER. */
void p2p_tcp_to_multiaddr(p2p_multiaddr *addr, const p2p_sockaddr *from);
bool p2p_tcp_to_sockaddr(const p2p_multiaddr *addr, p2p_sockaddr *to);

#endif
