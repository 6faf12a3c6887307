/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transport/address.h"

bool p2p_addr_begins(const p2p_multiaddr *addr, p2p_proto_code transport, size_t *at) {
    p2p_component part;
    *at = 0;
    if (!p2p_multiaddr_next(addr, at, &part))
        return false;
    if (part.code == P2P_IP6ZONE && !p2p_multiaddr_next(addr, at, &part))
        return false;
    bool host = part.code == P2P_IP4 || part.code == P2P_IP6 || part.code == P2P_DNS ||
                part.code == P2P_DNS4 || part.code == P2P_DNS6;
    return host && p2p_multiaddr_next(addr, at, &part) && part.code == transport;
}
