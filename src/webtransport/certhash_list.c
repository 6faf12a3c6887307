/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p WebTransport spec, "Security Handshake"; NoiseExtensions of the Noise spec. Other fields
 * of the message belong to others and are skipped.
 */
#include "webtransport/certhash_list.h"

#include "base/bytes.h"
#include "base/proto.h"

enum { FIELD_CERTHASHES = 1, SHA2_256 = 0x12 };

void p2p_certhash_of_digest(uint8_t hash[P2P_CERTHASH_LEN], const uint8_t digest[32]) {
    hash[0] = SHA2_256;
    hash[1] = 32;
    memcpy(hash + 2, digest, 32);
}

bool p2p_certhash_is_sha256(p2p_bytes hash) {
    return hash.len == P2P_CERTHASH_LEN && hash.ptr[0] == SHA2_256 && hash.ptr[1] == 32;
}

void p2p_certhash_list_put(p2p_writer *w, const p2p_bytes *hashes, size_t count) {
    for (size_t i = 0; i < count; i++)
        p2p_proto_put_bytes(w, FIELD_CERTHASHES, hashes[i]);
}

static p2p_err read_list(p2p_bytes extensions, p2p_bytes *list, size_t *count) {
    p2p_cursor c = p2p_cursor_of(extensions);
    p2p_proto_field field;
    *count = 0;
    while (p2p_proto_next(&c, &field)) {
        if (field.number != FIELD_CERTHASHES)
            continue;
        if (*count == P2P_CERTHASH_LIST_MAX)
            return P2P_ERR_VIOLATION;
        list[(*count)++] = p2p_proto_bytes(&c, &field);
    }
    return p2p_cursor_end(&c);
}

static bool contains(const p2p_bytes *list, size_t count, p2p_bytes hash) {
    for (size_t i = 0; i < count; i++)
        if (p2p_bytes_equal(list[i], hash))
            return true;
    return false;
}

p2p_err p2p_certhash_list_check(p2p_bytes extensions, const p2p_bytes *dialled, size_t count) {
    p2p_bytes list[P2P_CERTHASH_LIST_MAX];
    size_t listed;
    p2p_err err = read_list(extensions, list, &listed);
    for (size_t i = 0; err == P2P_OK && i < count; i++)
        if (!contains(list, listed, dialled[i]))
            err = P2P_ERR_BAD_CERTIFICATE;
    return err;
}
