/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How the addresses of all transports over IP begin. */
#ifndef P2P_TRANSPORT_ADDRESS_H
#define P2P_TRANSPORT_ADDRESS_H

#include <p2p/multiaddr.h>

/* Is it /ip…|dns…/tcp/PORT (transport P2P_TCP) or …/udp/PORT (P2P_UDP), whatever follows? *at then
 * stands behind the port. */
bool p2p_addr_begins(const p2p_multiaddr *addr, p2p_proto_code transport, size_t *at);

#endif
