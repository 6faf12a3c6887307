/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "swarm/rank.h"

#include <stdlib.h>

#include "base/bytes.h"

/* Delays between one address and the next, and before relays and WebRTC. */
#define PUBLIC_STEP (250 * P2P_MILLISECOND)
#define PRIVATE_STEP (30 * P2P_MILLISECOND)
#define RELAY_DELAY (500 * P2P_MILLISECOND)
#define PUBLIC_OTHER (1000 * P2P_MILLISECOND)
#define PRIVATE_OTHER (100 * P2P_MILLISECOND)

typedef enum kind { KIND_QUIC, KIND_WEBTRANSPORT, KIND_TCP, KIND_WEBSOCKET, KIND_OTHER } kind;

typedef struct facts {
    p2p_sockaddr at;
    kind kind;
    bool relay, public, ip6;
    bool out; /* superfluous */
} facts;

static facts look(const p2p_multiaddr *addr) {
    facts f = {.kind = KIND_OTHER};
    p2p_proto_code transport;
    bool ip = p2p_multiaddr_to_sockaddr(addr, &f.at, &transport);
    f.relay = p2p_multiaddr_has(addr, P2P_P2P_CIRCUIT);
    f.public = !ip || p2p_sockaddr_is_public(&f.at);
    f.ip6 = f.at.family == 6;
    if (p2p_multiaddr_has(addr, P2P_WEBTRANSPORT))
        f.kind = KIND_WEBTRANSPORT;
    else if (p2p_multiaddr_has(addr, P2P_QUIC_V1))
        f.kind = KIND_QUIC;
    else if (p2p_multiaddr_has(addr, P2P_WS) || p2p_multiaddr_has(addr, P2P_WSS))
        f.kind = KIND_WEBSOCKET;
    else if (p2p_multiaddr_has(addr, P2P_TCP) || p2p_multiaddr_has(addr, P2P_MEMORY))
        f.kind = KIND_TCP;
    return f;
}

/* The same host and port offers the plainer transport, too. */
static bool superfluous(const facts *all, size_t count, const facts *f) {
    kind plainer = f->kind == KIND_WEBTRANSPORT ? KIND_QUIC : KIND_TCP;
    if (f->kind != KIND_WEBTRANSPORT && f->kind != KIND_WEBSOCKET)
        return false;
    for (size_t i = 0; i < count; i++)
        if (all[i].kind == plainer && p2p_sockaddr_equal(&all[i].at, &f->at))
            return true;
    return false;
}

/* Smaller is sooner: kind, then IPv6, then the lower port, then the order given. */
static bool sooner(const facts *a, const facts *b) {
    if (a->kind != b->kind)
        return a->kind < b->kind;
    if (a->ip6 != b->ip6)
        return a->ip6;
    return a->at.port < b->at.port;
}

/* Ranks the group's addresses: insertion sort, groups are small. */
static size_t rank_group(
    const facts *all, size_t count, bool relay, bool public, p2p_time start, p2p_ranked *ranked) {
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        if (all[i].out || all[i].relay != relay || all[i].public != public)
            continue;
        size_t at = members++;
        for (; at > 0 && sooner(&all[i], &all[ranked[at - 1].index]); at--)
            ranked[at] = ranked[at - 1];
        ranked[at].index = i;
    }
    p2p_time when = start;
    for (size_t i = 0; i < members; i++) {
        if (i > 0)
            when += public ? PUBLIC_STEP : PRIVATE_STEP;
        ranked[i].delay = when;
        if (all[ranked[i].index].kind == KIND_OTHER && members > 1 &&
            all[ranked[0].index].kind != KIND_OTHER)
            ranked[i].delay += public ? PUBLIC_OTHER : PRIVATE_OTHER;
    }
    return members;
}

static int by_delay(const void *a, const void *b) {
    const p2p_ranked *x = a;
    const p2p_ranked *y = b;
    if (x->delay != y->delay)
        return x->delay < y->delay ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

size_t p2p_rank(const p2p_multiaddr *addrs, size_t count, p2p_ranked *ranked) {
    facts all[P2P_RANK_MAX] = {{.out = true}};
    size_t done = 0;
    bool direct = false;
    count = count < P2P_RANK_MAX ? count : P2P_RANK_MAX;
    for (size_t i = 0; i < count; i++) {
        all[i] = look(&addrs[i]);
        direct |= !all[i].relay;
    }
    for (size_t i = 0; i < count; i++)
        all[i].out = superfluous(all, count, &all[i]);
    done += rank_group(all, count, false, false, 0, ranked);
    done += rank_group(all, count, false, true, 0, ranked + done);
    done += rank_group(all, count, true, false, direct ? RELAY_DELAY : 0, ranked + done);
    done += rank_group(all, count, true, true, direct ? RELAY_DELAY : 0, ranked + done);
    if (done > 0)
        qsort(ranked, done, sizeof ranked[0], by_delay);
    return done;
}
