/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Content identifiers (multiformats/cid): what the data is, and its multihash. */
#ifndef P2P_MULTI_CID_H
#define P2P_MULTI_CID_H

#include <p2p/base.h>

#include "multi/multibase.h"
#include "multi/multihash.h"

enum {
    P2P_CODEC_RAW = 0x55,
    P2P_CODEC_DAG_PB = 0x70,
    P2P_CODEC_LIBP2P_KEY = 0x72,
    P2P_CID_MAX = P2P_MULTIHASH_MAX + 10,
    P2P_CID_TEXT_MAX = 2 * P2P_CID_MAX + 2 /* base16, with prefix and terminator */
};

/* A value. Version 0 is a bare SHA-256 multihash and always of codec dag-pb. */
typedef struct p2p_cid {
    uint8_t version;
    uint8_t hash_len;
    uint64_t codec;
    uint8_t hash[P2P_MULTIHASH_MAX];
} p2p_cid;

/* Version 1. MALFORMED if `multihash` is none. */
P2P_NODISCARD p2p_err p2p_cid_make(p2p_cid *cid, uint64_t codec, p2p_bytes multihash);
/* MALFORMED, or UNSUPPORTED for versions from 2 on. */
P2P_NODISCARD p2p_err p2p_cid_decode(p2p_cid *cid, p2p_bytes bytes);
void p2p_cid_encode(p2p_writer *w, const p2p_cid *cid);
/* "Qm…" is version 0, all else multibase. INVALID, TOO_BIG or UNSUPPORTED. */
P2P_NODISCARD p2p_err p2p_cid_parse(p2p_cid *cid, p2p_bytes text);
/*
 * The multihash that a peer id's text stands for (peer-ids spec #string-representation): a bare
 * base58 multihash begins with "Qm" (SHA-256) or "1" (identity), all else is a CID. Not checked
 * further. INVALID.
 */
P2P_NODISCARD p2p_err p2p_cid_parse_peer(
    uint8_t hash[P2P_MULTIHASH_MAX], size_t *len, p2p_bytes text);
/* Version 0 is written in base58 whatever `base` is. Returns the length needed without the
 * terminator. */
size_t p2p_cid_format(char *dst, size_t cap, const p2p_cid *cid, p2p_multibase base);

static inline p2p_bytes p2p_cid_hash(const p2p_cid *cid) {
    return (p2p_bytes){cid->hash, cid->hash_len};
}

#endif
