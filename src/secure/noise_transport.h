/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise after the handshake (specs/noise #wire-format): every message is a frame of two length
 * bytes and at most 65 535 bytes of ciphertext.
 */
#ifndef P2P_SECURE_NOISE_TRANSPORT_H
#define P2P_SECURE_NOISE_TRANSPORT_H

#include "crypto/crypto.h"
#include "stack/layer.h"

enum {
    P2P_NOISE_HEAD_LEN = 2,
    P2P_NOISE_MESSAGE_MAX = 65535,
    /* Plaintext in the frames this side writes: it stays in the first-level cache between the layer
     * above and the cipher. */
    P2P_NOISE_WRITE_MAX = 16384
};

/* One message, where it lies. */
typedef struct p2p_noise_message {
    uint8_t *ptr;
    size_t len;
} p2p_noise_message;

/* The two directions after the handshake. */
typedef struct p2p_noise_transport {
    p2p_aead *tx, *rx;
    uint64_t tx_nonce, rx_nonce;
} p2p_noise_transport;

void p2p_noise_transport_deinit(p2p_noise_transport *transport);
/* Opens in place; len becomes that of the plaintext. MALFORMED (shorter than a tag), DECRYPT,
 * LIMIT. */
P2P_NODISCARD p2p_err p2p_noise_transport_open(
    p2p_noise_transport *transport, p2p_noise_message *message);
/* Fills dst with frames of what `above` has to say. */
P2P_NODISCARD p2p_err p2p_noise_transport_draw(
    p2p_noise_transport *transport, p2p_layer *above, uint8_t *dst, size_t cap, size_t *len);

#endif
