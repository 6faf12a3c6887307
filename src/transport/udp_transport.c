/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transport/udp_transport.h"

#include "base/bytes.h"
#include "base/mem.h"

static void opened(p2p_udp_user *user) {
    p2p_udp_listener *listener = P2P_CONTAINER(user, p2p_udp_listener, user);
    listener->ops->bound(listener);
}

static void closed(p2p_udp_user *user, p2p_err err) {
    p2p_udp_listener_fail(P2P_CONTAINER(user, p2p_udp_listener, user), err);
}

p2p_err p2p_udp_listener_new(p2p_udp_listener **out, const p2p_udp_listener_ops *ops,
    p2p_transport *transport, p2p_listener *of) {
    p2p_proto_code code;
    p2p_sockaddr at;
    *out = NULL;
    if (!p2p_multiaddr_to_sockaddr(&of->addr, &at, &code) || code != P2P_UDP)
        return P2P_ERR_UNSUPPORTED;
    p2p_udp_listener *listener = p2p_mem_alloc(transport->env->mem, ops->size);
    if (listener == NULL)
        return P2P_ERR_NO_MEMORY;
    listener->user.opened = opened;
    listener->user.closed = closed;
    listener->ops = ops;
    listener->transport = transport;
    listener->of = of;
    listener->at = at;
    of->transport_data = listener;
    *out = listener;
    return P2P_OK;
}

p2p_err p2p_udp_listener_bind(p2p_udp_listener *listener, p2p_udp *udp) {
    return p2p_udp_listen(udp, &listener->user, &listener->at);
}

void p2p_udp_listening(const p2p_udp_listener *listener, const p2p_multiaddr *addr) {
    const p2p_transport *transport = listener->transport;
    transport->up->listening(transport->swarm, listener->of, addr);
}

void p2p_udp_listener_fail(p2p_udp_listener *listener, p2p_err err) {
    const p2p_transport *transport = listener->transport;
    p2p_listener *of = listener->of;
    p2p_udp_listener_free(listener);
    transport->up->listen_ended(transport->swarm, of, err);
}

void p2p_udp_listener_free(p2p_udp_listener *listener) {
    listener->ops->free(listener);
    p2p_udp_release(&listener->user);
    listener->of->transport_data = NULL;
    p2p_mem_free(listener->transport->env->mem, listener, listener->ops->size);
}

void p2p_udp_unlisten(p2p_transport *transport, p2p_listener *of) {
    (void)transport;
    if (of->transport_data != NULL)
        p2p_udp_listener_free(of->transport_data);
}
