/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TCP: /ip4/…/tcp/PORT and /ip6/…/tcp/PORT, and /memory/NUMBER, which is the same thing inside a
 * process. A socket carries an upgrade (stack/upgrade.h) and, once that is ready, the connection
 * that came of it.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/upgrade.h"
#include "transport/transport.h"

typedef struct tcp_transport {
    p2p_transport transport;
    p2p_list pipes; /* that are not connections yet */
} tcp_transport;

/* One socket and what stands on it. */
typedef struct tcp_pipe {
    p2p_sock sock;
    p2p_wire wire;
    p2p_carrier carrier;
    tcp_transport *tcp;
    p2p_list node; /* in tcp->pipes, until it is a connection */
    p2p_dead dead;
    p2p_dial *dial; /* NULL: inbound, or not wanted any more */
    p2p_upgrade *upgrade;
    p2p_conn *conn; /* when ready */
    p2p_timer deadline;
    p2p_sockaddr local, remote;
    p2p_time started;
    bool over;
} tcp_pipe;

typedef struct tcp_listener {
    p2p_sock sock;
    tcp_transport *tcp;
    p2p_listener *listener;
} tcp_listener;

/* --- addresses
 * -----------------------------------------------------------------------------------------------------
 */

static bool is_memory(const p2p_multiaddr *addr, p2p_sockaddr *to) {
    p2p_component part;
    size_t at = 0;
    if (!p2p_multiaddr_next(addr, &at, &part) || part.code != P2P_MEMORY || at != addr->len)
        return false;
    *to = (p2p_sockaddr){.family = P2P_FAMILY_MEMORY};
    memcpy(to->ip, part.value.ptr, 8);
    return true;
}

/* /ip…/tcp/PORT and nothing behind it. */
static bool plain_tcp(const p2p_multiaddr *addr) {
    p2p_component part;
    size_t at = 0;
    if (!p2p_multiaddr_next(addr, &at, &part))
        return false;
    if (part.code == P2P_IP6ZONE && !p2p_multiaddr_next(addr, &at, &part))
        return false;
    bool host = part.code == P2P_IP4 || part.code == P2P_IP6 || part.code == P2P_DNS ||
                part.code == P2P_DNS4 || part.code == P2P_DNS6;
    return host && p2p_multiaddr_next(addr, &at, &part) && part.code == P2P_TCP && at == addr->len;
}

static bool to_sockaddr(const p2p_multiaddr *addr, p2p_sockaddr *to) {
    p2p_proto_code code;
    return is_memory(addr, to) || (p2p_multiaddr_to_sockaddr(addr, to, &code) && code == P2P_TCP);
}

static void to_multiaddr(p2p_multiaddr *addr, const p2p_sockaddr *from) {
    addr->len = 0;
    if (from->family == 4 || from->family == 6)
        p2p_multiaddr_from_sockaddr(addr, from, P2P_TCP);
    else if (from->family == P2P_FAMILY_MEMORY &&
             p2p_multiaddr_push(addr, P2P_MEMORY, p2p_bytes_of(from->ip, 8)) != P2P_OK)
        addr->len = 0; /* cannot be: eight bytes fit */
}

static bool can_dial(const p2p_multiaddr *addr) {
    p2p_sockaddr to;
    return plain_tcp(addr) || is_memory(addr, &to);
}

static bool can_listen(const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    return can_dial(addr) && to_sockaddr(addr, &at);
}

/* --- the pipe's end
 * --------------------------------------------------------------------------------------------------
 */

static void free_pipe(tcp_pipe *pipe) {
    p2p_env *env = pipe->tcp->transport.env;
    p2p_io_close(&env->io, &pipe->sock, true);
    p2p_upgrade_free(pipe->upgrade);
    p2p_timers_forget(&env->timers, &pipe->deadline);
    p2p_list_remove(&pipe->node);
    p2p_mem_free(env->mem, pipe, sizeof *pipe);
}

static void free_dead_pipe(p2p_dead *dead) {
    free_pipe(P2P_CONTAINER(dead, tcp_pipe, dead));
}

/* It will not become a connection: say so and bury it. */
static void give_up(tcp_pipe *pipe, p2p_err err, const char *text) {
    p2p_transport *transport = &pipe->tcp->transport;
    if (pipe->over)
        return;
    pipe->over = true;
    p2p_io_close(&transport->env->io, &pipe->sock, true);
    p2p_timer_set(&transport->env->timers, &pipe->deadline, P2P_NEVER);
    if (pipe->dial != NULL) {
        pipe->dial->transport_data = NULL;
        pipe->dial->patient = pipe->upgrade != NULL && p2p_upgrade_retry_patiently(pipe->upgrade);
        transport->up->dial_failed(transport->swarm, pipe->dial, err, text);
    } else {
        p2p_multiaddr addr;
        to_multiaddr(&addr, &pipe->remote);
        transport->up->inbound_ended(transport->swarm, &pipe->remote, &addr, err, text);
    }
    p2p_env_bury(transport->env, &pipe->dead, free_dead_pipe);
}

/* The socket never opened: says where to, and what the system said. */
static void explain_connect(const tcp_pipe *pipe, p2p_err err, char text[240]) {
    p2p_multiaddr addr;
    char to[P2P_MULTIADDR_TEXT_MAX];
    to_multiaddr(&addr, &pipe->remote);
    p2p_multiaddr_format(to, sizeof to, &addr);
    if (err == P2P_ERR_REFUSED)
        snprintf(text, 240, "nobody listens at %.120s (connection refused)", to);
    else if (err == P2P_ERR_TIMEOUT)
        snprintf(text, 240, "time ran out while connecting to %.120s: no answer", to);
    else if (err == P2P_ERR_UNREACHABLE)
        snprintf(text, 240, "there is no way to %.120s", to);
    else
        snprintf(text, 240, "cannot connect to %.120s: %s", to, p2p_err_text(err));
}

static void fail(tcp_pipe *pipe, p2p_err err) {
    char text[240];
    if (pipe->upgrade != NULL && (err == P2P_ERR_EOF || err == P2P_ERR_RESET))
        p2p_upgrade_cut_off(pipe->upgrade);
    if (pipe->upgrade != NULL)
        p2p_upgrade_explain(pipe->upgrade, err, text);
    else
        explain_connect(pipe, err, text);
    if (pipe->conn != NULL)
        p2p_conn_ended(pipe->conn, err, true, 0, text);
    else
        give_up(pipe, err, text);
}

static void timed_out(p2p_timer *timer, p2p_time now) {
    (void)now;
    fail(P2P_CONTAINER(timer, tcp_pipe, deadline), P2P_ERR_TIMEOUT);
}

static void carrier_ended(p2p_carrier *carrier, bool abort) {
    tcp_pipe *pipe = P2P_CONTAINER(carrier, tcp_pipe, carrier);
    pipe->over = true;
    p2p_io_close(&pipe->tcp->transport.env->io, &pipe->sock, abort);
}

static void carrier_free(p2p_carrier *carrier) {
    free_pipe(P2P_CONTAINER(carrier, tcp_pipe, carrier));
}

/* --- the upgrade
 * --------------------------------------------------------------------------------------------------------
 */

static void wake(p2p_wire *wire) {
    tcp_pipe *pipe = P2P_CONTAINER(wire, tcp_pipe, wire);
    p2p_io_wake(&pipe->tcp->transport.env->io, &pipe->sock);
}

static void shut(p2p_wire *wire) {
    tcp_pipe *pipe = P2P_CONTAINER(wire, tcp_pipe, wire);
    p2p_io_shut(&pipe->tcp->transport.env->io, &pipe->sock);
}

static const p2p_wire_ops WIRE_OPS = {wake, shut};

static void upgrade_ready(void *ctx, p2p_conn *conn) {
    tcp_pipe *pipe = ctx;
    p2p_transport *transport = &pipe->tcp->transport;
    p2p_timer_set(&transport->env->timers, &pipe->deadline, P2P_NEVER);
    p2p_list_remove(&pipe->node);
    pipe->conn = conn;
    pipe->carrier = (p2p_carrier){carrier_ended, carrier_free};
    conn->carrier = &pipe->carrier;
    conn->transport = pipe->remote.family == P2P_FAMILY_MEMORY ? "memory" : "tcp";
    conn->started = pipe->started;
    to_multiaddr(&conn->local, &pipe->local);
    to_multiaddr(&conn->remote, &pipe->remote);
    p2p_dial *dial = pipe->dial;
    pipe->dial = NULL;
    if (dial != NULL)
        dial->transport_data = NULL;
    /* When the swarm does not want it, it has ended and buried it: nothing is left to do here. */
    p2p_err err = transport->up->connected(transport->swarm, dial, &pipe->remote, conn);
    (void)err;
}

static void upgrade_failed(void *ctx, p2p_err err) {
    fail(ctx, err);
}

static void start_upgrade(tcp_pipe *pipe) {
    p2p_upgrade_params params = {.env = pipe->tcp->transport.env,
        .wire = &pipe->wire,
        .initiator = pipe->dial != NULL,
        .ready = upgrade_ready,
        .failed = upgrade_failed,
        .ctx = pipe};
    if (pipe->dial != NULL) {
        params.expected = pipe->dial->expected;
        params.patient = pipe->dial->patient;
    }
    p2p_err err = p2p_upgrade_new(&pipe->upgrade, &params, NULL);
    if (err != P2P_OK)
        fail(pipe, err);
}

/* --- the socket
 * ------------------------------------------------------------------------------------------------------------
 */

static void sock_opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    tcp_pipe *pipe = P2P_CONTAINER(sock, tcp_pipe, sock);
    pipe->local = *local;
    if (remote->family != 0) /* else it is the one asked for */
        pipe->remote = *remote;
    pipe->tcp->transport.up->progress(pipe->tcp->transport.swarm, pipe->dial);
    start_upgrade(pipe);
}

static void sock_bytes(p2p_sock *sock, uint8_t *data, size_t len) {
    tcp_pipe *pipe = P2P_CONTAINER(sock, tcp_pipe, sock);
    p2p_err err = p2p_layer_feed(pipe->wire.bottom, data, len);
    if (err != P2P_OK && !pipe->over)
        fail(pipe, err);
    else
        wake(&pipe->wire); /* what a layer answers inside of feed it does not announce */
}

static size_t sock_draw(p2p_sock *sock, uint8_t *dst, size_t cap) {
    tcp_pipe *pipe = P2P_CONTAINER(sock, tcp_pipe, sock);
    size_t len;
    p2p_err err = p2p_layer_draw(pipe->wire.bottom, dst, cap, &len);
    if (err != P2P_OK && !pipe->over)
        fail(pipe, err);
    return len;
}

static void sock_eof(p2p_sock *sock) {
    tcp_pipe *pipe = P2P_CONTAINER(sock, tcp_pipe, sock);
    p2p_err err = p2p_layer_eof(pipe->wire.bottom);
    if (!pipe->over)
        fail(pipe, err == P2P_OK ? P2P_ERR_EOF : err);
}

static void sock_closed(p2p_sock *sock, p2p_err err) {
    tcp_pipe *pipe = P2P_CONTAINER(sock, tcp_pipe, sock);
    if (!pipe->over)
        fail(pipe, err == P2P_OK ? P2P_ERR_RESET : err);
}

static const p2p_sock_ops PIPE_OPS = {.opened = sock_opened,
    .bytes = sock_bytes,
    .eof = sock_eof,
    .closed = sock_closed,
    .draw = sock_draw};

static tcp_pipe *new_pipe(tcp_transport *tcp, p2p_time patience) {
    p2p_env *env = tcp->transport.env;
    tcp_pipe *pipe = p2p_mem_alloc(env->mem, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->tcp = tcp;
    pipe->wire.ops = &WIRE_OPS;
    pipe->started = env->now;
    if (p2p_timers_expect(&env->timers, &pipe->deadline, timed_out) != P2P_OK) {
        p2p_mem_free(env->mem, pipe, sizeof *pipe);
        return NULL;
    }
    p2p_timer_set(&env->timers, &pipe->deadline, env->now + patience);
    p2p_list_push(&tcp->pipes, &pipe->node);
    return pipe;
}

/* --- dialling
 * ----------------------------------------------------------------------------------------------------------------
 */

static p2p_err dial(p2p_transport *transport, p2p_dial *dial) {
    tcp_transport *tcp = P2P_CONTAINER(transport, tcp_transport, transport);
    p2p_env *env = transport->env;
    p2p_sockaddr to;
    if (!to_sockaddr(&dial->addr, &to))
        return P2P_ERR_UNSUPPORTED;
    bool near = to.family == P2P_FAMILY_MEMORY || !p2p_sockaddr_is_public(&to);
    tcp_pipe *pipe = new_pipe(tcp, near ? env->timeouts->dial_local : env->timeouts->dial);
    if (pipe == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_io_connect(&env->io, &pipe->sock, &PIPE_OPS, &to, NULL);
    if (err != P2P_OK) {
        free_pipe(pipe);
        return err;
    }
    pipe->dial = dial;
    pipe->remote = to;
    dial->transport_data = pipe;
    return P2P_OK;
}

static void cancel(p2p_transport *transport, p2p_dial *dial) {
    tcp_pipe *pipe = dial->transport_data;
    dial->transport_data = NULL;
    if (pipe == NULL)
        return;
    pipe->over = true;
    pipe->dial = NULL;
    p2p_io_close(&transport->env->io, &pipe->sock, true);
    p2p_timer_set(&transport->env->timers, &pipe->deadline, P2P_NEVER);
    p2p_env_bury(transport->env, &pipe->dead, free_dead_pipe);
}

/* --- listening
 * ------------------------------------------------------------------------------------------------------------------
 */

static void accepted(
    p2p_sock *sock, p2p_socket socket, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    tcp_listener *own = P2P_CONTAINER(sock, tcp_listener, sock);
    p2p_transport *transport = &own->tcp->transport;
    p2p_env *env = transport->env;
    p2p_multiaddr addr;
    to_multiaddr(&addr, remote);
    if (!transport->up->admit(transport->swarm, remote, &addr)) {
        p2p_io_refuse(&env->io, socket);
        return;
    }
    tcp_pipe *pipe = new_pipe(own->tcp, env->timeouts->accept);
    if (pipe == NULL) {
        p2p_io_refuse(&env->io, socket);
        transport->up->inbound_ended(
            transport->swarm, remote, &addr, P2P_ERR_NO_MEMORY, "out of memory");
        return;
    }
    pipe->local = *local;
    pipe->remote = *remote;
    if (p2p_io_adopt(&env->io, &pipe->sock, &PIPE_OPS, socket, local, remote) != P2P_OK)
        give_up(pipe, P2P_ERR_NO_MEMORY, "out of memory");
    else
        start_upgrade(pipe);
}

static void listener_opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)remote;
    tcp_listener *own = P2P_CONTAINER(sock, tcp_listener, sock);
    p2p_multiaddr bound;
    to_multiaddr(&bound, local);
    own->tcp->transport.up->listening(own->tcp->transport.swarm, own->listener, &bound);
}

static void free_listener(tcp_listener *own) {
    own->listener->transport_data = NULL;
    p2p_mem_free(own->tcp->transport.env->mem, own, sizeof *own);
}

static void listener_closed(p2p_sock *sock, p2p_err err) {
    tcp_listener *own = P2P_CONTAINER(sock, tcp_listener, sock);
    p2p_transport *transport = &own->tcp->transport;
    p2p_listener *listener = own->listener;
    free_listener(own);
    transport->up->listen_ended(transport->swarm, listener, err);
}

static const p2p_sock_ops LISTENER_OPS = {
    .opened = listener_opened, .accepted = accepted, .closed = listener_closed};

static p2p_err listen_at(p2p_transport *transport, p2p_listener *listener) {
    p2p_sockaddr at;
    if (!to_sockaddr(&listener->addr, &at))
        return P2P_ERR_UNSUPPORTED;
    tcp_listener *own = p2p_mem_alloc(transport->env->mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->tcp = P2P_CONTAINER(transport, tcp_transport, transport);
    own->listener = listener;
    p2p_err err = p2p_io_listen(&transport->env->io, &own->sock, &LISTENER_OPS, &at);
    if (err != P2P_OK) {
        p2p_mem_free(transport->env->mem, own, sizeof *own);
        return err;
    }
    listener->transport_data = own;
    return P2P_OK;
}

static void unlisten(p2p_transport *transport, p2p_listener *listener) {
    tcp_listener *own = listener->transport_data;
    if (own == NULL)
        return;
    p2p_io_close(&transport->env->io, &own->sock, false);
    free_listener(own);
}

/* --- the transport
 * ----------------------------------------------------------------------------------------------------------------
 */

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    tcp_transport *tcp = p2p_mem_alloc(env->mem, sizeof *tcp);
    if (tcp == NULL)
        return P2P_ERR_NO_MEMORY;
    tcp->transport = (p2p_transport){&p2p_tcp, env, up, swarm};
    p2p_list_init(&tcp->pipes);
    *out = &tcp->transport;
    return P2P_OK;
}

static void free_transport(p2p_transport *transport) {
    tcp_transport *tcp = P2P_CONTAINER(transport, tcp_transport, transport);
    while (!p2p_list_empty(&tcp->pipes))
        free_pipe(P2P_CONTAINER(tcp->pipes.next, tcp_pipe, node));
    p2p_mem_free(transport->env->mem, tcp, sizeof *tcp);
}

const p2p_transport_type p2p_tcp = {
    "tcp", can_dial, can_listen, start, free_transport, dial, cancel, listen_at, unlisten};
