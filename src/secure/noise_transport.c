/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise messages after the handshake (specs/noise #wire-format), opened and sealed where they lie:
 * the layer above writes into the caller's block behind the room for a head.
 *
 * No direction is ever rekeyed; after 2^64 - 1 messages it ends.
 */
#include "secure/noise_transport.h"

#include "base/bytes.h"

enum {
    FRAME_OVERHEAD = P2P_NOISE_HEAD_LEN + P2P_AEAD_TAG_LEN,
    /* Behind other frames, a smaller one is left for the next draw: it would be mostly overhead. */
    WORTHWHILE = 512
};

void p2p_noise_transport_deinit(p2p_noise_transport *transport) {
    p2p_aead_free(transport->tx);
    p2p_aead_free(transport->rx);
    *transport = (p2p_noise_transport){0};
}

/* The last value is not used: the specification keeps it for rekeying. */
/* spec: noise #encryption-and-io: peers that exchange more than 2^64 - 1 messages MUST terminate
 * the connection. */
static p2p_err take_nonce(uint64_t *counter, uint8_t nonce[12]) {
    if (*counter == UINT64_MAX)
        return P2P_ERR_LIMIT;
    memset(nonce, 0, 4);
    p2p_store64le(nonce + 4, (*counter)++);
    return P2P_OK;
}

p2p_err p2p_noise_transport_open(p2p_noise_transport *transport, p2p_noise_message *message) {
    uint8_t nonce[12];
    if (message->len < P2P_AEAD_TAG_LEN)
        return P2P_ERR_MALFORMED;
    p2p_err err = take_nonce(&transport->rx_nonce, nonce);
    if (err == P2P_OK)
        err =
            p2p_aead_open(transport->rx, message->ptr, message->len, nonce, p2p_bytes_of(NULL, 0));
    message->len -= P2P_AEAD_TAG_LEN;
    return err;
}

p2p_err p2p_noise_transport_draw(
    p2p_noise_transport *transport, p2p_layer *above, uint8_t *dst, size_t cap, size_t *len) {
    *len = 0;
    while (cap - *len > FRAME_OVERHEAD && (*len == 0 || cap - *len >= WORTHWHILE)) {
        uint8_t *frame = dst + *len;
        uint8_t *text = frame + P2P_NOISE_HEAD_LEN;
        uint8_t nonce[12];
        size_t room = cap - *len - FRAME_OVERHEAD;
        size_t text_len;
        if (room > P2P_NOISE_WRITE_MAX)
            room = P2P_NOISE_WRITE_MAX;
        p2p_err err = p2p_layer_draw(above, text, room, &text_len);
        if (err != P2P_OK)
            return err;
        if (text_len == 0)
            break;
        err = take_nonce(&transport->tx_nonce, nonce);
        if (err == P2P_OK)
            err = p2p_aead_seal(transport->tx, text, text_len, nonce, p2p_bytes_of(NULL, 0));
        if (err != P2P_OK)
            return err;
        /* spec: noise #wire-format: noise_message_len is a 16-bit big-endian unsigned integer. */
        p2p_store16(frame, (uint16_t)(text_len + P2P_AEAD_TAG_LEN));
        *len += FRAME_OVERHEAD + text_len;
    }
    return P2P_OK;
}
