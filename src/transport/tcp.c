/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TCP: /ip4/…/tcp/PORT and /ip6/…/tcp/PORT, and /memory/NUMBER, which is the same thing inside a
 * process. The upgrade stands on the socket itself.
 */
#include "base/bytes.h"
#include "transport/tcp_mux.h"

enum { MULTISTREAM_FIRST = 19 }; /* the length of "/multistream/1.0.0\n" */

static bool can_dial(const p2p_multiaddr *addr) {
    p2p_sockaddr to;
    size_t at;
    if (p2p_addr_begins(addr, P2P_TCP, &at))
        return at == addr->len;
    return p2p_tcp_to_sockaddr(addr, &to) && to.family == P2P_FAMILY_MEMORY;
}

static bool can_listen(const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    return can_dial(addr) && p2p_tcp_to_sockaddr(addr, &at);
}

static bool speaks(uint8_t first) {
    return first == MULTISTREAM_FIRST;
}

static const p2p_tcp_kind RAW = {.name = "tcp", .speaks = speaks, .begin = p2p_tcp_pipe_upgrade};

static p2p_tcp_transport *of(p2p_transport *transport) {
    return P2P_CONTAINER(transport, p2p_tcp_transport, transport);
}

static p2p_err dial(p2p_transport *transport, p2p_dial *dial) {
    p2p_sockaddr to;
    if (!p2p_tcp_to_sockaddr(&dial->addr, &to))
        return P2P_ERR_UNSUPPORTED;
    return p2p_tcp_dial(of(transport), dial, &RAW, &to);
}

static void cancel(p2p_transport *transport, p2p_dial *dial) {
    (void)transport;
    p2p_tcp_cancel(dial);
}

static p2p_err listen_at(p2p_transport *transport, p2p_listener *listener) {
    p2p_sockaddr at;
    if (!p2p_tcp_to_sockaddr(&listener->addr, &at))
        return P2P_ERR_UNSUPPORTED;
    return p2p_tcp_listen(of(transport), listener, &RAW, &at);
}

static void unlisten(p2p_transport *transport, p2p_listener *listener) {
    p2p_tcp_unlisten(of(transport), listener);
}

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    return p2p_tcp_transport_new(out, &p2p_tcp, env, up, swarm);
}

const p2p_transport_type p2p_tcp = {
    "tcp", can_dial, can_listen, start, p2p_tcp_transport_free, dial, cancel, listen_at, unlisten};
