/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Multihash (multiformats/multihash). Functions it does not know are kept as they are: only whoever
 * compares a digest with data has to know how it was made. */
#include "multi/multihash.h"

#include "base/bytes.h"

enum { SHA256_LEN = 32, INLINE_KEY_MAX = 42 };

static size_t longest_digest(uint64_t code) {
    switch (code) {
    case P2P_HASH_SHA1:
        return 20;
    case P2P_HASH_SHA256:
        return SHA256_LEN;
    case P2P_HASH_SHA512:
        return 64;
    default:
        return P2P_MULTIHASH_MAX;
    }
}

p2p_err p2p_multihash_decode(p2p_multihash *hash, p2p_bytes bytes) {
    p2p_cursor c = p2p_cursor_of(bytes);
    hash->code = p2p_cursor_uvarint(&c);
    hash->digest = p2p_cursor_take(&c, p2p_cursor_uvarint(&c));
    if (bytes.len > P2P_MULTIHASH_MAX || hash->digest.len > longest_digest(hash->code))
        p2p_cursor_fail(&c);
    return p2p_cursor_end(&c);
}

bool p2p_multihash_names_peer(const p2p_multihash *hash) {
    if (hash->code == P2P_HASH_SHA256)
        return hash->digest.len == SHA256_LEN;
    return hash->code == P2P_HASH_IDENTITY && hash->digest.len > 0 &&
           hash->digest.len <= INLINE_KEY_MAX;
}

void p2p_multihash_encode(p2p_writer *w, uint64_t code, p2p_bytes digest) {
    p2p_writer_uvarint(w, code);
    p2p_writer_uvarint(w, digest.len);
    p2p_writer_bytes(w, digest);
}
