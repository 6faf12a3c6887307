/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two hosts, a and b, with which many scenarios begin; and five pings, with which some end. */
#ifndef P2P_SIM_TWO_HOSTS_H
#define P2P_SIM_TWO_HOSTS_H

#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

/* A world of seed 7, two hosts (config NULL: the defaults) and the path between them. b answers
 * ping and perf, and listens at `tail` of its address. */
void two_hosts_start(
    world *w, node **a, node **b, const p2p_config *config, const link *path, const char *tail);
/* Each has had one connection, and it knows who is at the other end. */
void two_hosts_check_connected(const node *a, const node *b);

typedef struct pings {
    size_t answers;
    p2p_time rtt; /* of the latest */
    p2p_err err;
} pings;

/* Five pings, one behind the other; `p` begins as {0} and lives until they are over. */
void five_pings(p2p_conn *conn, pings *p);

#endif
