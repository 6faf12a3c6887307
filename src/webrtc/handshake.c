/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise between the two ends of channel 0. Its messages travel in libp2p's frames like any stream's
 * bytes. The initiator is done when it has written the third message, the responder when it has
 * read it; so the listener's first streams may reach the dialler before that message does, since
 * channels overtake each other under loss. They wait here, within bounds.
 *
 * Channel 0 stays open afterwards: closing it, as the specification says, makes its id free for
 * reuse, which breaks rust-libp2p, and nobody else closes it.
 */
#include "webrtc/handshake.h"

#include <stdio.h>

#include "base/bytes.h"
#include "secure/noise.h"

/* spec: webrtc/webrtc-direct #connection-security: the prologue is libp2p-webrtc-noise: and both
 * fingerprints, the responder's first. */
static void put_multihash(uint8_t dst[34], const uint8_t sha256[32]) {
    dst[0] = 0x12;
    dst[1] = 0x20;
    memcpy(dst + 2, sha256, 32);
}

void p2p_webrtc_prologue(uint8_t dst[P2P_WEBRTC_PROLOGUE_LEN], const uint8_t client_sha256[32],
    const uint8_t server_sha256[32]) {
    memcpy(dst, "libp2p-webrtc-noise:", 20);
    put_multihash(dst + 20, client_sha256);
    put_multihash(dst + 54, server_sha256);
}

/* --- the end --- */

static void release(p2p_webrtc_handshake *hs) {
    for (size_t i = 0; i < hs->early_count; i++)
        p2p_buf_deinit(&hs->early[i].bytes);
    hs->early_count = 0;
    if (hs->noise != NULL)
        hs->noise->ops->free(hs->noise);
    hs->noise = NULL;
}

void p2p_webrtc_handshake_deinit(p2p_webrtc_handshake *hs) {
    release(hs);
    if (hs->muxer != NULL)
        p2p_webrtc_muxer_free(hs->muxer);
    hs->muxer = NULL;
    if (hs->peer != NULL)
        p2p_webrtc_peer_close(hs->peer);
    hs->peer = NULL;
}

static void fail(p2p_webrtc_handshake *hs, p2p_err err, const char *text) {
    char wrong[P2P_REASON_TEXT_MAX], wanted[P2P_PEER_ID_TEXT_MAX], theirs[P2P_PEER_ID_TEXT_MAX];
    if (err == P2P_ERR_WRONG_PEER) {
        p2p_peer_id_format(wanted, sizeof wanted, &hs->expected);
        p2p_peer_id_format(theirs, sizeof theirs, &hs->seen);
        snprintf(
            wrong, sizeof wrong, "wrong peer: expected %.90s but %.90s answered", wanted, theirs);
        text = wrong;
    }
    p2p_webrtc_handshake_deinit(hs);
    hs->failed(hs, err, text != NULL ? text : p2p_err_text(err));
}

static void complete(p2p_webrtc_handshake *hs) {
    p2p_webrtc_early early[P2P_WEBRTC_EARLY_MAX];
    p2p_webrtc_muxer *muxer = hs->muxer;
    size_t count = hs->early_count;
    memcpy(early, hs->early, sizeof early);
    hs->early_count = 0;
    release(hs);
    p2p_webrtc_muxer_take(muxer, hs->peer, hs->channel);
    hs->muxer = NULL;
    hs->peer = NULL;
    hs->done(hs, muxer); /* hs is gone */
    for (size_t i = 0; i < count; i++) {
        if (muxer->peer != NULL)
            p2p_webrtc_muxer_early(muxer, early[i].channel, p2p_buf_view(&early[i].bytes));
        p2p_buf_deinit(&early[i].bytes);
    }
}

/* --- Noise and its wire --- */

static p2p_err proven(void *ctx, const p2p_secured *secured) {
    p2p_webrtc_handshake *hs = ctx;
    p2p_err err = p2p_webrtc_muxer_new(
        &hs->muxer, hs->env, hs->outbound, &secured->peer, secured->public_key);
    if (err == P2P_OK)
        hs->muxer->conn.started = hs->started;
    return err;
}

/* An external signer refused. */
static void noise_failed(void *ctx, p2p_err err) {
    fail(ctx, err, NULL);
}

static void wake(p2p_wire *wire) {
    p2p_webrtc_peer_want(P2P_CONTAINER(wire, p2p_webrtc_handshake, wire)->peer);
}

static const p2p_wire_ops WIRE = {.wake = wake};

/* What Noise has to say goes out; then the handshake may be complete. hs may be gone afterwards. */
static void advance(p2p_webrtc_handshake *hs) {
    uint8_t message[2048], frame[sizeof message + P2P_FRAME_HEAD_MAX];
    size_t len, framed;
    p2p_err err = p2p_layer_draw(hs->noise, message, sizeof message, &len);
    while (err == P2P_OK && len > 0) {
        err = p2p_frame_encode(
            frame, sizeof frame, &framed, p2p_bytes_of(message, len), P2P_FRAME_NONE, 0);
        if (err == P2P_OK)
            err =
                p2p_datachannel_send(hs->channel, p2p_bytes_of(frame, framed), false, hs->env->now);
        if (err == P2P_OK)
            err = p2p_layer_draw(hs->noise, message, sizeof message, &len);
    }
    if (err != P2P_OK)
        fail(hs, err, NULL);
    else if (hs->muxer != NULL)
        complete(hs);
}

/* Noise decrypts where the bytes lie, and these are SCTP's. */
static p2p_err feed(p2p_webrtc_handshake *hs, p2p_bytes bytes) {
    uint8_t block[512];
    p2p_err err = P2P_OK;
    while (err == P2P_OK && bytes.len > 0) {
        size_t len = bytes.len < sizeof block ? bytes.len : sizeof block;
        memcpy(block, bytes.ptr, len);
        bytes = p2p_bytes_of(bytes.ptr + len, bytes.len - len);
        err = p2p_layer_feed(hs->noise, block, len);
    }
    return err;
}

static void feed_frames(p2p_webrtc_handshake *hs, p2p_bytes bytes) {
    p2p_frame_event event;
    p2p_err err;
    while ((err = p2p_frame_read(&hs->reader, &bytes, &event)) == P2P_OK) {
        if (event.kind == P2P_FRAME_DATA)
            err = feed(hs, event.data);
        else if (event.flag == P2P_FRAME_RESET)
            err = P2P_ERR_RESET;
        if (err != P2P_OK)
            break;
    }
    if (err != P2P_ERR_AGAIN)
        fail(hs, err, NULL);
    else
        advance(hs);
}

/* --- the peer's events --- */

static void answered(void *ctx) {
    p2p_webrtc_handshake *hs = ctx;
    hs->heard = true;
    hs->answered(hs);
}

static void connected(void *ctx) {
    p2p_webrtc_handshake *hs = ctx;
    const uint8_t *own = p2p_webrtc_peer_local_sha256(hs->peer);
    const uint8_t *theirs = p2p_webrtc_peer_sha256(hs->peer);
    uint8_t prologue[P2P_WEBRTC_PROLOGUE_LEN];
    p2p_secure_params params = {.env = hs->env,
        .wire = &hs->wire,
        .initiator = !hs->outbound,
        .expected = hs->expected,
        .done = proven,
        .failed = noise_failed,
        .ctx = hs,
        .seen = &hs->seen};
    p2p_noise_options options = {.prologue = p2p_bytes_of(prologue, sizeof prologue)};
    p2p_webrtc_prologue(prologue, hs->outbound ? own : theirs, hs->outbound ? theirs : own);
    p2p_err err =
        p2p_datachannel_open_negotiated(p2p_webrtc_peer_channels(hs->peer), 0, &hs->channel);
    if (err == P2P_OK)
        err = p2p_noise_start(&hs->noise, &params, &options);
    hs->wire.bottom = hs->noise;
    if (err != P2P_OK)
        fail(hs, err, NULL);
    else
        advance(hs);
}

static void channel_opened(void *ctx, p2p_datachannel *channel) {
    p2p_webrtc_handshake *hs = ctx;
    if (!hs->outbound || hs->early_count == P2P_WEBRTC_EARLY_MAX) {
        p2p_datachannel_close(channel); /* no dialler does so before it knows the listener */
        return;
    }
    p2p_webrtc_early *early = &hs->early[hs->early_count++];
    early->channel = channel;
    p2p_buf_init(&early->bytes, hs->env->mem, P2P_WEBRTC_EARLY_BYTES);
}

static size_t find_early(const p2p_webrtc_handshake *hs, const p2p_datachannel *channel) {
    size_t i = 0;
    while (i < hs->early_count && hs->early[i].channel != channel)
        i++;
    return i;
}

static void drop_early(p2p_webrtc_handshake *hs, size_t i) {
    if (i == hs->early_count)
        return;
    p2p_buf_deinit(&hs->early[i].bytes);
    hs->early[i] = hs->early[--hs->early_count];
}

static void channel_piece(
    void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last) {
    p2p_webrtc_handshake *hs = ctx;
    (void)last;
    if (text)
        return;
    if (channel == hs->channel) {
        feed_frames(hs, bytes);
        return;
    }
    size_t i = find_early(hs, channel);
    if (i < hs->early_count && p2p_buf_append(&hs->early[i].bytes, bytes) != P2P_OK) {
        drop_early(hs, i);
        p2p_datachannel_close(channel);
    }
}

static void channel_closed(void *ctx, p2p_datachannel *channel, p2p_err err) {
    p2p_webrtc_handshake *hs = ctx;
    if (channel != hs->channel) {
        drop_early(hs, find_early(hs, channel));
        return;
    }
    hs->channel = NULL;
    fail(hs, err == P2P_ERR_EOF ? P2P_ERR_RESET : err, "the peer closed the handshake's channel");
}

static void fill(void *ctx) {
    p2p_webrtc_handshake *hs = ctx;
    if (hs->noise != NULL)
        advance(hs);
}

static p2p_time deadline(void *ctx) {
    const p2p_webrtc_handshake *hs = ctx;
    return hs->give_up_at;
}

static void tick(void *ctx) {
    p2p_webrtc_handshake *hs = ctx;
    if (hs->env->now >= hs->give_up_at)
        fail(hs, P2P_ERR_TIMEOUT,
            hs->heard ? "the handshake took too long" : "no answer to ICE checks");
}

static void ended(void *ctx, const p2p_reason *reason) {
    p2p_webrtc_handshake *hs = ctx;
    hs->peer = NULL;
    fail(hs, reason->err, reason->text);
}

static void nothing_writable(void *ctx, p2p_datachannel *channel) {
    (void)ctx;
    (void)channel;
}

static void nothing_ended(void *ctx, p2p_err err) {
    (void)ctx;
    (void)err;
}

const p2p_webrtc_peer_events p2p_webrtc_handshake_events = {.answered = answered,
    .channels = {.connected = connected,
        .opened = channel_opened,
        .piece = channel_piece,
        .writable = nothing_writable,
        .closed = channel_closed,
        .ended = nothing_ended},
    .fill = fill,
    .deadline = deadline,
    .tick = tick,
    .ended = ended};

void p2p_webrtc_handshake_init(p2p_webrtc_handshake *hs, p2p_time timeout) {
    hs->started = hs->env->now;
    hs->give_up_at = hs->started + timeout;
    hs->wire.ops = &WIRE;
    p2p_frame_reader_init(&hs->reader);
}
