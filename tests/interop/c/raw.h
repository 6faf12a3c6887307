/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebTransport without libp2p. For browsers (tests/browser) and other clients the peer serves
 * sessions at two paths, and says on stdout what it sees, a line that begins with "raw" each.
 *
 *     /echo     streams of both kinds and datagrams come back
 *     /command  a stream of the client's carries one command: "close CODE REASON", "drain",
 *               "reset CODE" (of that stream), "open" (one stream of each kind, with a text)
 */
#ifndef PEER_RAW_H
#define PEER_RAW_H

#include <p2p/host.h>

p2p_err raw_serve(p2p_host *host);

/*
 * Asks a server with these paths for sessions and tries everything, which CONTRACT.md lists: `said`
 * once for each case, with NULL or what went wrong. Then the host is closed. `addr` must last.
 */
p2p_err raw_dial(
    p2p_host *host, const p2p_multiaddr *addr, void (*said)(const char *test, const char *why));

/* The host's timer of this number has expired. */
enum { RAW_TIMER = 3 };

void raw_on_timer(void);

#endif
