/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise on a byte stream (specs/noise #wire-format): every message is a frame of two length bytes
 * and at most 65 535 bytes. Reading frames out of pieces, opening them, and filling a block with
 * them.
 */
#ifndef P2P_SECURE_NOISE_FRAME_H
#define P2P_SECURE_NOISE_FRAME_H

#include "base/buf.h"
#include "crypto/crypto.h"
#include "stack/layer.h"

enum {
    P2P_NOISE_HEAD_LEN = 2,
    P2P_NOISE_MESSAGE_MAX = 65535,
    P2P_NOISE_FRAME_MAX = P2P_NOISE_HEAD_LEN + P2P_NOISE_MESSAGE_MAX,
    /* Plaintext in the frames this side writes; see noise_frame.c. */
    P2P_NOISE_WRITE_MAX = 16384
};

/* One message of a frame, where it lies. */
typedef struct p2p_noise_message {
    uint8_t *ptr; /* NULL: the frame is not complete */
    size_t len;
} p2p_noise_message;

/*
 * Takes the next frame from *data, moving *data past it. A complete frame is left where it lies; a
 * piece is collected in `partial`. The message is good until the next call or p2p_noise_frame_done.
 * VIOLATION when it is longer than max; NO_MEMORY.
 */
P2P_NODISCARD p2p_err p2p_noise_frame_next(
    p2p_buf *partial, size_t max, uint8_t **data, size_t *len, p2p_noise_message *message);
/* The message has been used: gives back the memory if it was collected. */
void p2p_noise_frame_done(p2p_buf *partial, const p2p_noise_message *message);

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
