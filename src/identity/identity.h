/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the rest of the library asks of identities beyond <p2p/identity.h>: signing that may take
 * its time, key encodings, and the two halves of making a signed envelope.
 */
#ifndef P2P_IDENTITY_IDENTITY_H
#define P2P_IDENTITY_IDENTITY_H

#include <p2p/identity.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "crypto/crypto.h"

/* --- signing --- */

typedef struct p2p_signature {
    uint16_t len;
    uint8_t bytes[P2P_SIGNATURE_MAX];
} p2p_signature;

/* The answer to a signature that took its time. The bytes are valid during the call; the job is
 * gone already. */
typedef void (*p2p_signed_fn)(void *ctx, p2p_err err, p2p_bytes signature);

/*
 * Signs `message`.
 *   P2P_OK: *signature is filled. Always so with a local key; also if an external signer answers
 *     before it returns.
 *   P2P_ERR_AGAIN: the signer will answer later; `done` is then called once, unless the job is
 *     cancelled first. *pending is the job.
 *   anything else: it failed, and `done` will not be called.
 */
P2P_NODISCARD p2p_err p2p_identity_sign(const p2p_identity *identity, p2p_signature *signature,
    p2p_sign_job **pending, p2p_bytes message, p2p_signed_fn done, void *ctx);
/*
 * For an owner that goes away before the answer: `done` will not be called. The signer still holds
 * the job and answers it by p2p_sign_done as always, which then only frees it.
 */
void p2p_sign_cancel(p2p_sign_job *job);

/* --- keys --- */

/* Parts of a protobuf PublicKey. MALFORMED unless canonical (peer ids hash these bytes),
 * UNSUPPORTED for an unknown kind. The key itself is not looked at. */
P2P_NODISCARD p2p_err p2p_public_key_decode(p2p_key_kind *kind, p2p_bytes *data, p2p_bytes encoded);
void p2p_public_key_encode(p2p_writer *w, p2p_key_kind kind, p2p_bytes data);

/* --- signed envelopes --- */

enum { P2P_ENVELOPE_MAX = 10240 }; /* bytes of an envelope that p2p_envelope_open will read */

/* The bytes to be signed (RFC 0002 #signature-production). */
void p2p_envelope_signed_bytes(
    p2p_writer *w, p2p_bytes domain, p2p_bytes payload_type, p2p_bytes payload);
void p2p_envelope_encode(p2p_writer *w, const p2p_envelope *envelope);
/* Takes it apart without verifying. */
P2P_NODISCARD p2p_err p2p_envelope_decode(p2p_envelope *envelope, p2p_bytes encoded);
/* BAD_SIGNATURE, or what is wrong with the key. */
P2P_NODISCARD p2p_err p2p_envelope_verify(const p2p_envelope *envelope, p2p_bytes domain);

#define P2P_PEER_RECORD_DOMAIN P2P_LITERAL("libp2p-peer-record")
#define P2P_PEER_RECORD_TYPE P2P_LITERAL("\x03\x01")
/* As RFC 0003 has it and rust-libp2p still writes by default. Read, never written. */
#define P2P_PEER_RECORD_LEGACY_DOMAIN P2P_LITERAL("libp2p-routing-state")
#define P2P_PEER_RECORD_LEGACY_TYPE P2P_LITERAL("/libp2p/routing-state-record")

/* The payload of a peer record's envelope. */
void p2p_peer_record_encode(p2p_writer *w, const p2p_peer_id *peer, uint64_t seq,
    const p2p_multiaddr *addrs, size_t addr_count);

#endif
