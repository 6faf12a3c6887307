/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Networks that swallow a whole kind of dial: a firewall that drops UDP, a machine whose IPv6 leads
 * nowhere. Every dial that begins with such an address waits for nothing; where they keep failing
 * they are left out, and now and then one is tried.
 *
 * One counter for UDP and one for IPv6. Only addresses of the public internet count: what works in
 * the next room says nothing about the way out.
 */
#ifndef P2P_SWARM_BLACKHOLE_H
#define P2P_SWARM_BLACKHOLE_H

#include <p2p/multiaddr.h>

enum {
    /* Dials that are looked back on. When they are blocked, every so many one is a probe. */
    P2P_BLACKHOLE_WINDOW = 100,
    P2P_BLACKHOLE_SUCCESSES = 5 /* so many of them must have succeeded */
};

typedef enum p2p_blackhole_kind {
    P2P_BLACKHOLE_UDP,
    P2P_BLACKHOLE_IP6,
    P2P_BLACKHOLE_KINDS
} p2p_blackhole_kind;

typedef enum p2p_blackhole_verdict {
    P2P_BLACKHOLE_OPEN,
    P2P_BLACKHOLE_BLOCKED,
    P2P_BLACKHOLE_PROBE /* blocked, but it is time to look again */
} p2p_blackhole_verdict;

/* The counter of one kind. Zeroed, it knows nothing and lets everything pass. */
typedef struct p2p_blackhole {
    bool succeeded[P2P_BLACKHOLE_WINDOW]; /* a ring */
    size_t count, next, successes;
    size_t skipped; /* dials asked about since it blocks */
} p2p_blackhole;

/* May a dial go out? Counts it. */
p2p_blackhole_verdict p2p_blackhole_ask(p2p_blackhole *hole);
/* How a dial went. A success while it blocks makes it forget everything. */
void p2p_blackhole_result(p2p_blackhole *hole, bool success);
bool p2p_blackhole_blocks(const p2p_blackhole *hole);

/* Whether an address is of that kind: direct and public, and over UDP or IPv6. */
bool p2p_blackhole_concerns(p2p_blackhole_kind kind, const p2p_multiaddr *addr);

/* What the counters said for one dial of a peer, which counts once however many addresses it has.
 * Zeroed to begin. */
typedef struct p2p_blackhole_dial {
    bool asked[P2P_BLACKHOLE_KINDS];
    p2p_blackhole_verdict verdict[P2P_BLACKHOLE_KINDS];
} p2p_blackhole_dial;

/*
 * Shall the address be left out? An address of both kinds is tried when either is to be probed.
 * *kind: which of them blocks it.
 */
bool p2p_blackhole_skips(p2p_blackhole *holes, p2p_blackhole_dial *dial, const p2p_multiaddr *addr,
    p2p_blackhole_kind *kind);
/* Records the result for every kind that the address is of. */
void p2p_blackhole_dialled(p2p_blackhole *holes, const p2p_multiaddr *addr, bool success);

#endif
