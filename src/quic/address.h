/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Socket addresses as ngtcp2 wants them, and back. */
#ifndef P2P_QUIC_ADDRESS_H
#define P2P_QUIC_ADDRESS_H

#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>

#include <p2p/base.h>

typedef union p2p_quic_sockaddr {
    struct sockaddr any;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
} p2p_quic_sockaddr;

/* The two ends of a path, with the memory that ngtcp2_path points to. */
typedef struct p2p_quic_path {
    p2p_quic_sockaddr local, remote;
    ngtcp2_path path;
} p2p_quic_path;

ngtcp2_socklen p2p_quic_sockaddr_from(p2p_quic_sockaddr *to, const p2p_sockaddr *from);
void p2p_quic_sockaddr_to(p2p_sockaddr *to, const struct sockaddr *from);
void p2p_quic_path_of(p2p_quic_path *path, const p2p_sockaddr *local, const p2p_sockaddr *remote);

#endif
