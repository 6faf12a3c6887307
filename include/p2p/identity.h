/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Identity: key pairs, the peer ids that follow from them, and statements signed with them.
 *
 * A peer id is the multihash of the public key in libp2p's protobuf encoding (peer-ids spec). An
 * identity holds a private key, or a signing callback for a key that lives elsewhere (hardware,
 * another process, a browser).
 */
#ifndef P2P_IDENTITY_H
#define P2P_IDENTITY_H

#include <p2p/base.h>
#include <p2p/multiaddr.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    P2P_PEER_ID_MAX = 64,       /* bytes of the multihash: 34 to 44 in practice */
    P2P_PEER_ID_TEXT_MAX = 128, /* base58 or CID text with terminator */
    P2P_PUBLIC_KEY_MAX = 1200,  /* protobuf PublicKey; RSA-8192 needs 1062 */
    P2P_PRIVATE_KEY_MAX = 5200, /* protobuf PrivateKey; RSA-8192 needs about 4 700 */
    P2P_PEER_RECORD_ADDRS = 64  /* addresses in a peer record that this library reads or writes */
};

typedef enum p2p_key_kind {
    P2P_RSA = 0,
    P2P_ED25519 = 1,
    P2P_SECP256K1 = 2,
    P2P_ECDSA = 3
} p2p_key_kind; /* the numbers of libp2p's KeyType */

/* A value, compared with p2p_peer_id_equal. len == 0: no peer. */
typedef struct p2p_peer_id {
    uint8_t len;
    uint8_t bytes[P2P_PEER_ID_MAX];
} p2p_peer_id;

P2P_API bool p2p_peer_id_equal(const p2p_peer_id *a, const p2p_peer_id *b);
/* From the multihash bytes: MALFORMED if it is none, or not of a kind that peer ids use. */
P2P_API P2P_NODISCARD p2p_err p2p_peer_id_decode(p2p_peer_id *id, p2p_bytes multihash);
/* base58btc ("12D3KooW…", "Qm…") or a CIDv1 of codec libp2p-key in any multibase ("k51…", "bafz…").
 */
P2P_API P2P_NODISCARD p2p_err p2p_peer_id_parse(p2p_peer_id *id, const char *text);
/* base58btc with terminator; returns the length needed. */
P2P_API size_t p2p_peer_id_format(char *dst, size_t cap, const p2p_peer_id *id);
/* CIDv1 in base36 ("k51…"), as host names need it. */
P2P_API size_t p2p_peer_id_format_cid(char *dst, size_t cap, const p2p_peer_id *id);
/* Of a public key in protobuf form, which must be canonical. */
P2P_API P2P_NODISCARD p2p_err p2p_peer_id_of_key(p2p_peer_id *id, p2p_bytes public_key);

/* --- own key */

typedef struct p2p_identity p2p_identity;

/*
 * Signs `message` with a key that lives elsewhere. It may answer at once or later: it calls
 * p2p_sign_done(job, …) exactly once, from the host's thread, before the host is freed.
 */
typedef struct p2p_sign_job p2p_sign_job;
typedef void (*p2p_sign_fn)(void *ctx, p2p_bytes message, p2p_sign_job *job);
P2P_API void p2p_sign_done(p2p_sign_job *job, p2p_err err, p2p_bytes signature);

/* A new key pair. random decides it (RSA 2048: the provider does). */
P2P_API P2P_NODISCARD p2p_err p2p_identity_generate(
    p2p_identity **out, p2p_key_kind kind, const p2p_mem *mem, const p2p_random *random);
/* From libp2p's protobuf PrivateKey, the content of a key file. MALFORMED, UNSUPPORTED, or INVALID
 * (halves differ). */
P2P_API P2P_NODISCARD p2p_err p2p_identity_decode(
    p2p_identity **out, p2p_bytes private_key, const p2p_mem *mem);
/* From a public key (protobuf) and a signing callback. */
P2P_API P2P_NODISCARD p2p_err p2p_identity_external(
    p2p_identity **out, p2p_bytes public_key, p2p_sign_fn sign, void *ctx, const p2p_mem *mem);
P2P_API void p2p_identity_free(p2p_identity *identity);

P2P_API const p2p_peer_id *p2p_identity_peer(const p2p_identity *identity);
P2P_API p2p_key_kind p2p_identity_kind(const p2p_identity *identity);
/* The protobuf PublicKey, borrowed. */
P2P_API p2p_bytes p2p_identity_public_key(const p2p_identity *identity);
/* The protobuf PrivateKey; UNSUPPORTED for an external key. The caller wipes it. */
P2P_API P2P_NODISCARD p2p_err p2p_identity_private_key(
    const p2p_identity *identity, uint8_t out[P2P_PRIVATE_KEY_MAX], size_t *len);

/* Verifies with a protobuf PublicKey: BAD_SIGNATURE, MALFORMED or UNSUPPORTED (key kind). */
P2P_API P2P_NODISCARD p2p_err p2p_verify(
    p2p_bytes public_key, p2p_bytes message, p2p_bytes signature);

/* --- signed statements --- */

/* Signed envelope (RFC 0002 of libp2p): who says what, for which purpose. Views into the decoded
 * bytes. */
typedef struct p2p_envelope {
    p2p_bytes public_key; /* protobuf */
    p2p_bytes payload_type;
    p2p_bytes payload;
    p2p_bytes signature;
} p2p_envelope;

/* Decodes and verifies for one purpose (domain): MALFORMED, BAD_SIGNATURE, VIOLATION (other payload
 * type). */
P2P_API P2P_NODISCARD p2p_err p2p_envelope_open(
    p2p_envelope *envelope, p2p_bytes encoded, p2p_bytes domain, p2p_bytes payload_type);

/* Peer record (RFC 0003): the addresses a peer vouches for. */
typedef struct p2p_peer_record {
    p2p_peer_id peer;
    uint64_t seq;
    size_t addr_count;
    p2p_multiaddr addrs[P2P_PEER_RECORD_ADDRS];
} p2p_peer_record;

/* Opens an envelope that holds a peer record whose peer signed it. Addresses it cannot read are
 * left out. */
P2P_API P2P_NODISCARD p2p_err p2p_peer_record_open(p2p_peer_record *record, p2p_bytes envelope);

#ifdef __cplusplus
}
#endif
#endif
