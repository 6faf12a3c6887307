/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CIDs of version 0 and 1 (multiformats/cid #decoding-algorithm). */
#include "multi/cid.h"

#include "base/bytes.h"

enum { V0_LEN = 34, V0_TEXT_LEN = 46 };

static bool is_v0(p2p_bytes bytes) {
    return bytes.len == V0_LEN && bytes.ptr[0] == P2P_HASH_SHA256 && bytes.ptr[1] == 32;
}

static p2p_err set(p2p_cid *cid, uint8_t version, uint64_t codec, p2p_bytes multihash) {
    p2p_multihash hash;
    p2p_err err = p2p_multihash_decode(&hash, multihash);
    if (err != P2P_OK)
        return err;
    *cid = (p2p_cid){.version = version, .codec = codec, .hash_len = (uint8_t)multihash.len};
    memcpy(cid->hash, multihash.ptr, multihash.len);
    return P2P_OK;
}

p2p_err p2p_cid_make(p2p_cid *cid, uint64_t codec, p2p_bytes multihash) {
    return set(cid, 1, codec, multihash);
}

p2p_err p2p_cid_decode(p2p_cid *cid, p2p_bytes bytes) {
    if (is_v0(bytes))
        return set(cid, 0, P2P_CODEC_DAG_PB, bytes);
    p2p_cursor c = p2p_cursor_of(bytes);
    uint64_t version = p2p_cursor_uvarint(&c);
    uint64_t codec = p2p_cursor_uvarint(&c);
    p2p_bytes multihash = p2p_cursor_rest(&c);
    if (c.err != P2P_OK || version == 0)
        return P2P_ERR_MALFORMED;
    if (version != 1)
        return P2P_ERR_UNSUPPORTED;
    return set(cid, 1, codec, multihash);
}

void p2p_cid_encode(p2p_writer *w, const p2p_cid *cid) {
    if (cid->version != 0) {
        p2p_writer_uvarint(w, cid->version);
        p2p_writer_uvarint(w, cid->codec);
    }
    p2p_writer_bytes(w, p2p_cid_hash(cid));
}

p2p_err p2p_cid_parse(p2p_cid *cid, p2p_bytes text) {
    uint8_t bytes[P2P_CID_MAX];
    size_t len;
    bool bare = text.len == V0_TEXT_LEN && p2p_bytes_start(text, P2P_LITERAL("Qm"));
    p2p_err err = bare ? p2p_base_decode(bytes, sizeof bytes, &len, P2P_BASE58_BTC, text)
                       : p2p_multibase_decode(bytes, sizeof bytes, &len, text);
    if (err != P2P_OK)
        return err;
    /* A version 0 in multibase clothes is forbidden: it has no version byte to tell it by. */
    if (is_v0(p2p_bytes_of(bytes, len)) != bare)
        return P2P_ERR_INVALID;
    err = p2p_cid_decode(cid, p2p_bytes_of(bytes, len));
    return err == P2P_ERR_MALFORMED ? P2P_ERR_INVALID : err;
}

p2p_err p2p_cid_parse_peer(uint8_t hash[P2P_MULTIHASH_MAX], size_t *len, p2p_bytes text) {
    p2p_cid cid;
    /* No multibase prefix is '1' or 'Q'. */
    if (p2p_bytes_start(text, P2P_LITERAL("1")) || p2p_bytes_start(text, P2P_LITERAL("Qm"))) {
        p2p_err err = p2p_base_decode(hash, P2P_MULTIHASH_MAX, len, P2P_BASE58_BTC, text);
        return err == P2P_OK ? P2P_OK : P2P_ERR_INVALID;
    }
    if (p2p_cid_parse(&cid, text) != P2P_OK || cid.codec != P2P_CODEC_LIBP2P_KEY)
        return P2P_ERR_INVALID;
    *len = cid.hash_len;
    memcpy(hash, cid.hash, cid.hash_len);
    return P2P_OK;
}

size_t p2p_cid_format(char *dst, size_t cap, const p2p_cid *cid, p2p_multibase base) {
    uint8_t bytes[P2P_CID_MAX];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_cid_encode(&w, cid);
    if (cid->version == 0)
        return p2p_base_encode(dst, cap, P2P_BASE58_BTC, p2p_writer_view(&w));
    return p2p_multibase_encode(dst, cap, base, p2p_writer_view(&w));
}
