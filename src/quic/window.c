/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Twice the product of the rate at which the application reads and the shortest round trip, and
 * some slack for the time that programs wait for a processor. The shortest and not the usual round
 * trip: that one grows with every queue on the way, the system's receive buffer first, and a window
 * that follows it makes the queues longer until they overflow (measured: with windows of 24 MiB a
 * busy machine loses packets on its own loopback and is ten times slower). ngtcp2's own rule uses
 * the usual one, so it stays off.
 */
#include "quic/window.h"

enum { SLACK = 1024 * 1024 };

size_t p2p_quic_window_grow(
    p2p_quic_window *window, size_t len, size_t max, p2p_time min_rtt, p2p_time now) {
    window->consumed += len;
    if (window->consumed < window->size / 2)
        return 0;
    p2p_time took = now - window->since;
    if (took < min_rtt / 4)
        took = min_rtt / 4; /* what came in one gulp says little about the rate */
    double wanted = SLACK;
    if (took > 0)
        wanted += 2.0 * (double)window->consumed * (double)min_rtt / (double)took;
    size_t limit = window->size < max / 2 ? 2 * window->size : max;
    size_t size = wanted < (double)limit ? (size_t)wanted : limit;
    window->consumed = 0;
    window->since = now;
    if (size <= window->size)
        return 0;
    size_t grown = size - window->size;
    window->size = size;
    return grown;
}
