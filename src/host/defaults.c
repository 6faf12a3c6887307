/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a host has when its configuration does not say: limits that suit a public node of moderate
 * size. */
#include "host/host.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

const p2p_config p2p_config_defaults = {
    .size = sizeof(p2p_config),
    .limits =
        {
            .conns = 20000,
            .conns_inbound = 20000,
            .conns_per_peer = 16,
            .conns_per_ip = 20000,
            .pending_inbound = 1024,
            .dials = 160,        /* go-libp2p's number of concurrent dials */
            .dials_per_peer = 8, /* and of those to one peer */
            .streams = 100000,
            .streams_inbound_per_conn = 1024,
            .streams_outbound_per_conn = 1024,
            .buffered_bytes = 256 * MIB,
            .write_buffer = 256 * KIB,
            .window_initial = 256 * KIB,
            .window_max = 16 * MIB,
            .conn_window_max = 24 * MIB,
            .peers = 4096,
            .addrs_per_peer = 16,
            .listeners = 32,
            .protocols = 128,
            .events = 65536,
        },
    .timeouts =
        {
            .dial = 15 * P2P_SECOND,
            .dial_local = 5 * P2P_SECOND,
            .accept = 15 * P2P_SECOND,
            .negotiate = 10 * P2P_SECOND,
            .idle = 0,
            .close = 5 * P2P_SECOND,
            .keepalive = 30 * P2P_SECOND,
        },
};
