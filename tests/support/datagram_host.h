/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host on a UDP socket that exists only here: what it sends is kept datagram by datagram, and
 * what it receives is whatever the test says, from wherever the test says, at the time the test
 * says.
 */
#ifndef P2P_TEST_DATAGRAM_HOST_H
#define P2P_TEST_DATAGRAM_HOST_H

#include <p2p/driver.h>

#include "host/host.h"
#include "support/check.h"

enum { DATAGRAMS_MAX = 4096, DATAGRAM_LEN_MAX = 2048 };

typedef struct datagram {
    p2p_sockaddr from, to;
    size_t len;
    uint8_t bytes[DATAGRAM_LEN_MAX];
} datagram;

typedef struct datagram_host {
    p2p_host *host;
    p2p_identity *identity;
    faulty_mem mem;
    seeded_random random;
    p2p_sockaddr local; /* where its socket is bound */
    p2p_socket socket;
    p2p_time now;
    datagram *out; /* what it sent, oldest first */
    size_t out_count;
    size_t connected, disconnected, dial_failed;
    p2p_conn *conn;
    p2p_reason reason;
    bool (*on_event)(struct datagram_host *h, const p2p_event *event);
} datagram_host;

/* config NULL: the defaults; transports NULL: QUIC alone. `number` decides address and randomness;
 * the same number is the same identity. */
void datagram_host_start(datagram_host *h, unsigned number, const p2p_config *config);
/* Frees the host as a crash would, and checks that nothing leaked. */
void datagram_host_stop(datagram_host *h);
void datagram_host_listen(datagram_host *h);
void datagram_host_dial(datagram_host *h, const datagram_host *to);
/* Carries out effects, draws, takes events. */
void datagram_host_pump(datagram_host *h);
void datagram_host_give(
    datagram_host *h, const p2p_sockaddr *from, const uint8_t *bytes, size_t len);
/* Lets time pass, stopping at each of the host's deadlines. */
void datagram_host_pass(datagram_host *h, p2p_time duration);
/* Gives each other what they sent until both are silent; at most `rounds` times. */
void datagram_hosts_talk(datagram_host *a, datagram_host *b, size_t rounds);
void datagram_host_clear(datagram_host *h);

#endif
