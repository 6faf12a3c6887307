/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Multiaddrs: self-describing network addresses such as
 * /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3KooW….
 *
 * A p2p_multiaddr is a value: its binary form in a fixed block, always valid, copied by assignment.
 * Text and binary forms convert both ways; a protocol that this library does not know is refused by
 * name, because its length cannot be known (multiaddr spec; table of protocols in
 * src/multi/protocol.c).
 */
#ifndef P2P_MULTIADDR_H
#define P2P_MULTIADDR_H

#include <p2p/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    P2P_MULTIADDR_MAX = 512, /* bytes of the binary form; longer addresses are refused as TOO_BIG */
    P2P_MULTIADDR_TEXT_MAX = 1280 /* enough text for any of them, with the terminator */
};

/* Codes of the multiaddr table (multiformats/multiaddr protocols.csv). */
typedef enum p2p_proto_code {
    P2P_IP4 = 4,
    P2P_TCP = 6,
    P2P_DCCP = 33,
    P2P_IP6 = 41,
    P2P_IP6ZONE = 42,
    P2P_IPCIDR = 43,
    P2P_DNS = 53,
    P2P_DNS4 = 54,
    P2P_DNS6 = 55,
    P2P_DNSADDR = 56,
    P2P_SCTP = 132,
    P2P_UDP = 273,
    P2P_P2P_WEBRTC_STAR = 275,
    P2P_P2P_WEBRTC_DIRECT = 276,
    P2P_WEBRTC_DIRECT = 280,
    P2P_WEBRTC = 281,
    P2P_P2P_CIRCUIT = 290,
    P2P_UNIX = 400,
    P2P_P2P = 421,
    P2P_HTTPS = 443,
    P2P_TLS = 448,
    P2P_SNI = 449,
    P2P_NOISE = 454,
    P2P_QUIC = 460,
    P2P_QUIC_V1 = 461,
    P2P_WEBTRANSPORT = 465,
    P2P_CERTHASH = 466,
    P2P_WS = 477,
    P2P_WSS = 478,
    P2P_P2P_WEBSOCKET_STAR = 479,
    P2P_HTTP = 480,
    P2P_HTTP_PATH = 481,
    P2P_MEMORY = 777
} p2p_proto_code;

typedef struct p2p_multiaddr {
    uint16_t len;
    uint8_t bytes[P2P_MULTIADDR_MAX];
} p2p_multiaddr;

/* One component: its protocol and the raw value (network order numbers, text bytes, multihash). */
typedef struct p2p_component {
    p2p_proto_code code;
    p2p_bytes value; /* into the address it came from */
} p2p_component;

/*
 * Reads the text form. INVALID (bad value), UNSUPPORTED (unknown protocol) or TOO_BIG; `why`, if
 * not NULL, then gets a sentence for a person that names the offending part.
 */
P2P_API P2P_NODISCARD p2p_err p2p_multiaddr_parse(
    p2p_multiaddr *addr, const char *text, char why[128]);
/* Writes the text form with terminator; returns the length it needs without it, as snprintf does.
 */
P2P_API size_t p2p_multiaddr_format(char *dst, size_t cap, const p2p_multiaddr *addr);
/* Reads the binary form: MALFORMED, UNSUPPORTED (unknown protocol) or TOO_BIG. */
P2P_API P2P_NODISCARD p2p_err p2p_multiaddr_decode(p2p_multiaddr *addr, p2p_bytes bytes);
/* The binary form, borrowed from addr. */
P2P_API p2p_bytes p2p_multiaddr_bytes(const p2p_multiaddr *addr);

/* Byte equality after /wss and /tls/ws are made one. */
P2P_API bool p2p_multiaddr_equal(const p2p_multiaddr *a, const p2p_multiaddr *b);

/*
 * Walks the components: *offset starts at 0 and is advanced; false at the end.
 *     for (size_t at = 0; p2p_multiaddr_next(addr, &at, &part);) …
 */
P2P_API bool p2p_multiaddr_next(const p2p_multiaddr *addr, size_t *offset, p2p_component *part);
/* The first component with that code at or behind *offset (NULL: 0); *offset then stands behind it.
 */
P2P_API bool p2p_multiaddr_find(
    const p2p_multiaddr *addr, p2p_proto_code code, size_t *offset, p2p_component *part);
P2P_API bool p2p_multiaddr_has(const p2p_multiaddr *addr, p2p_proto_code code);
/* The name of a protocol ("quic-v1"), NULL if unknown. */
P2P_API const char *p2p_proto_name(p2p_proto_code code);

/* Appends one component; value as in p2p_component. INVALID or TOO_BIG leave addr as it was. */
P2P_API P2P_NODISCARD p2p_err p2p_multiaddr_push(
    p2p_multiaddr *addr, p2p_proto_code code, p2p_bytes value);
/* Appends all of tail. */
P2P_API P2P_NODISCARD p2p_err p2p_multiaddr_encapsulate(
    p2p_multiaddr *addr, const p2p_multiaddr *tail);
/* Cuts addr before the last component with that code; false if there is none. */
P2P_API bool p2p_multiaddr_decapsulate(p2p_multiaddr *addr, p2p_proto_code code);

/* /ip4|ip6/…/tcp|udp/PORT of a socket address (transport is P2P_TCP or P2P_UDP); nothing else can
 * fail. */
P2P_API void p2p_multiaddr_from_sockaddr(
    p2p_multiaddr *addr, const p2p_sockaddr *from, p2p_proto_code transport);
/* The IP and port at the head of addr (after an optional /ip6zone). False when it begins otherwise.
 */
P2P_API bool p2p_multiaddr_to_sockaddr(
    const p2p_multiaddr *addr, p2p_sockaddr *to, p2p_proto_code *transport);

/* What kind of network an IP belongs to (the IANA special-purpose registries). */
P2P_API bool p2p_sockaddr_is_loopback(const p2p_sockaddr *addr);
P2P_API bool p2p_sockaddr_is_unspecified(const p2p_sockaddr *addr);
P2P_API bool p2p_sockaddr_is_public(const p2p_sockaddr *addr);
P2P_API bool p2p_sockaddr_is_link_local(const p2p_sockaddr *addr);
P2P_API bool p2p_sockaddr_equal(const p2p_sockaddr *a, const p2p_sockaddr *b);

#ifdef __cplusplus
}
#endif
#endif
