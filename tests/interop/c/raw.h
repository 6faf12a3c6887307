/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebTransport without libp2p. For browsers (tests/browser) the peer serves sessions at two paths,
 * and says on stdout what it sees, a line that begins with "raw" each.
 *
 *     /echo     streams of both kinds and datagrams come back
 *     /command  a stream of the client's carries one command: "close CODE REASON", "drain",
 *               "reset CODE" (of that stream), "open" (one stream of each kind, with a text)
 */
#ifndef PEER_RAW_H
#define PEER_RAW_H

#include <p2p/host.h>

p2p_err raw_serve(p2p_host *host);

/* Asks a server for a session at /echo and tries it: `done` with NULL, or what went wrong. */
p2p_err raw_dial(p2p_host *host, const p2p_multiaddr *addr, void (*done)(const char *why));

#endif
