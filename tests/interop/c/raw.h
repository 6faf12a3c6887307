/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the peer does for browsers that speak no libp2p (tests/browser): it serves WebTransport
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

#endif
