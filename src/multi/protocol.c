/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The protocols of multiformats/multiaddr protocols.csv that this library can at least carry. The
 * deprecated ones are here because old addresses still travel and must not be lost. Onion and
 * garlic addresses are left out: nothing here could dial them.
 */
#include "multi/protocol.h"

#include "base/bytes.h"

/* In ascending order of code. */
static const p2p_proto PROTOCOLS[] = {
    {P2P_IP4, "ip4", P2P_FORM_IP4},
    {P2P_TCP, "tcp", P2P_FORM_PORT},
    {P2P_DCCP, "dccp", P2P_FORM_PORT},
    {P2P_IP6, "ip6", P2P_FORM_IP6},
    {P2P_IP6ZONE, "ip6zone", P2P_FORM_NAME},
    {P2P_IPCIDR, "ipcidr", P2P_FORM_PREFIX},
    {P2P_DNS, "dns", P2P_FORM_NAME},
    {P2P_DNS4, "dns4", P2P_FORM_NAME},
    {P2P_DNS6, "dns6", P2P_FORM_NAME},
    {P2P_DNSADDR, "dnsaddr", P2P_FORM_NAME},
    {P2P_SCTP, "sctp", P2P_FORM_PORT},
    {P2P_UDP, "udp", P2P_FORM_PORT},
    {P2P_P2P_WEBRTC_STAR, "p2p-webrtc-star", P2P_FORM_NONE},
    {P2P_P2P_WEBRTC_DIRECT, "p2p-webrtc-direct", P2P_FORM_NONE},
    {P2P_WEBRTC_DIRECT, "webrtc-direct", P2P_FORM_NONE},
    {P2P_WEBRTC, "webrtc", P2P_FORM_NONE},
    {P2P_P2P_CIRCUIT, "p2p-circuit", P2P_FORM_NONE},
    {P2P_UNIX, "unix", P2P_FORM_PATH},
    {P2P_P2P, "p2p", P2P_FORM_PEER},
    {P2P_HTTPS, "https", P2P_FORM_NONE},
    {P2P_TLS, "tls", P2P_FORM_NONE},
    {P2P_SNI, "sni", P2P_FORM_NAME},
    {P2P_NOISE, "noise", P2P_FORM_NONE},
    {P2P_QUIC, "quic", P2P_FORM_NONE},
    {P2P_QUIC_V1, "quic-v1", P2P_FORM_NONE},
    {P2P_WEBTRANSPORT, "webtransport", P2P_FORM_NONE},
    {P2P_CERTHASH, "certhash", P2P_FORM_HASH},
    {P2P_WS, "ws", P2P_FORM_NONE},
    {P2P_WSS, "wss", P2P_FORM_NONE},
    {P2P_P2P_WEBSOCKET_STAR, "p2p-websocket-star", P2P_FORM_NONE},
    {P2P_HTTP, "http", P2P_FORM_NONE},
    {P2P_HTTP_PATH, "http-path", P2P_FORM_PERCENT},
    {P2P_MEMORY, "memory", P2P_FORM_NUMBER},
};

const p2p_proto *p2p_proto_by_code(uint64_t code) {
    size_t low = 0;
    size_t high = P2P_COUNT(PROTOCOLS);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (PROTOCOLS[middle].code == code)
            return &PROTOCOLS[middle];
        if (PROTOCOLS[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const p2p_proto *p2p_proto_by_name(p2p_bytes name) {
    if (p2p_bytes_equal(name, P2P_LITERAL("ipfs"))) /* its name before libp2p was its own project */
        return p2p_proto_by_code(P2P_P2P);
    for (size_t i = 0; i < P2P_COUNT(PROTOCOLS); i++) {
        if (p2p_bytes_equal(name, p2p_bytes_text(PROTOCOLS[i].name)))
            return &PROTOCOLS[i];
    }
    return NULL;
}

const char *p2p_proto_name(p2p_proto_code code) {
    const p2p_proto *proto = p2p_proto_by_code(code);
    return proto == NULL ? NULL : proto->name;
}

int p2p_proto_value_len(const p2p_proto *proto) {
    switch (proto->form) {
    case P2P_FORM_NONE:
        return 0;
    case P2P_FORM_PREFIX:
        return 1;
    case P2P_FORM_PORT:
        return 2;
    case P2P_FORM_IP4:
        return 4;
    case P2P_FORM_NUMBER:
        return 8;
    case P2P_FORM_IP6:
        return 16;
    default:
        return -1;
    }
}
