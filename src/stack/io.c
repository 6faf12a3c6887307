/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of sockets and the queue of effects. There is no queue of its own for effects: each
 * socket has a bit for each effect it wants, and sockets with bits stand in a list. So asking twice
 * costs nothing, and the number of effects is bounded by the number of sockets.
 */
#include "stack/io.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "stack/env.h"

#define BIT(effect) (UINT32_C(1) << (effect))

/* The order in which the effects of one socket are given. */
static const p2p_effect_type ORDER[] = {P2P_EFFECT_CONNECT, P2P_EFFECT_LISTEN, P2P_EFFECT_BIND,
    P2P_EFFECT_ACCEPT, P2P_EFFECT_READ, P2P_EFFECT_SEND, P2P_EFFECT_SHUT, P2P_EFFECT_CLOSE};

void p2p_io_init(p2p_io *io, p2p_env *env) {
    *io = (p2p_io){.env = env};
    p2p_map_init(&io->slots, env->mem, 0);
    p2p_map_init(&io->resolves, env->mem, 0);
    p2p_list_init(&io->pending);
    p2p_list_init(&io->asking);
}

static void free_slot(p2p_io *io, p2p_slot *slot) {
    p2p_list_remove(&slot->node);
    p2p_mem_free(io->env->mem, slot, sizeof *slot);
}

void p2p_io_deinit(p2p_io *io) {
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&io->slots, &at)) != NULL;) {
        p2p_slot *slot = entry->value;
        slot->sock->slot = NULL;
        free_slot(io, slot);
    }
    while (!p2p_list_empty(&io->pending)) /* sockets that were closed already */
        free_slot(io, P2P_CONTAINER(io->pending.next, p2p_slot, node));
    p2p_map_deinit(&io->slots);
    p2p_map_deinit(&io->resolves);
}

static void want(p2p_io *io, p2p_slot *slot, p2p_effect_type effect) {
    slot->wanted |= BIT(effect);
    if (!p2p_list_linked(&slot->node))
        p2p_list_push(&io->pending, &slot->node);
}

static p2p_err new_slot(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, p2p_socket id) {
    p2p_slot *slot = p2p_mem_alloc(io->env->mem, sizeof *slot);
    if (slot == NULL)
        return P2P_ERR_NO_MEMORY;
    slot->id = id;
    slot->sock = sock;
    slot->on = true;
    if (p2p_map_put(&io->slots, id, slot) != P2P_OK) {
        free_slot(io, slot);
        return P2P_ERR_NO_MEMORY;
    }
    sock->ops = ops;
    sock->slot = slot;
    return P2P_OK;
}

static p2p_err ask(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, p2p_effect_type effect) {
    p2p_err err = new_slot(io, sock, ops, ++io->next_socket);
    if (err == P2P_OK)
        want(io, sock->slot, effect);
    return err;
}

p2p_err p2p_io_connect(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, const p2p_sockaddr *to,
    const p2p_sockaddr *from) {
    p2p_err err = ask(io, sock, ops, P2P_EFFECT_CONNECT);
    if (err != P2P_OK)
        return err;
    sock->slot->remote = *to;
    if (from != NULL)
        sock->slot->local = *from;
    return P2P_OK;
}

p2p_err p2p_io_listen(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, const p2p_sockaddr *at) {
    p2p_err err = ask(io, sock, ops, P2P_EFFECT_LISTEN);
    if (err == P2P_OK)
        sock->slot->local = *at;
    return err;
}

p2p_err p2p_io_bind(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, const p2p_sockaddr *at) {
    p2p_err err = ask(io, sock, ops, P2P_EFFECT_BIND);
    if (err == P2P_OK)
        sock->slot->local = *at;
    return err;
}

p2p_err p2p_io_adopt(p2p_io *io, p2p_sock *sock, const p2p_sock_ops *ops, p2p_socket socket,
    const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    p2p_err err = new_slot(io, sock, ops, socket);
    if (err != P2P_OK) {
        p2p_io_refuse(io, socket);
        return err;
    }
    sock->slot->told = true;
    sock->slot->local = *local;
    sock->slot->remote = *remote;
    return P2P_OK;
}

void p2p_io_refuse(p2p_io *io, p2p_socket socket) {
    /* Drivers take the effects of one input before they give the next: one place would do. */
    P2P_REQUIRE(io->refused_count < P2P_IO_REFUSED_MAX);
    io->refused[io->refused_count++] = socket;
}

void p2p_io_wake(p2p_io *io, p2p_sock *sock) {
    if (sock->slot != NULL)
        want(io, sock->slot, P2P_EFFECT_SEND);
}

void p2p_io_shut(p2p_io *io, p2p_sock *sock) {
    if (sock->slot != NULL)
        want(io, sock->slot, P2P_EFFECT_SHUT);
}

void p2p_io_enable(p2p_io *io, p2p_sock *sock, bool on) {
    if (sock->slot == NULL || sock->slot->on == on)
        return;
    sock->slot->on = on;
    want(io, sock->slot, sock->ops->accepted != NULL ? P2P_EFFECT_ACCEPT : P2P_EFFECT_READ);
}

void p2p_io_close(p2p_io *io, p2p_sock *sock, bool abort) {
    p2p_slot *slot = sock->slot;
    if (slot == NULL)
        return;
    sock->slot = NULL;
    slot->sock = NULL;
    slot->wanted = 0;
    slot->abort = abort;
    p2p_map_remove(&io->slots, slot->id);
    if (slot->told)
        want(io, slot, P2P_EFFECT_CLOSE);
    else
        free_slot(io, slot);
}

p2p_sock *p2p_io_find(const p2p_io *io, p2p_socket socket) {
    p2p_slot *slot = p2p_map_get(&io->slots, socket);
    return slot == NULL ? NULL : slot->sock;
}

/* --- names --- */

p2p_err p2p_io_resolve(p2p_io *io, p2p_resolve *resolve) {
    resolve->request = ++io->next_request;
    if (p2p_map_put(&io->resolves, resolve->request, resolve) != P2P_OK) {
        resolve->request = 0;
        return P2P_ERR_NO_MEMORY;
    }
    p2p_list_push(&io->asking, &resolve->node);
    return P2P_OK;
}

/* The driver's answer, when it still comes, finds nothing: no effect is needed for that. */
void p2p_io_cancel_resolve(p2p_io *io, p2p_resolve *resolve) {
    if (resolve->request == 0)
        return;
    p2p_list_remove(&resolve->node);
    p2p_map_remove(&io->resolves, resolve->request);
    resolve->request = 0;
}

static void resolved(p2p_io *io, const p2p_input *input) {
    p2p_resolve *resolve = p2p_map_get(&io->resolves, input->request);
    if (resolve == NULL)
        return;
    p2p_io_cancel_resolve(io, resolve);
    resolve->done(resolve, input->err, input->addrs, input->addr_count);
}

/* --- inputs --- */

static void opened(p2p_sock *sock, const p2p_input *input) {
    sock->slot->local = input->local;
    if (input->remote.family != 0)
        sock->slot->remote = input->remote;
    sock->ops->opened(sock, &input->local, &input->remote);
}

static void datagrams(p2p_sock *sock, const p2p_input *input) {
    size_t segment = input->segment == 0 ? input->len : input->segment;
    for (size_t at = 0; at < input->len && sock->slot != NULL; at += segment) {
        size_t len = input->len - at < segment ? input->len - at : segment;
        sock->ops->datagram(sock, input->data + at, len, input);
    }
}

static void closed(p2p_io *io, p2p_sock *sock, p2p_err err) {
    p2p_slot *slot = sock->slot;
    sock->slot = NULL;
    p2p_map_remove(&io->slots, slot->id);
    free_slot(io, slot);
    sock->ops->closed(sock, err);
}

static void accepted(p2p_io *io, const p2p_input *input) {
    p2p_sock *listener = p2p_io_find(io, input->listener);
    if (listener == NULL || listener->ops->accepted == NULL)
        p2p_io_refuse(io, input->socket);
    else
        listener->ops->accepted(listener, input->socket, &input->local, &input->remote);
}

void p2p_io_input(p2p_io *io, const p2p_input *input) {
    p2p_sock *sock = p2p_io_find(io, input->socket);
    switch (input->type) {
    case P2P_INPUT_TICK:
        return;
    case P2P_INPUT_ACCEPTED:
        accepted(io, input);
        return;
    case P2P_INPUT_RESOLVED:
        resolved(io, input);
        return;
    case P2P_INPUT_INTERFACES:
        if (io->interfaces != NULL)
            io->interfaces(io->env, input->addrs, input->addr_count);
        return;
    default:
        break;
    }
    if (sock == NULL)
        return; /* it was closed here while the driver's report was under way */
    switch (input->type) {
    case P2P_INPUT_OPENED:
        opened(sock, input);
        break;
    case P2P_INPUT_BYTES:
        sock->ops->bytes(sock, input->data, input->len);
        break;
    case P2P_INPUT_DATAGRAM:
        datagrams(sock, input);
        break;
    case P2P_INPUT_WRITABLE:
        want(io, sock->slot, P2P_EFFECT_SEND);
        break;
    case P2P_INPUT_EOF:
        sock->ops->eof(sock);
        break;
    case P2P_INPUT_CLOSED:
        closed(io, sock, input->err);
        break;
    default:
        break;
    }
}

/* --- effects --- */

static bool next_of_slot(p2p_io *io, p2p_slot *slot, p2p_effect *effect) {
    for (size_t i = 0; i < P2P_COUNT(ORDER); i++) {
        p2p_effect_type type = ORDER[i];
        if (!(slot->wanted & BIT(type)))
            continue;
        slot->wanted &= ~BIT(type);
        slot->told = true;
        *effect = (p2p_effect){.type = type,
            .socket = slot->id,
            .local = slot->local,
            .remote = slot->remote,
            .on = slot->on,
            .abort = slot->abort};
        if (type == P2P_EFFECT_CLOSE)
            free_slot(io, slot);
        else if (slot->wanted == 0)
            p2p_list_remove(&slot->node);
        return true;
    }
    p2p_list_remove(&slot->node);
    return false;
}

bool p2p_io_next_effect(p2p_io *io, p2p_effect *effect) {
    if (io->refused_count > 0) {
        *effect = (p2p_effect){
            .type = P2P_EFFECT_CLOSE, .socket = io->refused[--io->refused_count], .abort = true};
        return true;
    }
    while (!p2p_list_empty(&io->pending))
        if (next_of_slot(io, P2P_CONTAINER(io->pending.next, p2p_slot, node), effect))
            return true;
    p2p_list *node = p2p_list_pop(&io->asking);
    if (node == NULL)
        return false;
    p2p_resolve *resolve = P2P_CONTAINER(node, p2p_resolve, node);
    *effect = (p2p_effect){.type = P2P_EFFECT_RESOLVE,
        .request = resolve->request,
        .family = resolve->family,
        .name = resolve->name};
    return true;
}
