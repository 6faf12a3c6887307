/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listeners, and the host's own addresses: what listeners are bound to, with 0.0.0.0 and ::
 * expanded to the addresses of the machine's interfaces.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "swarm/swarm.h"

p2p_err p2p_swarm_listen(p2p_swarm *swarm, const p2p_multiaddr *addr, uint64_t *number) {
    p2p_transport *transport = NULL;
    if (swarm->closing)
        return P2P_ERR_SHUTDOWN;
    if (swarm->listener_count >= swarm->env->limits->listeners)
        return P2P_ERR_LIMIT;
    for (size_t i = 0; i < swarm->transport_count && transport == NULL; i++)
        if (swarm->transports[i]->type->can_listen(addr))
            transport = swarm->transports[i];
    if (transport == NULL)
        return P2P_ERR_UNSUPPORTED;
    p2p_swarm_listener *own = p2p_mem_alloc(swarm->env->mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->listener.number = ++swarm->env->next_id;
    own->listener.addr = *addr;
    own->transport = transport;
    p2p_err err = transport->type->listen(transport, &own->listener);
    if (err != P2P_OK) {
        p2p_mem_free(swarm->env->mem, own, sizeof *own);
        return err;
    }
    p2p_list_push(&swarm->listeners, &own->node);
    swarm->listener_count++;
    if (number != NULL)
        *number = own->listener.number;
    return P2P_OK;
}

static void forget(p2p_swarm *swarm, p2p_swarm_listener *own) {
    p2p_list_remove(&own->node);
    swarm->listener_count--;
    p2p_mem_free(swarm->env->mem, own, sizeof *own);
}

static void unlisten(p2p_swarm *swarm, p2p_swarm_listener *own) {
    own->transport->type->unlisten(own->transport, &own->listener);
    forget(swarm, own);
}

void p2p_swarm_unlisten(p2p_swarm *swarm, uint64_t number) {
    for (p2p_list *node = swarm->listeners.next; node != &swarm->listeners; node = node->next) {
        p2p_swarm_listener *own = P2P_CONTAINER(node, p2p_swarm_listener, node);
        if (own->listener.number != number)
            continue;
        unlisten(swarm, own);
        p2p_swarm_event(swarm, P2P_EVENT_ADDRESSES, NULL, 0, NULL, NULL);
        return;
    }
}

void p2p_swarm_unlisten_all(p2p_swarm *swarm) {
    while (!p2p_list_empty(&swarm->listeners))
        unlisten(swarm, P2P_CONTAINER(swarm->listeners.next, p2p_swarm_listener, node));
}

/* --- own addresses --- */

/* Replaces the address at the head of `bound` by that of an interface. */
static bool on_interface(const p2p_multiaddr *bound, const p2p_sockaddr *wildcard,
    p2p_proto_code transport, const p2p_sockaddr *interface, p2p_multiaddr *addr) {
    if (interface->family != wildcard->family || p2p_sockaddr_is_link_local(interface))
        return false;
    p2p_sockaddr at = *interface;
    at.port = wildcard->port;
    p2p_multiaddr_from_sockaddr(addr, &at, transport);
    p2p_component part;
    size_t head = 0;
    if (!p2p_multiaddr_find(bound, transport, &head, &part))
        return false;
    size_t tail = bound->len - head;
    if (addr->len + tail > P2P_MULTIADDR_MAX)
        return false;
    p2p_copy(addr->bytes + addr->len, bound->bytes + head, tail);
    addr->len = (uint16_t)(addr->len + tail);
    return true;
}

/* The index-th address that `bound` stands for. */
static bool expanded(
    const p2p_swarm *swarm, const p2p_multiaddr *bound, size_t *index, p2p_multiaddr *addr) {
    p2p_sockaddr at;
    p2p_proto_code transport;
    if (!p2p_multiaddr_to_sockaddr(bound, &at, &transport) || !p2p_sockaddr_is_unspecified(&at)) {
        *addr = *bound;
        return (*index)-- == 0;
    }
    for (size_t i = 0; i < swarm->interface_count; i++)
        if (on_interface(bound, &at, transport, &swarm->interfaces[i], addr) && (*index)-- == 0)
            return true;
    return false;
}

bool p2p_swarm_addr(const p2p_swarm *swarm, size_t index, p2p_multiaddr *addr) {
    for (const p2p_list *node = swarm->listeners.next; node != &swarm->listeners;
         node = node->next) {
        const p2p_swarm_listener *own = P2P_CONTAINER(node, p2p_swarm_listener, node);
        for (size_t i = 0; i < own->bound_count; i++)
            if (expanded(swarm, &own->bound[i], &index, addr))
                return true;
    }
    return false;
}

void p2p_swarm_listening(void *ctx, p2p_listener *listener, const p2p_multiaddr *bound) {
    p2p_swarm *swarm = ctx;
    p2p_swarm_listener *own = P2P_CONTAINER(listener, p2p_swarm_listener, listener);
    p2p_multiaddr addr;
    own->bound_count = 1;
    own->bound[0] = *bound;
    for (size_t i = 0;; i++) {
        size_t index = i;
        if (!expanded(swarm, bound, &index, &addr))
            break;
        p2p_swarm_event(swarm, P2P_EVENT_LISTENING, NULL, listener->number, &addr, NULL);
    }
    p2p_swarm_event(swarm, P2P_EVENT_ADDRESSES, NULL, 0, NULL, NULL);
}

void p2p_swarm_listen_ended(void *ctx, p2p_listener *listener, p2p_err err) {
    p2p_swarm *swarm = ctx;
    char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_multiaddr_format(text, sizeof text, &listener->addr);
    p2p_reason reason = p2p_reason_of(err, "cannot listen on %.120s: %s", text, p2p_err_text(err));
    p2p_swarm_event(
        swarm, P2P_EVENT_LISTEN_FAILED, NULL, listener->number, &listener->addr, &reason);
    p2p_swarm_listener *own = P2P_CONTAINER(listener, p2p_swarm_listener, listener);
    bool had_addrs = own->bound_count > 0;
    forget(swarm, own);
    if (had_addrs)
        p2p_swarm_event(swarm, P2P_EVENT_ADDRESSES, NULL, 0, NULL, NULL);
}

void p2p_swarm_set_interfaces(p2p_swarm *swarm, const p2p_sockaddr *addrs, size_t count) {
    bool wildcard = false;
    swarm->interface_count = count < P2P_SWARM_INTERFACES_MAX ? count : P2P_SWARM_INTERFACES_MAX;
    p2p_copy(swarm->interfaces, addrs, swarm->interface_count * sizeof addrs[0]);
    for (p2p_list *node = swarm->listeners.next; node != &swarm->listeners; node = node->next) {
        p2p_sockaddr at;
        p2p_proto_code transport;
        const p2p_swarm_listener *own = P2P_CONTAINER(node, p2p_swarm_listener, node);
        if (own->bound_count > 0 && p2p_multiaddr_to_sockaddr(&own->bound[0], &at, &transport))
            wildcard |= p2p_sockaddr_is_unspecified(&at);
    }
    if (wildcard)
        p2p_swarm_event(swarm, P2P_EVENT_ADDRESSES, NULL, 0, NULL, NULL);
}
