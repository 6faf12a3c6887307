/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * NoiseHandshakePayload and NoiseExtensions (specs/noise #the-libp2p-handshake-payload,
 * specs/connections/inlined-muxer-negotiation):
 *
 *     NoiseHandshakePayload { bytes identity_key = 1; bytes identity_sig = 2; NoiseExtensions
 *                             extensions = 4; }      3 was early data once and is skipped
 *     NoiseExtensions { repeated bytes webtransport_certhashes = 1; repeated string stream_muxers =
 *                       2; }                         3 and 4 are claimed by unmerged proposals
 */
#include "secure/noise_payload.h"

#include "base/bytes.h"
#include "base/proto.h"
#include "stack/upgrade.h"

enum { IDENTITY_KEY = 1, IDENTITY_SIG = 2, EXTENSIONS = 4 };

enum { CERTHASHES = 1, STREAM_MUXERS = 2 };

/* Longer lists are not looked at, as in go-libp2p: comparing costs the product of both lengths. */
enum { REMOTE_MUXERS_MAX = 100 };

void p2p_noise_statement(uint8_t statement[P2P_NOISE_STATEMENT_LEN], const uint8_t static_key[32]) {
    static const char PREFIX[] = "noise-libp2p-static-key:";
    _Static_assert(sizeof PREFIX - 1 + 32 == P2P_NOISE_STATEMENT_LEN, "prefix and key");
    memcpy(statement, PREFIX, sizeof PREFIX - 1);
    memcpy(statement + sizeof PREFIX - 1, static_key, 32);
}

p2p_err p2p_noise_payload_decode(p2p_noise_payload *payload, p2p_bytes encoded) {
    p2p_cursor c = p2p_cursor_of(encoded);
    p2p_proto_field f;
    uint32_t seen = 0;
    *payload = (p2p_noise_payload){0};
    while (p2p_proto_next(&c, &f)) {
        p2p_bytes *field = f.number == IDENTITY_KEY   ? &payload->identity_key
                           : f.number == IDENTITY_SIG ? &payload->identity_sig
                           : f.number == EXTENSIONS   ? &payload->extensions
                                                      : NULL;
        if (field == NULL)
            continue;
        p2p_proto_once(&c, &f, &seen);
        *field = p2p_proto_bytes(&c, &f);
    }
    if (payload->identity_key.len == 0 || payload->identity_sig.len == 0)
        p2p_cursor_fail(&c);
    return p2p_cursor_end(&c);
}

void p2p_noise_payload_encode(p2p_writer *w, const p2p_noise_payload *payload) {
    p2p_proto_put_bytes(w, IDENTITY_KEY, payload->identity_key);
    p2p_proto_put_bytes(w, IDENTITY_SIG, payload->identity_sig);
    if (payload->extensions.len > 0)
        p2p_proto_put_bytes(w, EXTENSIONS, payload->extensions);
}

void p2p_noise_extensions_encode(p2p_writer *w, const p2p_bytes *certhashes, size_t certhash_count,
    const p2p_muxer *const *muxers) {
    for (size_t i = 0; i < certhash_count; i++)
        p2p_proto_put_bytes(w, CERTHASHES, certhashes[i]);
    for (; muxers != NULL && *muxers != NULL; muxers++)
        p2p_proto_put_bytes(w, STREAM_MUXERS, p2p_bytes_text((*muxers)->id));
}

/* The place of an id in our list; the number of entries if it is not there. */
static size_t place(const p2p_muxer *const *muxers, p2p_bytes id) {
    size_t i = 0;
    while (muxers[i] != NULL && !p2p_bytes_equal(p2p_bytes_text(muxers[i]->id), id))
        i++;
    return i;
}

p2p_err p2p_noise_extensions_decode(p2p_bytes encoded,
    p2p_bytes certhashes[P2P_NOISE_CERTHASHES_MAX], size_t *certhash_count, bool initiator,
    const p2p_muxer *const *muxers, const p2p_muxer **muxer) {
    static const p2p_muxer *const NONE[] = {NULL};
    p2p_cursor c = p2p_cursor_of(encoded);
    p2p_proto_field f;
    size_t remote_muxers = 0;
    *certhash_count = 0;
    *muxer = NULL;
    if (muxers == NULL)
        muxers = NONE;
    size_t best = SIZE_MAX;
    while (p2p_proto_next(&c, &f)) {
        if (f.number == CERTHASHES) {
            p2p_bytes hash = p2p_proto_bytes(&c, &f);
            if (*certhash_count == P2P_NOISE_CERTHASHES_MAX)
                return P2P_ERR_VIOLATION;
            certhashes[(*certhash_count)++] = hash;
        } else if (f.number == STREAM_MUXERS && remote_muxers++ < REMOTE_MUXERS_MAX) {
            size_t mine = place(muxers, p2p_proto_bytes(&c, &f));
            /* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-noise: the
             * first item from the initiator's list that both parties support. */
            /* The initiator keeps its own best, the responder the first that comes. */
            if (muxers[mine] != NULL && (initiator ? mine < best : best == SIZE_MAX))
                best = mine;
        }
    }
    if (best != SIZE_MAX && remote_muxers <= REMOTE_MUXERS_MAX)
        *muxer = muxers[best];
    return p2p_cursor_end(&c);
}
