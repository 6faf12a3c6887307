/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a host is built from: transports, security protocols and muxers, each a constant to put into
 * the lists of p2p_config. A capability left out of the lists is not linked into a static program.
 *
 * Writing one's own is described in docs/writing-a-transport.md; the structs are in
 * src/transport/transport.h and src/stack/.
 */
#ifndef P2P_TRANSPORT_H
#define P2P_TRANSPORT_H

#include <p2p/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_transport_type p2p_transport_type;
typedef struct p2p_security p2p_security;
typedef struct p2p_muxer p2p_muxer;

/* /ip4|ip6|dns…/tcp/PORT and /memory/NUMBER */
P2P_API extern const p2p_transport_type p2p_tcp;
/* …/tcp/PORT/ws, …/tcp/PORT/tls/ws: p2p/websocket.h */
P2P_API extern const p2p_transport_type p2p_websocket;
/* …/udp/PORT/quic-v1 */
P2P_API extern const p2p_transport_type p2p_quic;
/* …/udp/PORT/webrtc-direct/certhash/HASH (listening: without the hash), for browsers */
P2P_API extern const p2p_transport_type p2p_webrtc_direct;
/* …/udp/PORT/quic-v1/webtransport/certhash/…, on the same port as QUIC */
P2P_API extern const p2p_transport_type p2p_webtransport;

/* /noise: Noise_XX_25519_ChaChaPoly_SHA256 */
P2P_API extern const p2p_security p2p_noise;
/* /tls/1.0.0: TLS 1.3 with the libp2p certificate */
P2P_API extern const p2p_security p2p_tls;

/* /yamux/1.0.0 */
P2P_API extern const p2p_muxer p2p_yamux;
/* /mplex/6.7.0: deprecated, without flow control; not in the default list */
P2P_API extern const p2p_muxer p2p_mplex;

#ifdef __cplusplus
}
#endif
#endif
