/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a host is built from when its configuration does not say: everything this library has. */
#include "host/host.h"

const p2p_transport_type *const p2p_default_transports[] = {
    &p2p_quic, &p2p_webtransport, &p2p_tcp, &p2p_websocket, &p2p_webrtc_direct, NULL};
const p2p_security *const p2p_default_security[] = {&p2p_noise, &p2p_tls, NULL};
const p2p_muxer *const p2p_default_muxers[] = {&p2p_yamux, NULL};
