/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/blackhole.h"

bool p2p_blackhole_blocks(const p2p_blackhole *hole) {
    return hole->count == P2P_BLACKHOLE_WINDOW && hole->successes < P2P_BLACKHOLE_SUCCESSES;
}

p2p_blackhole_verdict p2p_blackhole_ask(p2p_blackhole *hole) {
    if (!p2p_blackhole_blocks(hole))
        return P2P_BLACKHOLE_OPEN;
    if (++hole->skipped % P2P_BLACKHOLE_WINDOW == 0)
        return P2P_BLACKHOLE_PROBE;
    return P2P_BLACKHOLE_BLOCKED;
}

void p2p_blackhole_result(p2p_blackhole *hole, bool success) {
    if (success && p2p_blackhole_blocks(hole)) {
        *hole = (p2p_blackhole){0};
        return;
    }
    /* What falls out of the window is where the new result goes. */
    if (hole->count == P2P_BLACKHOLE_WINDOW)
        hole->successes -= hole->succeeded[hole->next];
    else
        hole->count++;
    hole->succeeded[hole->next] = success;
    hole->successes += success;
    hole->next = (hole->next + 1) % P2P_BLACKHOLE_WINDOW;
    if (!p2p_blackhole_blocks(hole))
        hole->skipped = 0;
}

bool p2p_blackhole_concerns(p2p_blackhole_kind kind, const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    p2p_proto_code transport;
    if (!p2p_multiaddr_to_sockaddr(addr, &at, &transport) || !p2p_sockaddr_is_public(&at) ||
        p2p_multiaddr_has(addr, P2P_P2P_CIRCUIT))
        return false;
    return kind == P2P_BLACKHOLE_UDP ? transport == P2P_UDP : at.family == 6;
}

bool p2p_blackhole_skips(p2p_blackhole *holes, p2p_blackhole_dial *dial, const p2p_multiaddr *addr,
    p2p_blackhole_kind *kind) {
    p2p_blackhole_kind blocked = P2P_BLACKHOLE_KINDS;
    for (size_t i = 0; i < P2P_BLACKHOLE_KINDS; i++) {
        if (!p2p_blackhole_concerns((p2p_blackhole_kind)i, addr))
            continue;
        if (!dial->asked[i])
            dial->verdict[i] = p2p_blackhole_ask(&holes[i]);
        dial->asked[i] = true;
        if (dial->verdict[i] == P2P_BLACKHOLE_PROBE)
            return false;
        if (dial->verdict[i] == P2P_BLACKHOLE_BLOCKED)
            blocked = (p2p_blackhole_kind)i;
    }
    if (blocked == P2P_BLACKHOLE_KINDS)
        return false;
    *kind = blocked;
    return true;
}

void p2p_blackhole_dialled(p2p_blackhole *holes, const p2p_multiaddr *addr, bool success) {
    for (size_t i = 0; i < P2P_BLACKHOLE_KINDS; i++)
        if (p2p_blackhole_concerns((p2p_blackhole_kind)i, addr))
            p2p_blackhole_result(&holes[i], success);
}
