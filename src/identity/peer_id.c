/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Peer ids (peer-ids spec #peer-ids): the multihash of a public key in protobuf form. Encodings of
 * up to 42 bytes, which are those of Ed25519 and secp256k1 keys, stand in the id as they are;
 * longer ones are hashed.
 */
#include "identity/identity.h"

#include "base/bytes.h"
#include "multi/cid.h"

enum { INLINE_MAX = 42, SHA256_LEN = 32 };

bool p2p_peer_id_equal(const p2p_peer_id *a, const p2p_peer_id *b) {
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

p2p_err p2p_peer_id_decode(p2p_peer_id *id, p2p_bytes multihash) {
    p2p_multihash hash;
    id->len = 0;
    if (p2p_multihash_decode(&hash, multihash) != P2P_OK || !p2p_multihash_names_peer(&hash))
        return P2P_ERR_MALFORMED;
    memcpy(id->bytes, multihash.ptr, multihash.len);
    id->len = (uint8_t)multihash.len;
    return P2P_OK;
}

/* spec: peer-ids #string-representation: implementations MUST support parsing both forms of peer
 * ids. */
p2p_err p2p_peer_id_parse(p2p_peer_id *id, const char *text) {
    uint8_t hash[P2P_MULTIHASH_MAX];
    size_t hash_len, len = strnlen(text, P2P_PEER_ID_TEXT_MAX);
    id->len = 0;
    if (len == P2P_PEER_ID_TEXT_MAX ||
        p2p_cid_parse_peer(hash, &hash_len, p2p_bytes_of(text, len)) != P2P_OK ||
        p2p_peer_id_decode(id, p2p_bytes_of(hash, hash_len)) != P2P_OK)
        return P2P_ERR_INVALID;
    return P2P_OK;
}

size_t p2p_peer_id_format(char *dst, size_t cap, const p2p_peer_id *id) {
    return p2p_base_encode(dst, cap, P2P_BASE58_BTC, p2p_bytes_of(id->bytes, id->len));
}

size_t p2p_peer_id_format_cid(char *dst, size_t cap, const p2p_peer_id *id) {
    p2p_cid cid;
    if (p2p_cid_make(&cid, P2P_CODEC_LIBP2P_KEY, p2p_bytes_of(id->bytes, id->len)) != P2P_OK) {
        if (cap > 0)
            dst[0] = '\0';
        return 0;
    }
    return p2p_cid_format(dst, cap, &cid, P2P_BASE36);
}

/* spec: peer-ids #peer-ids: keys that serialize to more than 42 bytes must be hashed using sha256,
 * others "identity". */
p2p_err p2p_peer_id_of_key(p2p_peer_id *id, p2p_bytes public_key) {
    p2p_key_kind kind;
    p2p_bytes data;
    uint8_t digest[SHA256_LEN];
    p2p_writer w = p2p_writer_of(id->bytes, sizeof id->bytes);
    id->len = 0;
    p2p_err err = p2p_public_key_decode(&kind, &data, public_key);
    if (err != P2P_OK)
        return err;
    if (public_key.len <= INLINE_MAX) {
        p2p_multihash_encode(&w, P2P_HASH_IDENTITY, public_key);
    } else {
        p2p_sha256(digest, public_key);
        p2p_multihash_encode(&w, P2P_HASH_SHA256, p2p_bytes_of(digest, sizeof digest));
    }
    id->len = (uint8_t)w.len;
    return P2P_OK;
}
