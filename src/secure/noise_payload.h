/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* NoiseHandshakePayload (specs/noise #the-libp2p-handshake-payload): the identity and the
 * extensions. */
#ifndef P2P_SECURE_NOISE_PAYLOAD_H
#define P2P_SECURE_NOISE_PAYLOAD_H

#include "base/cursor.h"
#include "secure/noise.h"

/* What a static key is signed as: this text and the 32 bytes of the key. */
enum { P2P_NOISE_STATEMENT_LEN = 24 + 32 };

void p2p_noise_statement(uint8_t statement[P2P_NOISE_STATEMENT_LEN], const uint8_t static_key[32]);

/* Views of the decoded bytes. */
typedef struct p2p_noise_payload {
    p2p_bytes identity_key; /* protobuf PublicKey */
    p2p_bytes identity_sig;
    p2p_bytes extensions; /* protobuf NoiseExtensions; empty: none */
} p2p_noise_payload;

P2P_NODISCARD p2p_err p2p_noise_payload_decode(p2p_noise_payload *payload, p2p_bytes encoded);
void p2p_noise_payload_encode(p2p_writer *w, const p2p_noise_payload *payload);

/* muxers: NULL-terminated, or NULL for none. */
void p2p_noise_extensions_encode(p2p_writer *w, const p2p_bytes *certhashes, size_t certhash_count,
    const p2p_muxer *const *muxers);
/*
 * The certificate hashes (at most P2P_NOISE_CERTHASHES_MAX; more is a VIOLATION) and the muxer that
 * both sides find: the first of the initiator's list that the responder has too. NULL when one side
 * did not send a list or when the lists have nothing in common: then multistream-select decides.
 */
P2P_NODISCARD p2p_err p2p_noise_extensions_decode(p2p_bytes encoded,
    p2p_bytes certhashes[P2P_NOISE_CERTHASHES_MAX], size_t *certhash_count, bool initiator,
    const p2p_muxer *const *muxers, const p2p_muxer **muxer);

#endif
