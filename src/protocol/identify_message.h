/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The identify message (identify spec), apart from streams.
 *
 * A sender may spread one message over several delimited ones whose fields are merged: rust-libp2p
 * reads only the first, and no more than 4096 bytes of it.
 */
#ifndef P2P_PROTOCOL_IDENTIFY_MESSAGE_H
#define P2P_PROTOCOL_IDENTIFY_MESSAGE_H

#include <p2p/host.h>

#include "base/cursor.h"

enum {
    P2P_IDENTIFY_SENT_MAX = 4096, /* of each message that is sent, as rust-libp2p demands */
    P2P_IDENTIFY_READ_MAX = 8192, /* of each message that is read, as go and js have it */
    P2P_IDENTIFY_MESSAGES_MAX = 10,
    /* What the messages of one sender take: each with its length, the last a signed record. */
    P2P_IDENTIFY_BLOCK_MAX =
        (P2P_IDENTIFY_MESSAGES_MAX - 1) * (P2P_IDENTIFY_SENT_MAX + 2) + P2P_IDENTIFY_READ_MAX + 2,
    P2P_IDENTIFY_ADDRS_MAX = 64,
    P2P_IDENTIFY_PROTOCOLS_MAX = 256
};

/* What is told. Views. */
typedef struct p2p_identify_fields {
    p2p_bytes public_key, agent, protocol_version, signed_record;
    p2p_multiaddr observed; /* len 0: left out */
    const p2p_multiaddr *addrs;
    size_t addr_count;
    const char *(*protocol)(const void *ctx, size_t index); /* NULL at the end */
    const void *protocol_ctx;
} p2p_identify_fields;

/*
 * Writes one to ten delimited messages of at most 4096 bytes each. The first holds the key, the
 * versions, the observed address and as many addresses and protocols as fit, further ones the rest;
 * what ten cannot hold is left out. A signed record stands in the first when everything fits it,
 * else it comes last and alone (and may then be larger, up to what readers take). TOO_BIG when the
 * block is too small (P2P_IDENTIFY_BLOCK_MAX is enough) or the key alone is larger than a message.
 */
P2P_NODISCARD p2p_err p2p_identify_encode(p2p_writer *w, const p2p_identify_fields *fields);

/*
 * What a peer told, decoded into one block (owned by the caller, block_size bytes), from the bodies
 * of its messages one behind the other. MALFORMED, NO_MEMORY; WRONG_PEER when the key or the record
 * is another's than `peer`'s.
 */
typedef struct p2p_identify_told {
    p2p_peer_info info;
    size_t block_size;
} p2p_identify_told;

P2P_NODISCARD p2p_err p2p_identify_decode(
    p2p_identify_told **out, p2p_bytes bodies, const p2p_peer_id *peer, const p2p_mem *mem);

#endif
