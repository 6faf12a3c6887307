/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sockets are kept for the whole host, because listeners of different transports meet here.
 * Accepted connections get a copy of what the socket offers at that moment, so nothing of theirs
 * refers to a listener.
 */
#include "transport/tcp_mux.h"

#include "base/bytes.h"
#include "base/mem.h"

typedef struct tcp_mux {
    p2p_env_part part;
    const p2p_mem *mem;
    p2p_list sockets;
} tcp_mux;

typedef struct mux_socket {
    p2p_sock sock;
    p2p_list node;      /* in tcp_mux.sockets */
    p2p_list listeners; /* mux_listener.node */
    p2p_sockaddr at;    /* as asked for; once open, as bound */
    bool open;
} mux_socket;

typedef struct mux_listener {
    p2p_list node;
    mux_socket *socket;
    p2p_tcp_transport *owner;
    const p2p_tcp_kind *kind;
    p2p_listener *listener;
} mux_listener;

static const char OWNER; /* its address is the part's name */

static void free_mux(p2p_env_part *part) {
    tcp_mux *mux = P2P_CONTAINER(part, tcp_mux, part);
    p2p_mem_free(mux->mem, mux, sizeof *mux);
}

static tcp_mux *mux_of(p2p_env *env) {
    p2p_env_part *found = p2p_env_find_part(env, &OWNER);
    if (found != NULL)
        return P2P_CONTAINER(found, tcp_mux, part);
    tcp_mux *mux = p2p_mem_alloc(env->mem, sizeof *mux);
    if (mux == NULL)
        return NULL;
    mux->mem = env->mem;
    p2p_list_init(&mux->sockets);
    p2p_env_add_part(env, &mux->part, &OWNER, free_mux);
    return mux;
}

/* --- the socket --- */

static mux_listener *listener_at(const p2p_list *node) {
    return P2P_CONTAINER(node, mux_listener, node);
}

/* The bound address with what followed the port when it was asked for; /wss in its modern form. */
static void report(const mux_listener *own) {
    p2p_transport *transport = &own->owner->transport;
    const p2p_multiaddr *asked = &own->listener->addr;
    p2p_multiaddr bound;
    p2p_component part;
    size_t at;
    p2p_err err = P2P_OK;
    p2p_tcp_to_multiaddr(&bound, &own->socket->at);
    bool more = p2p_addr_begins(asked, P2P_TCP, &at);
    while (more && err == P2P_OK && p2p_multiaddr_next(asked, &at, &part)) {
        if (part.code == P2P_WSS) {
            err = p2p_multiaddr_push(&bound, P2P_TLS, (p2p_bytes){0});
            part.code = P2P_WS;
        }
        if (err == P2P_OK)
            err = p2p_multiaddr_push(&bound, part.code, part.value);
    }
    transport->up->listening(transport->swarm, own->listener, &bound);
}

static void opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)remote;
    mux_socket *socket = P2P_CONTAINER(sock, mux_socket, sock);
    socket->at = *local;
    socket->open = true;
    for (p2p_list *node = socket->listeners.next; node != &socket->listeners; node = node->next)
        report(listener_at(node));
}

static void accepted(
    p2p_sock *sock, p2p_socket accepted, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    const mux_socket *socket = P2P_CONTAINER(sock, mux_socket, sock);
    p2p_tcp_choice choices[P2P_TCP_KINDS_MAX];
    size_t count = 0;
    for (p2p_list *node = socket->listeners.next; node != &socket->listeners; node = node->next) {
        const mux_listener *own = listener_at(node);
        size_t i = 0;
        while (i < count && choices[i].kind != own->kind)
            i++;
        if (i == count && count < P2P_TCP_KINDS_MAX)
            choices[count++] = (p2p_tcp_choice){own->kind, own->owner};
    }
    p2p_tcp_accept(choices, count, accepted, local, remote);
}

static void free_listener(p2p_env *env, mux_listener *own) {
    own->listener->transport_data = NULL;
    p2p_list_remove(&own->node);
    p2p_mem_free(env->mem, own, sizeof *own);
}

static void free_socket(p2p_env *env, mux_socket *socket) {
    p2p_io_close(&env->io, &socket->sock, false);
    p2p_list_remove(&socket->node);
    p2p_mem_free(env->mem, socket, sizeof *socket);
}

static void closed(p2p_sock *sock, p2p_err err) {
    mux_socket *socket = P2P_CONTAINER(sock, mux_socket, sock);
    p2p_env *env = NULL;
    while (!p2p_list_empty(&socket->listeners)) {
        mux_listener *own = listener_at(socket->listeners.next);
        p2p_transport *transport = &own->owner->transport;
        p2p_listener *listener = own->listener;
        env = transport->env;
        free_listener(env, own);
        transport->up->listen_ended(transport->swarm, listener, err);
    }
    if (env != NULL) /* a socket without listeners does not exist */
        free_socket(env, socket);
}

static const p2p_sock_ops SOCKET_OPS = {.opened = opened, .accepted = accepted, .closed = closed};

/* --- listening --- */

/* Port 0 is never shared: everybody who asks for it wants another. */
static mux_socket *find_socket(const tcp_mux *mux, const p2p_sockaddr *at) {
    for (p2p_list *node = mux->sockets.next; at->port != 0 && node != &mux->sockets;
         node = node->next) {
        mux_socket *socket = P2P_CONTAINER(node, mux_socket, node);
        if (p2p_sockaddr_equal(&socket->at, at) && socket->at.scope == at->scope)
            return socket;
    }
    return NULL;
}

static bool taken(const mux_socket *socket, const p2p_multiaddr *addr) {
    for (p2p_list *node = socket->listeners.next; node != &socket->listeners; node = node->next)
        if (p2p_multiaddr_equal(&listener_at(node)->listener->addr, addr))
            return true;
    return false;
}

static p2p_err new_socket(mux_socket **out, tcp_mux *mux, p2p_env *env, const p2p_sockaddr *at) {
    mux_socket *socket = p2p_mem_alloc(env->mem, sizeof *socket);
    if (socket == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_list_init(&socket->listeners);
    socket->at = *at;
    p2p_err err = p2p_io_listen(&env->io, &socket->sock, &SOCKET_OPS, at);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, socket, sizeof *socket);
        return err;
    }
    p2p_list_push(&mux->sockets, &socket->node);
    *out = socket;
    return P2P_OK;
}

p2p_err p2p_tcp_listen(p2p_tcp_transport *tcp, p2p_listener *listener, const p2p_tcp_kind *kind,
    const p2p_sockaddr *at) {
    p2p_env *env = tcp->transport.env;
    tcp_mux *mux = mux_of(env);
    mux_listener *own = mux == NULL ? NULL : p2p_mem_alloc(env->mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    mux_socket *socket = find_socket(mux, at);
    p2p_err err = P2P_OK;
    if (socket == NULL)
        err = new_socket(&socket, mux, env, at);
    else if (taken(socket, &listener->addr))
        err = P2P_ERR_ADDRESS_IN_USE;
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, own, sizeof *own);
        return err;
    }
    *own = (mux_listener){.socket = socket, .owner = tcp, .kind = kind, .listener = listener};
    p2p_list_push(&socket->listeners, &own->node);
    listener->transport_data = own;
    if (socket->open)
        report(own);
    return P2P_OK;
}

void p2p_tcp_unlisten(p2p_tcp_transport *tcp, p2p_listener *listener) {
    mux_listener *own = listener->transport_data;
    if (own == NULL)
        return;
    mux_socket *socket = own->socket;
    free_listener(tcp->transport.env, own);
    if (p2p_list_empty(&socket->listeners))
        free_socket(tcp->transport.env, socket);
}
