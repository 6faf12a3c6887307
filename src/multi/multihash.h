/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Self-describing digests: code, length, digest (multiformats/multihash). */
#ifndef P2P_MULTI_MULTIHASH_H
#define P2P_MULTI_MULTIHASH_H

#include <p2p/base.h>

#include "base/cursor.h"

/* Codes of the multicodec table that occur in libp2p. */
enum {
    P2P_HASH_IDENTITY = 0x00,
    P2P_HASH_SHA1 = 0x11,
    P2P_HASH_SHA256 = 0x12,
    P2P_HASH_SHA512 = 0x13,
    P2P_MULTIHASH_MAX = 128 /* bytes of a whole multihash, unless it stands in a longer context */
};

typedef struct p2p_multihash {
    uint64_t code;
    p2p_bytes digest; /* into the bytes it came from */
} p2p_multihash;

/* One multihash that fills `bytes`. MALFORMED also when a known digest is longer than its function
 * makes it; shorter is allowed by the spec. */
P2P_NODISCARD p2p_err p2p_multihash_decode(p2p_multihash *hash, p2p_bytes bytes);
/* Whether it is one that peer ids are made of: a whole SHA-256 digest, or up to 42 bytes as they
 * are (peer-ids spec #peer-ids). */
bool p2p_multihash_names_peer(const p2p_multihash *hash);
void p2p_multihash_encode(p2p_writer *w, uint64_t code, p2p_bytes digest);

#endif
