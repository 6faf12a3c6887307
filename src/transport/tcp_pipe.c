/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of a pipe: dialled or accepted, perhaps waiting for the first byte, upgraded, then a
 * connection's carrier. Whoever ends it first says how (p2p_tcp_pipe.over); after that it may
 * linger until what the lower layers still have to say (a WebSocket's close, an HTTP answer, TLS's
 * close_notify) has been drawn.
 */
#include "transport/tcp_pipe.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { LINGERING_MAX = 64 };

#define LINGER_TIME P2P_SECOND
/* go-libp2p's patience with a client that does not say what it speaks. */
#define FIRST_BYTE_TIME (5 * P2P_SECOND)

/* --- addresses --- */

static bool is_memory(const p2p_multiaddr *addr, p2p_sockaddr *to) {
    p2p_component part;
    size_t at = 0;
    if (!p2p_multiaddr_next(addr, &at, &part) || part.code != P2P_MEMORY || at != addr->len)
        return false;
    *to = (p2p_sockaddr){.family = P2P_FAMILY_MEMORY};
    memcpy(to->ip, part.value.ptr, 8);
    return true;
}

bool p2p_tcp_to_sockaddr(const p2p_multiaddr *addr, p2p_sockaddr *to) {
    p2p_proto_code code;
    return is_memory(addr, to) || (p2p_multiaddr_to_sockaddr(addr, to, &code) && code == P2P_TCP);
}

void p2p_tcp_to_multiaddr(p2p_multiaddr *addr, const p2p_sockaddr *from) {
    addr->len = 0;
    if (from->family == 4 || from->family == 6)
        p2p_multiaddr_from_sockaddr(addr, from, P2P_TCP);
    else if (from->family == P2P_FAMILY_MEMORY &&
             p2p_multiaddr_push(addr, P2P_MEMORY, p2p_bytes_of(from->ip, 8)) != P2P_OK)
        addr->len = 0; /* cannot be: eight bytes fit */
}

static void addr_of_kind(p2p_multiaddr *addr, const p2p_sockaddr *from, const p2p_tcp_kind *kind) {
    p2p_tcp_to_multiaddr(addr, from);
    for (size_t i = 0; kind != NULL && i < P2P_COUNT(kind->tail) && kind->tail[i] != 0; i++)
        if (p2p_multiaddr_push(addr, kind->tail[i], (p2p_bytes){0}) != P2P_OK)
            return; /* cannot be: it is short */
}

/* --- the pipe's end --- */

static p2p_env *env_of(const p2p_tcp_pipe *pipe) {
    return pipe->owner->transport.env;
}

static void wake(p2p_wire *wire) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(wire, p2p_tcp_pipe, wire);
    p2p_io_wake(&env_of(pipe)->io, &pipe->sock);
}

static void free_lower(p2p_tcp_pipe *pipe) {
    while (pipe->lower_count > 0) {
        p2p_layer *layer = pipe->lower[--pipe->lower_count];
        layer->ops->free(layer);
    }
}

static void free_pipe(p2p_tcp_pipe *pipe) {
    p2p_env *env = env_of(pipe);
    pipe->owner->lingering -= pipe->lingering;
    p2p_io_close(&env->io, &pipe->sock, true);
    p2p_upgrade_free(pipe->upgrade);
    free_lower(pipe);
    p2p_timers_forget(&env->timers, &pipe->deadline);
    p2p_list_remove(&pipe->node);
    p2p_mem_free(env->mem, pipe, sizeof *pipe);
}

static void free_dead_pipe(p2p_dead *dead) {
    free_pipe(P2P_CONTAINER(dead, p2p_tcp_pipe, dead));
}

/* The socket is not needed any more, and neither is the pipe unless a connection stands on it. */
static void bury(p2p_tcp_pipe *pipe, bool abort) {
    pipe->owner->lingering -= pipe->lingering;
    pipe->lingering = false;
    p2p_io_close(&env_of(pipe)->io, &pipe->sock, abort);
    p2p_timer_set(&env_of(pipe)->timers, &pipe->deadline, P2P_NEVER);
    if (!pipe->carries)
        p2p_env_bury(env_of(pipe), &pipe->dead, free_dead_pipe);
}

/* How it ended has been said. Lower layers get a little time for their last words. */
static void part(p2p_tcp_pipe *pipe, bool abort) {
    pipe->over = true;
    if (pipe->lower_count == 0 || pipe->sock.slot == NULL ||
        pipe->owner->lingering == LINGERING_MAX) {
        bury(pipe, abort);
        return;
    }
    pipe->lingering = true;
    pipe->owner->lingering++;
    for (size_t i = pipe->lower_count; i-- > 0;)
        if (pipe->lower[i]->ops->shut != NULL)
            pipe->lower[i]->ops->shut(pipe->lower[i]);
    p2p_timer_set(&env_of(pipe)->timers, &pipe->deadline, env_of(pipe)->now + LINGER_TIME);
    wake(&pipe->wire);
}

/* It will not become a connection: say so. */
static void give_up(p2p_tcp_pipe *pipe, p2p_err err, const char *text) {
    p2p_transport *transport = &pipe->owner->transport;
    if (pipe->over)
        return;
    pipe->over = true;
    p2p_dial *dial = pipe->dial;
    if (dial != NULL) {
        pipe->dial = NULL;
        dial->transport_data = NULL;
        dial->patient = pipe->upgrade != NULL && p2p_upgrade_retry_patiently(pipe->upgrade);
    }
    part(pipe, true);
    if (dial != NULL)
        transport->up->dial_failed(transport->swarm, dial, err, text);
    else
        transport->up->inbound_ended(
            transport->swarm, &pipe->remote, &pipe->remote_addr, err, text);
}

/* The socket never opened: says where to, and what the system said. */
static void explain_connect(const p2p_tcp_pipe *pipe, p2p_err err, char text[P2P_REASON_TEXT_MAX]) {
    p2p_multiaddr addr;
    char to[P2P_MULTIADDR_TEXT_MAX];
    p2p_tcp_to_multiaddr(&addr, &pipe->remote);
    p2p_multiaddr_format(to, sizeof to, &addr);
    if (pipe->dial == NULL)
        snprintf(text, P2P_REASON_TEXT_MAX, "%s before the client's first byte", p2p_err_text(err));
    else if (err == P2P_ERR_REFUSED)
        snprintf(text, P2P_REASON_TEXT_MAX, "nobody listens at %.120s (connection refused)", to);
    else if (err == P2P_ERR_TIMEOUT)
        snprintf(
            text, P2P_REASON_TEXT_MAX, "time ran out while connecting to %.120s: no answer", to);
    else if (err == P2P_ERR_UNREACHABLE)
        snprintf(text, P2P_REASON_TEXT_MAX, "there is no way to %.120s", to);
    else
        snprintf(text, P2P_REASON_TEXT_MAX, "cannot connect to %.120s: %s", to, p2p_err_text(err));
}

static void fail(p2p_tcp_pipe *pipe, p2p_err err) {
    char text[P2P_REASON_TEXT_MAX];
    if (pipe->over)
        return;
    if (pipe->upgrade != NULL && (err == P2P_ERR_EOF || err == P2P_ERR_RESET))
        p2p_upgrade_cut_off(pipe->upgrade);
    if (pipe->why[0] != '\0')
        snprintf(text, sizeof text, "%s", pipe->why);
    else if (pipe->upgrade != NULL)
        p2p_upgrade_explain(pipe->upgrade, err, text);
    else if (pipe->lower_count > 0)
        snprintf(text, sizeof text, "%s during the WebSocket handshake", p2p_err_text(err));
    else
        explain_connect(pipe, err, text);
    if (pipe->conn != NULL)
        p2p_conn_ended(pipe->conn, err, true, 0, text);
    else
        give_up(pipe, err, text);
}

void p2p_tcp_pipe_finish(p2p_tcp_pipe *pipe, p2p_err err) {
    if (err == P2P_OK)
        give_up(pipe, err, "");
    else
        fail(pipe, err);
}

static void timed_out(p2p_timer *timer, p2p_time now) {
    (void)now;
    p2p_tcp_pipe *pipe = P2P_CONTAINER(timer, p2p_tcp_pipe, deadline);
    if (pipe->lingering)
        bury(pipe, true);
    else
        fail(pipe, P2P_ERR_TIMEOUT);
}

static void carrier_ended(p2p_carrier *carrier, bool abort) {
    part(P2P_CONTAINER(carrier, p2p_tcp_pipe, carrier), abort);
}

static void carrier_free(p2p_carrier *carrier) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(carrier, p2p_tcp_pipe, carrier);
    if (!pipe->lingering) {
        free_pipe(pipe);
        return;
    }
    pipe->carries = false;
    pipe->conn = NULL;
    p2p_upgrade_free(pipe->upgrade);
    pipe->upgrade = NULL;
    pipe->lower[pipe->lower_count - 1]->above = NULL;
}

/* --- the upgrade --- */

static void shut(p2p_wire *wire) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(wire, p2p_tcp_pipe, wire);
    p2p_io_shut(&env_of(pipe)->io, &pipe->sock);
}

static const p2p_wire_ops WIRE_OPS = {wake, shut};

static void upgrade_ready(void *ctx, p2p_conn *conn) {
    p2p_tcp_pipe *pipe = ctx;
    p2p_transport *transport = &pipe->owner->transport;
    p2p_timer_set(&transport->env->timers, &pipe->deadline, P2P_NEVER);
    pipe->conn = conn;
    pipe->carries = true;
    pipe->carrier = (p2p_carrier){carrier_ended, carrier_free};
    conn->carrier = &pipe->carrier;
    conn->transport = pipe->remote.family == P2P_FAMILY_MEMORY ? "memory" : pipe->kind->name;
    conn->started = pipe->started;
    addr_of_kind(&conn->local, &pipe->local, pipe->kind);
    conn->remote = pipe->remote_addr;
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

p2p_err p2p_tcp_pipe_upgrade(p2p_tcp_pipe *pipe) {
    p2p_upgrade_params params = {.env = env_of(pipe),
        .wire = &pipe->wire,
        .initiator = pipe->dial != NULL,
        .ready = upgrade_ready,
        .failed = upgrade_failed,
        .ctx = pipe};
    if (pipe->dial != NULL) {
        params.expected = pipe->dial->expected;
        params.patient = pipe->dial->patient;
    }
    p2p_layer *below = pipe->lower_count > 0 ? pipe->lower[pipe->lower_count - 1] : NULL;
    return p2p_upgrade_new(&pipe->upgrade, &params, below);
}

void p2p_tcp_pipe_add(p2p_tcp_pipe *pipe, p2p_layer *take_layer) {
    if (pipe->lower_count == 0)
        pipe->wire.bottom = take_layer;
    else
        pipe->lower[pipe->lower_count - 1]->above = take_layer;
    pipe->lower[pipe->lower_count++] = take_layer;
}

static void begin(p2p_tcp_pipe *pipe) {
    if (pipe->dial == NULL)
        addr_of_kind(&pipe->remote_addr, &pipe->remote, pipe->kind);
    p2p_err err = pipe->kind->begin(pipe);
    if (err != P2P_OK)
        fail(pipe, err);
}

/* --- the socket --- */

static void sock_opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(sock, p2p_tcp_pipe, sock);
    p2p_transport *transport = &pipe->owner->transport;
    pipe->local = *local;
    pipe->remote = *remote;
    transport->up->progress(transport->swarm, pipe->dial);
    begin(pipe);
}

/* The first byte of a shared port: 0x13 begins multistream's header, 0x16 a TLS handshake, a letter
 * a request. What follows is checked by those who read it. */
static void choose(p2p_tcp_pipe *pipe, uint8_t first) {
    for (size_t i = 0; i < pipe->choice_count && pipe->kind == NULL; i++) {
        const p2p_tcp_choice *choice = &pipe->choices[i];
        if (!choice->kind->speaks(first))
            continue;
        pipe->kind = choice->kind;
        pipe->owner = choice->owner;
        p2p_list_remove(&pipe->node);
        p2p_list_push(&pipe->owner->pipes, &pipe->node);
    }
    if (pipe->kind == NULL) {
        snprintf(pipe->why, sizeof pipe->why,
            "the client speaks no protocol that is served on this port (first byte 0x%02x)", first);
        fail(pipe, P2P_ERR_MALFORMED);
        return;
    }
    p2p_env *env = env_of(pipe);
    p2p_timer_set(&env->timers, &pipe->deadline, pipe->started + env->timeouts->accept);
    begin(pipe);
}

static void sock_bytes(p2p_sock *sock, uint8_t *data, size_t len) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(sock, p2p_tcp_pipe, sock);
    if (!pipe->over && pipe->kind == NULL)
        choose(pipe, data[0]);
    if (pipe->over)
        return;
    p2p_err err = p2p_layer_feed(pipe->wire.bottom, data, len);
    if (err != P2P_OK)
        fail(pipe, err);
    else
        wake(&pipe->wire); /* what a layer answers inside of feed it does not announce */
}

static size_t sock_draw(p2p_sock *sock, uint8_t *dst, size_t cap) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(sock, p2p_tcp_pipe, sock);
    bool was_over = pipe->over;
    size_t len;
    if (was_over && !pipe->lingering)
        return 0;
    p2p_err err = p2p_layer_draw(pipe->wire.bottom, dst, cap, &len);
    if (pipe->lingering && was_over && (err != P2P_OK || len == 0))
        bury(pipe, false);
    else if (err != P2P_OK)
        fail(pipe, err);
    return len;
}

static void sock_eof(p2p_sock *sock) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(sock, p2p_tcp_pipe, sock);
    if (pipe->over)
        return;
    p2p_err err = p2p_layer_eof(pipe->wire.bottom);
    fail(pipe, err == P2P_OK ? P2P_ERR_EOF : err);
}

static void sock_closed(p2p_sock *sock, p2p_err err) {
    p2p_tcp_pipe *pipe = P2P_CONTAINER(sock, p2p_tcp_pipe, sock);
    if (pipe->lingering)
        bury(pipe, true);
    else
        fail(pipe, err == P2P_OK ? P2P_ERR_RESET : err);
}

static const p2p_sock_ops PIPE_OPS = {.opened = sock_opened,
    .bytes = sock_bytes,
    .eof = sock_eof,
    .closed = sock_closed,
    .draw = sock_draw};

static p2p_tcp_pipe *new_pipe(p2p_tcp_transport *owner, p2p_time patience) {
    p2p_env *env = owner->transport.env;
    p2p_tcp_pipe *pipe = p2p_mem_alloc(env->mem, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->owner = owner;
    pipe->wire.ops = &WIRE_OPS;
    pipe->started = env->now;
    if (p2p_timers_expect(&env->timers, &pipe->deadline, timed_out) != P2P_OK) {
        p2p_mem_free(env->mem, pipe, sizeof *pipe);
        return NULL;
    }
    p2p_timer_set(&env->timers, &pipe->deadline, env->now + patience);
    p2p_list_push(&owner->pipes, &pipe->node);
    return pipe;
}

/* --- dialling and accepting --- */

p2p_err p2p_tcp_dial(
    p2p_tcp_transport *tcp, p2p_dial *dial, const p2p_tcp_kind *kind, const p2p_sockaddr *to) {
    p2p_env *env = tcp->transport.env;
    bool near = to->family == P2P_FAMILY_MEMORY || !p2p_sockaddr_is_public(to);
    p2p_tcp_pipe *pipe = new_pipe(tcp, near ? env->timeouts->dial_local : env->timeouts->dial);
    if (pipe == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_io_connect(&env->io, &pipe->sock, &PIPE_OPS, to, NULL);
    if (err != P2P_OK) {
        free_pipe(pipe);
        return err;
    }
    pipe->dial = dial;
    pipe->kind = kind;
    pipe->remote = *to;
    pipe->remote_addr = dial->addr;
    dial->transport_data = pipe;
    return P2P_OK;
}

void p2p_tcp_cancel(p2p_dial *dial) {
    p2p_tcp_pipe *pipe = dial->transport_data;
    dial->transport_data = NULL;
    if (pipe == NULL)
        return;
    pipe->over = true;
    pipe->dial = NULL;
    bury(pipe, true);
}

void p2p_tcp_accept(const p2p_tcp_choice *choices, size_t count, p2p_socket socket,
    const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    p2p_transport *transport = &choices->owner->transport;
    p2p_env *env = transport->env;
    p2p_multiaddr addr;
    addr_of_kind(&addr, remote, count == 1 ? choices->kind : NULL);
    if (!transport->up->admit(transport->swarm, remote, &addr)) {
        p2p_io_refuse(&env->io, socket);
        return;
    }
    p2p_time patience = env->timeouts->accept;
    if (count > 1 && patience > FIRST_BYTE_TIME)
        patience = FIRST_BYTE_TIME;
    p2p_tcp_pipe *pipe = new_pipe(choices->owner, patience);
    if (pipe == NULL) {
        p2p_io_refuse(&env->io, socket);
        transport->up->inbound_ended(
            transport->swarm, remote, &addr, P2P_ERR_NO_MEMORY, "out of memory");
        return;
    }
    pipe->local = *local;
    pipe->remote = *remote;
    pipe->remote_addr = addr;
    pipe->kind = count == 1 ? choices->kind : NULL;
    pipe->choice_count = count;
    memcpy(pipe->choices, choices, count * sizeof choices[0]);
    if (p2p_io_adopt(&env->io, &pipe->sock, &PIPE_OPS, socket, local, remote) != P2P_OK)
        give_up(pipe, P2P_ERR_NO_MEMORY, "out of memory");
    else if (pipe->kind != NULL)
        begin(pipe);
}

/* --- the transport's part --- */

p2p_err p2p_tcp_transport_new(p2p_transport **out, const p2p_transport_type *type, p2p_env *env,
    const p2p_transport_up *up, void *swarm) {
    p2p_tcp_transport *tcp = p2p_mem_alloc(env->mem, sizeof *tcp);
    if (tcp == NULL)
        return P2P_ERR_NO_MEMORY;
    tcp->transport = (p2p_transport){type, env, up, swarm};
    p2p_list_init(&tcp->pipes);
    *out = &tcp->transport;
    return P2P_OK;
}

void p2p_tcp_transport_free(p2p_transport *transport) {
    p2p_tcp_transport *tcp = P2P_CONTAINER(transport, p2p_tcp_transport, transport);
    while (!p2p_list_empty(&tcp->pipes))
        free_pipe(P2P_CONTAINER(tcp->pipes.next, p2p_tcp_pipe, node));
    p2p_mem_free(transport->env->mem, tcp, sizeof *tcp);
}
