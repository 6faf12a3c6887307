/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sockets of a host as its transports see them. A transport asks for one and implements
 * p2p_sock_ops; the host turns requests into effects and inputs into calls. A p2p_sock is embedded
 * in its owner.
 */
#ifndef P2P_STACK_IO_H
#define P2P_STACK_IO_H

#include <p2p/driver.h>

#include "base/list.h"
#include "base/map.h"

typedef struct p2p_env p2p_env;
typedef struct p2p_sock p2p_sock;

typedef struct p2p_sock_ops {
    /* CONNECT, LISTEN, BIND succeeded. */
    void (*opened)(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote);
    /* Listeners: a connection arrived. Take it with p2p_io_adopt or refuse it with p2p_io_refuse,
     * in this call. */
    void (*accepted)(p2p_sock *listener, p2p_socket socket, const p2p_sockaddr *local,
        const p2p_sockaddr *remote);
    void (*bytes)(p2p_sock *sock, uint8_t *data, size_t len);
    void (*eof)(p2p_sock *sock);
    /* One datagram; `data` may be changed. */
    void (*datagram)(p2p_sock *sock, uint8_t *data, size_t len, const p2p_input *from);
    /* The socket is gone or was never made; it is out of the table when this is called. */
    void (*closed)(p2p_sock *sock, p2p_err err);
    size_t (*draw)(p2p_sock *sock, uint8_t *dst, size_t cap);
    bool (*draw_datagrams)(
        p2p_sock *sock, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out);
} p2p_sock_ops;

struct p2p_sock {
    const p2p_sock_ops *ops;
    struct p2p_slot *slot; /* its place in the table; NULL: none */
};

/*
 * The table's entry of a socket. It outlives the p2p_sock until the driver has been told to close,
 * so that closing needs no memory.
 */
typedef struct p2p_slot {
    p2p_list node; /* in io->pending */
    p2p_socket id;
    p2p_sock *sock;  /* NULL: only its CLOSE effect is left */
    uint32_t wanted; /* effects not yet given to the driver, a bit for each p2p_effect_type */
    p2p_sockaddr local, remote;
    bool told;  /* the driver knows the socket */
    bool on;    /* ACCEPT, READ */
    bool abort; /* CLOSE */
} p2p_slot;

/* A request for names (RESOLVE). Embedded in its owner. */
typedef struct p2p_resolve {
    void (*done)(struct p2p_resolve *resolve, p2p_err err, const p2p_sockaddr *addrs, size_t count);
    uint64_t request; /* 0: not running */
    p2p_list node;
    uint8_t family;
    char name[256];
} p2p_resolve;

enum { P2P_IO_REFUSED_MAX = 16 };

typedef struct p2p_io {
    p2p_env *env;
    p2p_map slots;                          /* id → p2p_slot */
    p2p_map resolves;                       /* request → p2p_resolve */
    p2p_list pending;                       /* slots with wanted effects */
    p2p_list asking;                        /* resolves not yet given to the driver */
    p2p_socket refused[P2P_IO_REFUSED_MAX]; /* accepted sockets that nobody took, to be closed */
    size_t refused_count;
    uint64_t next_socket;
    uint64_t next_request;
    /* INTERFACES input. */
    void (*interfaces)(p2p_env *env, const p2p_sockaddr *addrs, size_t count);
} p2p_io;

void p2p_io_init(p2p_io *io, p2p_env *env);
void p2p_io_deinit(p2p_io *io);

/* Ask for a socket. Only NO_MEMORY; everything else comes as opened or closed. `from` may be NULL.
 */
P2P_NODISCARD p2p_err p2p_io_connect(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops,
    const p2p_sockaddr *to, const p2p_sockaddr *from);
P2P_NODISCARD p2p_err p2p_io_listen(
    p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, const p2p_sockaddr *at);
P2P_NODISCARD p2p_err p2p_io_bind(
    p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, const p2p_sockaddr *at);
/* Takes over an accepted socket. NO_MEMORY refuses it. */
P2P_NODISCARD p2p_err p2p_io_adopt(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops,
    p2p_socket socket, const p2p_sockaddr *local, const p2p_sockaddr *remote);
void p2p_io_refuse(p2p_io *io, p2p_socket socket);

/* There is something to draw. */
void p2p_io_wake(p2p_io *io, p2p_sock *sock);
/* Ends our direction after what draw still gives. */
void p2p_io_shut(p2p_io *io, p2p_sock *sock);
/* Pauses or resumes reading (stream sockets) or accepting (listeners). */
void p2p_io_enable(p2p_io *io, p2p_sock *sock, bool on);
/* Out of the table at once; no call comes any more. Does nothing if it is not in the table. */
void p2p_io_close(p2p_io *io, p2p_sock *sock, bool abort);

/* resolve->name and family are set by the caller. NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_io_resolve(p2p_io *io, p2p_resolve *resolve);
void p2p_io_cancel_resolve(p2p_io *io, p2p_resolve *resolve);

static inline const p2p_sockaddr *p2p_sock_local(const p2p_sock *sock) {
    return &sock->slot->local;
}

static inline const p2p_sockaddr *p2p_sock_remote(const p2p_sock *sock) {
    return &sock->slot->remote;
}

/* For the host only. */
void p2p_io_input(p2p_io *io, const p2p_input *input);
bool p2p_io_next_effect(p2p_io *io, p2p_effect *effect);
p2p_sock *p2p_io_find(const p2p_io *io, p2p_socket socket);

#endif
