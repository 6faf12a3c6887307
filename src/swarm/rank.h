/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * In which order, and how far apart, the addresses of one peer are dialled: go-libp2p's dial
 * ranker, which is what peers are used to. Public and private addresses run side by side; QUIC
 * comes before TCP, IPv6 before IPv4, relays last; each next address waits a little for the one
 * before.
 */
#ifndef P2P_SWARM_RANK_H
#define P2P_SWARM_RANK_H

#include <p2p/multiaddr.h>

enum { P2P_RANK_MAX = 64 };

typedef struct p2p_ranked {
    size_t index;   /* into the addresses given */
    p2p_time delay; /* from the start of the dial */
} p2p_ranked;

/*
 * Ranks count addresses; ranked has room for as many. Addresses that another makes superfluous
 * (WebTransport beside QUIC, WebSocket beside TCP, at the same host and port) are left out. Returns
 * how many remain, by delay.
 */
size_t p2p_rank(const p2p_multiaddr *addrs, size_t count, p2p_ranked *ranked);

#endif
