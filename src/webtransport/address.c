/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webtransport/address.h"

#include <stdio.h>

#include "multi/ip.h"
#include "transport/udp_transport.h"
#include "webtransport/certhash.h"

/* /ip…/udp/PORT/quic-v1/webtransport; *at is left behind it. */
static bool is_webtransport(const p2p_multiaddr *addr, size_t *at) {
    p2p_component part;
    return p2p_addr_begins(addr, P2P_UDP, at) && p2p_multiaddr_next(addr, at, &part) &&
           part.code == P2P_QUIC_V1 && p2p_multiaddr_next(addr, at, &part) &&
           part.code == P2P_WEBTRANSPORT;
}

/* The sha2-256 hashes of the address; false if there is anything else behind it. */
bool p2p_wt_read_certhashes(
    const p2p_multiaddr *addr, p2p_bytes hashes[P2P_WT_DIALLED_MAX], size_t *count) {
    p2p_component part;
    size_t at = 0;
    *count = 0;
    if (!is_webtransport(addr, &at))
        return false;
    while (p2p_multiaddr_next(addr, &at, &part)) {
        if (part.code != P2P_CERTHASH)
            return false;
        if (*count < P2P_WT_DIALLED_MAX && p2p_certhash_is_sha256(part.value))
            hashes[(*count)++] = part.value;
    }
    return at == addr->len;
}

bool p2p_wt_can_listen(const p2p_multiaddr *addr) {
    p2p_sockaddr sockaddr;
    p2p_proto_code code;
    size_t at = 0;
    return is_webtransport(addr, &at) && at == addr->len &&
           p2p_multiaddr_to_sockaddr(addr, &sockaddr, &code);
}

void p2p_wt_addr_of(p2p_multiaddr *addr, const p2p_sockaddr *from) {
    p2p_multiaddr_from_sockaddr(addr, from, P2P_UDP);
    if (p2p_multiaddr_push(addr, P2P_QUIC_V1, (p2p_bytes){0}) != P2P_OK ||
        p2p_multiaddr_push(addr, P2P_WEBTRANSPORT, (p2p_bytes){0}) != P2P_OK)
        addr->len = 0; /* cannot be: a few bytes fit */
}

size_t p2p_wt_authority(char *dst, size_t cap, const char *host, const p2p_sockaddr *remote) {
    char ip[P2P_IP_TEXT_MAX];
    bool named = host != NULL && host[0] != '\0';
    if (remote->family == 4)
        p2p_ip4_format(ip, remote->ip);
    else
        p2p_ip6_format(ip, remote->ip);
    bool brackets = !named && remote->family == 6;
    int len = snprintf(dst, cap, "%s%s%s:%u", brackets ? "[" : "", named ? host : ip,
        brackets ? "]" : "", remote->port);
    return len > 0 && (size_t)len < cap ? (size_t)len : 0;
}
