/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host that moves to another network (RFC 9000 §9). A peer that moves is ngtcp2's affair; when
 * this machine loses the address a connection sends from, the connection goes on from another one.
 *
 * A client says so: new connection ids, a path that the peer validates, congestion control from the
 * start. It does not wait for the validation, since the old path is gone. Where that cannot be,
 * because the peer forbids it or gave no spare ids, and on the server's side, which may not move,
 * packets just leave from the new address. To the peer that is a NAT that rebinds.
 */
#include "quic/connection.h"

#include <p2p/multiaddr.h>

#include "base/bytes.h"

static bool same_ip(const p2p_sockaddr *a, const p2p_sockaddr *b) {
    return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 16) == 0;
}

/* Another address that can take the place of the lost one; NULL if there is none yet. */
static const p2p_sockaddr *replacement(
    const p2p_quic_conn *conn, const p2p_sockaddr *addrs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (addrs[i].family == conn->remote.family &&
            p2p_sockaddr_is_loopback(&addrs[i]) == p2p_sockaddr_is_loopback(&conn->remote) &&
            !same_ip(&addrs[i], &conn->path_local))
            return &addrs[i];
    return NULL;
}

static void move(p2p_quic_conn *conn, const p2p_sockaddr *to) {
    p2p_quic_path path;
    p2p_sockaddr local = *p2p_udp_local(conn->user.sock);
    memcpy(local.ip, to->ip, sizeof local.ip);
    p2p_quic_path_of(&path, &local, &conn->remote);
    if (ngtcp2_conn_initiate_immediate_migration(conn->ng, &path.path, conn->endpoint->env->now) ==
        0)
        conn->path_local = local;
    p2p_udp_want(&conn->sender);
}

p2p_sockaddr p2p_quic_conn_source(const p2p_quic_conn *conn) {
    p2p_sockaddr source = conn->local;
    if (conn->astray)
        source.family = 0;
    return source;
}

void p2p_quic_conn_interfaces(p2p_quic_conn *conn, const p2p_sockaddr *addrs, size_t count) {
    if (conn->over || conn->ng == NULL || conn->local.family == 0)
        return;
    conn->astray = true;
    for (size_t i = 0; i < count; i++)
        if (same_ip(&addrs[i], &conn->local))
            conn->astray = false;
    const p2p_sockaddr *next = replacement(conn, addrs, count);
    if (conn->astray && conn->outbound && next != NULL)
        move(conn, next);
}
