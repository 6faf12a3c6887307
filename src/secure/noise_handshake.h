/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The handshake of Noise_XX_25519_ChaChaPoly_SHA256 by itself: three messages, each written or read
 * by one call, then two keys. It knows nothing of libp2p, of frames or of sockets.
 *
 *     initiator: write, read, write, split        responder: read, write, read, split
 */
#ifndef P2P_SECURE_NOISE_HANDSHAKE_H
#define P2P_SECURE_NOISE_HANDSHAKE_H

#include "crypto/crypto.h"

enum {
    P2P_NOISE_MESSAGES = 3,
    /* What a message holds beside its payload, at most: e, s with its tag, the payload's tag. */
    P2P_NOISE_OVERHEAD_MAX = 32 + 32 + 16 + 16
};

/* An X25519 key pair. */
typedef struct p2p_noise_keypair {
    uint8_t private_key[32];
    uint8_t public_key[32];
} p2p_noise_keypair;

/* Embedded; the names are those of the Noise specification. */
typedef struct p2p_noise_handshake {
    uint8_t h[32];  /* hash of everything said so far */
    uint8_t ck[32]; /* chaining key */
    uint8_t k[32];  /* cipher key */
    uint64_t n;     /* its next nonce */
    bool has_key;
    bool initiator;
    uint8_t message; /* number of messages written and read */
    p2p_noise_keypair s, e;
    uint8_t rs[32], re[32]; /* the remote static and ephemeral keys */
} p2p_noise_handshake;

/* The private key is drawn from `random`. CRYPTO. */
P2P_NODISCARD p2p_err p2p_noise_keypair_generate(p2p_noise_keypair *pair, const p2p_random *random);

/* Both pairs are copied. */
void p2p_noise_handshake_init(p2p_noise_handshake *hs, bool initiator, p2p_bytes prologue,
    const p2p_noise_keypair *s, const p2p_noise_keypair *e);
/* Wipes all secrets. */
void p2p_noise_handshake_deinit(p2p_noise_handshake *hs);

static inline bool p2p_noise_handshake_writes(const p2p_noise_handshake *hs) {
    return hs->message < P2P_NOISE_MESSAGES && (hs->message % 2 == 0) == hs->initiator;
}

/* Writes the next message, payload_len + P2P_NOISE_OVERHEAD_MAX bytes at most. TOO_BIG (cap),
 * VIOLATION (a key of small order), CRYPTO. */
P2P_NODISCARD p2p_err p2p_noise_handshake_write(
    p2p_noise_handshake *hs, uint8_t *out, size_t cap, size_t *len, p2p_bytes payload);
/* Reads the next message in place; *payload lies in it. MALFORMED (too short), DECRYPT, VIOLATION.
 */
P2P_NODISCARD p2p_err p2p_noise_handshake_read(
    p2p_noise_handshake *hs, uint8_t *message, size_t len, p2p_bytes *payload);
/* After the third message: the keys of the two directions. */
P2P_NODISCARD p2p_err p2p_noise_handshake_split(
    const p2p_noise_handshake *hs, p2p_aead **tx, p2p_aead **rx);

#endif
