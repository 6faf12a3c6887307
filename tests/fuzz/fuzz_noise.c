/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise against a peer that sends anything. The first byte chooses:
 *
 *   bit 0  the role of our side
 *   bit 1  the bytes follow a good handshake instead of being one
 *   bit 2  the peer keeps to the protocol, and the bytes are the payload of its handshake
 *
 * The rest is cut into pieces whose sizes come from the second byte.
 */
#include <p2p/identity.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "secure/noise.h"
#include "secure/noise_handshake.h"
#include "stack/upgrade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const p2p_mem MEM = {NULL, NULL};
static const p2p_muxer YAMUX = {"/yamux/1.0.0", NULL};
static const p2p_muxer *const MUXERS[] = {&YAMUX, NULL};

static void fill(void *ctx, uint8_t *dst, size_t len) {
    uint64_t *x = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)((*x = *x * 6364136223846793005U + 1442695040888963407U) >> 56);
}

typedef struct side {
    p2p_env env;
    p2p_wire wire;
    p2p_layer *layer;
    p2p_layer above;
} side;

static p2p_err above_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    (void)layer;
    memset(data, 0, len);
    return P2P_OK;
}

static p2p_err above_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    (void)layer;
    (void)dst;
    (void)cap;
    *len = 0;
    return P2P_OK;
}

static const p2p_layer_ops ABOVE = {"above", above_feed, above_draw, NULL, NULL};

static void wake(p2p_wire *wire) {
    (void)wire;
}

static const p2p_wire_ops WIRE = {wake, NULL};

static p2p_err done(void *ctx, const p2p_secured *secured) {
    side *s = ctx;
    if (secured->peer.len == 0 || secured->public_key.len == 0)
        abort();
    s->layer->above = &s->above;
    return P2P_OK;
}

static p2p_err check_hashes(void *ctx, const p2p_bytes *hashes, size_t count) {
    (void)ctx;
    for (size_t i = 0; i < count; i++) {
        if (hashes[i].len > 65535)
            abort();
    }
    return P2P_OK;
}

static void start(side *s, p2p_identity *identity, const p2p_random *random, bool initiator) {
    const p2p_noise_options options = {.check_certhashes = check_hashes};
    p2p_env_part *parts = s->env.parts; /* the host's key is signed once */
    *s = (side){.env = {.mem = &MEM, .random = random, .identity = identity, .parts = parts},
        .wire = {.ops = &WIRE},
        .above = {.ops = &ABOVE}};
    const p2p_secure_params params = {.env = &s->env,
        .wire = &s->wire,
        .initiator = initiator,
        .muxers = MUXERS,
        .done = done,
        .ctx = s};
    if (p2p_noise_start(&s->layer, &params, &options) != P2P_OK)
        abort();
}

static void move(side *from, side *to) {
    uint8_t block[4096];
    size_t len;
    if (p2p_layer_draw(from->layer, block, sizeof block, &len) != P2P_OK ||
        p2p_layer_feed(to->layer, block, len) != P2P_OK)
        abort();
}

static void feed_pieces(side *s, const uint8_t *data, size_t size, size_t piece) {
    p2p_err err = P2P_OK;
    while (size > 0 && err == P2P_OK) {
        size_t now = piece > 0 && piece < size ? piece : size;
        uint8_t block[4096];
        size_t len;
        uint8_t *copy = malloc(now);
        memcpy(copy, data, now);
        err = p2p_layer_feed(s->layer, copy, now);
        free(copy);
        if (err == P2P_OK)
            err = p2p_layer_draw(s->layer, block, sizeof block, &len);
        data += now;
        size -= now;
    }
    if (err == P2P_OK)
        (void)!p2p_layer_eof(s->layer);
}

/* Plays the peer's part of the handshake with `payload` in it. */
static void with_payload(side *s, bool initiator, const p2p_random *random, p2p_bytes payload) {
    p2p_noise_keypair keys[2];
    p2p_noise_handshake hs;
    uint8_t out[2 + 8192];
    uint8_t in[4096];
    size_t len;
    p2p_bytes ignored;
    if (payload.len > 8000 || p2p_noise_keypair_generate(&keys[0], random) != P2P_OK ||
        p2p_noise_keypair_generate(&keys[1], random) != P2P_OK)
        return;
    p2p_noise_handshake_init(&hs, !initiator, p2p_bytes_of(NULL, 0), &keys[0], &keys[1]);
    for (int turn = 0; turn < 3; turn++) {
        if (p2p_noise_handshake_writes(&hs)) {
            if (p2p_noise_handshake_write(&hs, out + 2, sizeof out - 2, &len,
                    hs.message == 0 ? p2p_bytes_of(NULL, 0) : payload) != P2P_OK)
                abort();
            p2p_store16(out, (uint16_t)len);
            if (p2p_layer_feed(s->layer, out, len + 2) != P2P_OK)
                return;
        } else if (p2p_layer_draw(s->layer, in, sizeof in, &len) != P2P_OK || len < 2 ||
                   p2p_noise_handshake_read(&hs, in + 2, len - 2, &ignored) != P2P_OK) {
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static p2p_identity *identity;
    static side us;
    static side peer;
    uint64_t seed = 1;
    const p2p_random random = {fill, &seed};
    if (size < 2)
        return 0;
    if (identity == NULL && p2p_identity_generate(&identity, P2P_ED25519, &MEM, &random) != P2P_OK)
        abort();
    bool initiator = data[0] & 1;
    start(&us, identity, &random, initiator);
    if (data[0] & 4) {
        with_payload(&us, initiator, &random, p2p_bytes_of(data + 2, size - 2));
    } else {
        if (data[0] & 2) {
            start(&peer, identity, &random, !initiator);
            for (int i = 0; i < 2; i++) {
                move(initiator ? &us : &peer, initiator ? &peer : &us);
                move(initiator ? &peer : &us, initiator ? &us : &peer);
            }
            peer.layer->ops->free(peer.layer);
        }
        feed_pieces(&us, data + 2, size - 2, data[1]);
    }
    us.layer->ops->free(us.layer);
    return 0;
}
