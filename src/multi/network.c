/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Socket addresses: to and from multiaddrs, and what kind of network they belong to (the IANA
 * registries of special-purpose IPv4 and IPv6 addresses, RFC 6890).
 *
 * IPv6 addresses that carry an IPv4 address inside (::ffff:0:0/96, and 64:ff9b::/96 of RFC 6052)
 * are judged by the IPv4 address: that is where the packets go.
 */
#include <p2p/multiaddr.h>

#include "base/bytes.h"
#include "base/check.h"
#include "multi/protocol.h"

typedef struct ip_prefix {
    uint8_t bits;
    uint8_t ip[16];
} ip_prefix;

static const ip_prefix NOT_PUBLIC_IP4[] = {
    {8, {0}},             /* this network */
    {8, {10}},            /* private */
    {10, {100, 64}},      /* carriers' NAT, RFC 6598 */
    {8, {127}},           /* loopback */
    {16, {169, 254}},     /* link local */
    {12, {172, 16}},      /* private */
    {24, {192, 0, 0}},    /* protocol assignments */
    {24, {192, 0, 2}},    /* documentation */
    {24, {192, 88, 99}},  /* 6to4 relays, withdrawn */
    {16, {192, 168}},     /* private */
    {15, {198, 18}},      /* benchmarks */
    {24, {198, 51, 100}}, /* documentation */
    {24, {203, 0, 113}},  /* documentation */
    {4, {224}},           /* multicast */
    {4, {240}},           /* reserved, broadcast */
};

/* Only 2000::/3 is given out at all; these are its parts that are not public. */
static const ip_prefix NOT_PUBLIC_IP6[] = {
    {23, {0x20, 0x01}},             /* protocol assignments, with Teredo and ORCHID */
    {32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation */
    {16, {0x20, 0x02}},             /* 6to4 */
    {20, {0x3f, 0xff}},             /* documentation */
};

static const ip_prefix GIVEN_OUT_IP6 = {3, {0x20}};
static const ip_prefix LINK_LOCAL_IP6 = {10, {0xfe, 0x80}};
static const ip_prefix MAPPED = {96, {[10] = 0xff, [11] = 0xff}};
static const ip_prefix TRANSLATED = {96, {0x00, 0x64, 0xff, 0x9b}};
static const uint8_t LOOPBACK_IP6[16] = {[15] = 1};
static const uint8_t UNSPECIFIED[16] = {0};

static bool within(const uint8_t *ip, const ip_prefix *prefix) {
    size_t whole = prefix->bits / 8;
    unsigned rest = prefix->bits % 8;
    if (memcmp(ip, prefix->ip, whole) != 0)
        return false;
    return rest == 0 || (ip[whole] ^ prefix->ip[whole]) >> (8 - rest) == 0;
}

static bool within_any(const uint8_t *ip, const ip_prefix *prefixes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (within(ip, &prefixes[i]))
            return true;
    }
    return false;
}

/* The IPv4 address of either family's address, NULL if it has none. */
static const uint8_t *ip4_of(const p2p_sockaddr *addr) {
    if (addr->family == 4)
        return addr->ip;
    if (addr->family == 6 && (within(addr->ip, &MAPPED) || within(addr->ip, &TRANSLATED)))
        return addr->ip + 12;
    return NULL;
}

bool p2p_sockaddr_is_loopback(const p2p_sockaddr *addr) {
    const uint8_t *ip4 = ip4_of(addr);
    if (ip4 != NULL)
        return ip4[0] == 127;
    return addr->family == 6 && memcmp(addr->ip, LOOPBACK_IP6, 16) == 0;
}

bool p2p_sockaddr_is_unspecified(const p2p_sockaddr *addr) {
    const uint8_t *ip4 = ip4_of(addr);
    if (ip4 != NULL)
        return memcmp(ip4, UNSPECIFIED, 4) == 0;
    return addr->family == 6 && memcmp(addr->ip, UNSPECIFIED, 16) == 0;
}

bool p2p_sockaddr_is_link_local(const p2p_sockaddr *addr) {
    const uint8_t *ip4 = ip4_of(addr);
    if (ip4 != NULL)
        return ip4[0] == 169 && ip4[1] == 254;
    return addr->family == 6 && within(addr->ip, &LINK_LOCAL_IP6);
}

bool p2p_sockaddr_is_public(const p2p_sockaddr *addr) {
    const uint8_t *ip4 = ip4_of(addr);
    if (ip4 != NULL)
        return !within_any(ip4, NOT_PUBLIC_IP4, P2P_COUNT(NOT_PUBLIC_IP4));
    return addr->family == 6 && within(addr->ip, &GIVEN_OUT_IP6) &&
           !within_any(addr->ip, NOT_PUBLIC_IP6, P2P_COUNT(NOT_PUBLIC_IP6));
}

bool p2p_sockaddr_equal(const p2p_sockaddr *a, const p2p_sockaddr *b) {
    size_t ip_len = a->family == 4 ? 4 : 16;
    if (a->family != b->family || a->port != b->port)
        return false;
    if (memcmp(a->ip, b->ip, ip_len) != 0)
        return false;
    return a->family != 6 || a->scope == b->scope;
}

/* --- multiaddrs --- */

/* A zone is written as its number: names of interfaces mean something on one machine only. */
static p2p_err push_zone(p2p_multiaddr *addr, uint32_t scope) {
    uint8_t digits[10];
    size_t at = sizeof digits;
    for (; scope > 0; scope /= 10)
        digits[--at] = (uint8_t)('0' + scope % 10);
    return p2p_multiaddr_push(addr, P2P_IP6ZONE, p2p_bytes_of(digits + at, sizeof digits - at));
}

static uint32_t zone_number(p2p_bytes text) {
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.ptr[i] - '0';
        if (digit > 9)
            return 0;
        number = number * 10 + digit;
        if (number > UINT32_MAX)
            return 0;
    }
    return (uint32_t)number;
}

void p2p_multiaddr_from_sockaddr(
    p2p_multiaddr *addr, const p2p_sockaddr *from, p2p_proto_code transport) {
    uint8_t port[2];
    p2p_store16(port, from->port);
    P2P_REQUIRE(from->family == 4 || from->family == 6);
    P2P_REQUIRE(transport == P2P_TCP || transport == P2P_UDP);
    addr->len = 0;
    p2p_err err = P2P_OK;
    if (from->family == 6 && from->scope != 0)
        err = push_zone(addr, from->scope);
    p2p_bytes ip = p2p_bytes_of(from->ip, from->family == 4 ? 4 : 16);
    if (err == P2P_OK)
        err = p2p_multiaddr_push(addr, from->family == 4 ? P2P_IP4 : P2P_IP6, ip);
    if (err == P2P_OK)
        err = p2p_multiaddr_push(addr, transport, p2p_bytes_of(port, sizeof port));
    INVARIANT(err == P2P_OK);
}

bool p2p_multiaddr_to_sockaddr(
    const p2p_multiaddr *addr, p2p_sockaddr *to, p2p_proto_code *transport) {
    p2p_component part;
    size_t at = 0;
    uint32_t scope = 0;
    bool zoned = false;
    bool more = p2p_multiaddr_next(addr, &at, &part);
    if (more && part.code == P2P_IP6ZONE) {
        zoned = true;
        scope = zone_number(part.value);
        more = p2p_multiaddr_next(addr, &at, &part);
    }
    if (!more || (part.code != P2P_IP6 && (part.code != P2P_IP4 || zoned)))
        return false;
    p2p_sockaddr found = {.family = part.code == P2P_IP4 ? 4 : 6, .scope = scope};
    memcpy(found.ip, part.value.ptr, part.value.len);
    if (!p2p_multiaddr_next(addr, &at, &part) || (part.code != P2P_TCP && part.code != P2P_UDP))
        return false;
    found.port = p2p_load16(part.value.ptr);
    *to = found;
    *transport = part.code;
    return true;
}
