/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A path between two sides, 0 and 1, in virtual time, that loses and reorders datagrams. */
#ifndef P2P_TEST_LOSSY_LINK_H
#define P2P_TEST_LOSSY_LINK_H

#include "support/check.h"

enum { LINK_PACKETS = 512, LINK_MTU = 1500 };

typedef struct link_packet {
    int to; /* -1: free */
    p2p_time at;
    size_t len;
    uint8_t data[LINK_MTU];
} link_packet;

typedef struct lossy_link {
    seeded_random random;
    unsigned loss_percent;
    p2p_time delay, jitter;
    size_t sent, lost;
    link_packet packets[LINK_PACKETS];
} lossy_link;

static inline void link_init(
    lossy_link *link, uint64_t seed, unsigned loss_percent, p2p_time delay, p2p_time jitter) {
    memset(link, 0, sizeof *link);
    seeded_random_init(&link->random, seed);
    link->loss_percent = loss_percent;
    link->delay = delay;
    link->jitter = jitter;
    for (size_t i = 0; i < LINK_PACKETS; i++)
        link->packets[i].to = -1;
}

static inline void link_send(
    lossy_link *link, int to, const uint8_t *data, size_t len, p2p_time now) {
    link->sent++;
    if (seeded_random_next(&link->random) % 100 < link->loss_percent) {
        link->lost++;
        return;
    }
    for (size_t i = 0; i < LINK_PACKETS; i++) {
        link_packet *packet = &link->packets[i];
        if (packet->to != -1)
            continue;
        check(len <= LINK_MTU);
        packet->to = to;
        packet->len = len;
        packet->at = now + link->delay;
        if (link->jitter > 0)
            packet->at += seeded_random_next(&link->random) % link->jitter;
        memcpy(packet->data, data, len);
        return;
    }
    fail_msg("the link is full");
}

/* The datagram that arrives next, or NULL. */
static inline link_packet *link_first(lossy_link *link) {
    link_packet *first = NULL;
    for (size_t i = 0; i < LINK_PACKETS; i++) {
        link_packet *packet = &link->packets[i];
        if (packet->to != -1 && (first == NULL || packet->at < first->at))
            first = packet;
    }
    return first;
}

static inline p2p_time earlier(p2p_time a, p2p_time b) {
    return a < b ? a : b;
}

#endif
