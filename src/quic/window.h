/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How much a peer may send ahead of what was read: a receive window that grows to what bandwidth
 * times delay needs, for a stream or a whole connection.
 */
#ifndef P2P_QUIC_WINDOW_H
#define P2P_QUIC_WINDOW_H

#include <p2p/base.h>

typedef struct p2p_quic_window {
    size_t size;
    size_t consumed; /* since `since` */
    p2p_time since;
} p2p_quic_window;

/* len bytes were read: by how much the window grows, beyond giving credit for them. */
size_t p2p_quic_window_grow(
    p2p_quic_window *window, size_t len, size_t max, p2p_time min_rtt, p2p_time now);

#endif
