/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames of Noise messages (specs/noise #wire-format).
 *
 * Receiving copies only what has to wait: a frame that is whole in the caller's block is opened
 * there; one that is not is collected, and of the next block only the bytes that complete it are
 * copied. The collecting memory goes as soon as the frame has been used, so an idle connection
 * holds none.
 *
 * Sending is done in the caller's block: the layer above writes behind the room for the head, and
 * the frame is sealed where it lies.
 *
 * No direction is ever rekeyed; after 2^64 - 1 messages it ends.
 */
#include "secure/noise_frame.h"

#include "base/bytes.h"

enum {
    FRAME_OVERHEAD = P2P_NOISE_HEAD_LEN + P2P_AEAD_TAG_LEN,
    /* Behind other frames, a smaller one is left for the next draw: it would be mostly overhead. */
    WORTHWHILE = 512
};

static void advance(uint8_t **data, size_t *len, size_t by) {
    *data += by;
    *len -= by;
}

/* Moves bytes from *data until `partial` holds `want`, or *data is used up. */
static p2p_err collect(p2p_buf *partial, size_t want, uint8_t **data, size_t *len) {
    uint8_t *room;
    size_t missing = want - p2p_buf_len(partial);
    p2p_err err = p2p_buf_reserve(partial, missing, &room);
    if (err != P2P_OK)
        return err;
    size_t now = missing < *len ? missing : *len;
    p2p_copy(room, *data, now);
    p2p_buf_commit(partial, now);
    advance(data, len, now);
    return P2P_OK;
}

static p2p_err frame_len(size_t *len, const uint8_t head[P2P_NOISE_HEAD_LEN], size_t max) {
    size_t message_len = p2p_load16(head);
    *len = P2P_NOISE_HEAD_LEN + message_len;
    return message_len <= max ? P2P_OK : P2P_ERR_VIOLATION;
}

static p2p_err next_collected(
    p2p_buf *partial, size_t max, uint8_t **data, size_t *len, p2p_noise_message *message) {
    size_t want = P2P_NOISE_HEAD_LEN;
    p2p_err err = P2P_OK;
    if (p2p_buf_len(partial) < want)
        err = collect(partial, want, data, len);
    if (err != P2P_OK || p2p_buf_len(partial) < want)
        return err;
    err = frame_len(&want, p2p_buf_view(partial).ptr, max);
    if (err == P2P_OK)
        err = collect(partial, want, data, len);
    if (err == P2P_OK && p2p_buf_len(partial) == want)
        *message = (p2p_noise_message){
            partial->base + partial->start + P2P_NOISE_HEAD_LEN, want - P2P_NOISE_HEAD_LEN};
    return err;
}

p2p_err p2p_noise_frame_next(
    p2p_buf *partial, size_t max, uint8_t **data, size_t *len, p2p_noise_message *message) {
    *message = (p2p_noise_message){NULL, 0};
    if (*len == 0)
        return P2P_OK;
    if (p2p_buf_len(partial) > 0 || *len < P2P_NOISE_HEAD_LEN)
        return next_collected(partial, max, data, len, message);
    size_t want;
    p2p_err err = frame_len(&want, *data, max);
    if (err != P2P_OK)
        return err;
    if (*len < want)
        return collect(partial, want, data, len);
    *message = (p2p_noise_message){*data + P2P_NOISE_HEAD_LEN, want - P2P_NOISE_HEAD_LEN};
    advance(data, len, want);
    return P2P_OK;
}

void p2p_noise_frame_done(p2p_buf *partial, const p2p_noise_message *message) {
    if (message->ptr != NULL)
        p2p_buf_deinit(partial);
}

void p2p_noise_transport_deinit(p2p_noise_transport *transport) {
    p2p_aead_free(transport->tx);
    p2p_aead_free(transport->rx);
    *transport = (p2p_noise_transport){0};
}

/* The last value is not used: the specification keeps it for rekeying. */
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
        p2p_store16(frame, (uint16_t)(text_len + P2P_AEAD_TAG_LEN));
        *len += FRAME_OVERHEAD + text_len;
    }
    return P2P_OK;
}
