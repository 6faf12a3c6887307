/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "quic/address.h"

#include <string.h>

ngtcp2_socklen p2p_quic_sockaddr_from(p2p_quic_sockaddr *to, const p2p_sockaddr *from) {
    memset(to, 0, sizeof *to);
    if (from->family == 6) {
        to->in6.sin6_family = AF_INET6;
        to->in6.sin6_port = htons(from->port);
        to->in6.sin6_scope_id = from->scope;
        memcpy(&to->in6.sin6_addr, from->ip, 16);
        return sizeof to->in6;
    }
    to->in4.sin_family = AF_INET;
    to->in4.sin_port = htons(from->port);
    memcpy(&to->in4.sin_addr, from->ip, 4);
    return sizeof to->in4;
}

void p2p_quic_sockaddr_to(p2p_sockaddr *to, const struct sockaddr *from) {
    p2p_quic_sockaddr addr;
    memset(to, 0, sizeof *to);
    if (from->sa_family == AF_INET6) {
        memcpy(&addr.in6, from, sizeof addr.in6);
        to->family = 6;
        to->port = ntohs(addr.in6.sin6_port);
        to->scope = addr.in6.sin6_scope_id;
        memcpy(to->ip, &addr.in6.sin6_addr, 16);
    } else if (from->sa_family == AF_INET) {
        memcpy(&addr.in4, from, sizeof addr.in4);
        to->family = 4;
        to->port = ntohs(addr.in4.sin_port);
        memcpy(to->ip, &addr.in4.sin_addr, 4);
    }
}

void p2p_quic_path_of(p2p_quic_path *path, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    path->path.local.addrlen = p2p_quic_sockaddr_from(&path->local, local);
    path->path.local.addr = &path->local.any;
    path->path.remote.addrlen = p2p_quic_sockaddr_from(&path->remote, remote);
    path->path.remote.addr = &path->remote.any;
    path->path.user_data = NULL;
}
