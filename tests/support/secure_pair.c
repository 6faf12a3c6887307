/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/secure_pair.h"

#include "base/mem.h"
#include "identity/identity.h"

enum { WALL_MS = 1700000000 }; /* in seconds: November 2023 */

const p2p_muxer SECURE_YAMUX = {"/yamux/1.0.0", NULL};
const p2p_muxer SECURE_MPLEX = {"/mplex/6.7.0", NULL};
const p2p_muxer SECURE_OTHER = {"/other/1.0.0", NULL};

static void note(secure_side *side, p2p_err err) {
    if (side->err == P2P_OK)
        side->err = err;
}

static secure_side *of_upper(p2p_layer *layer) {
    return P2P_CONTAINER(layer, secure_side, upper);
}

static p2p_err upper_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    secure_side *side = of_upper(layer);
    check(side->heard_len + len <= SECURE_HEARD_MAX);
    memcpy(side->heard + side->heard_len, data, len);
    side->heard_len += len;
    memset(data, 0xee, len); /* a layer may do that */
    return P2P_OK;
}

static p2p_err upper_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    secure_side *side = of_upper(layer);
    *len = side->say_len < cap ? side->say_len : cap;
    if (side->say_once > 0 && *len > side->say_once)
        *len = side->say_once;
    if (*len == 0)
        return P2P_OK;
    memcpy(dst, side->say, *len);
    side->say += *len;
    side->say_len -= *len;
    return P2P_OK;
}

static p2p_err upper_eof(p2p_layer *layer) {
    of_upper(layer)->eof++;
    return P2P_OK;
}

static const p2p_layer_ops UPPER_OPS = {"upper", upper_feed, upper_draw, upper_eof, NULL};

static void wake(p2p_wire *wire) {
    P2P_CONTAINER(wire, secure_side, wire)->woken++;
}

static const p2p_wire_ops WIRE_OPS = {wake, NULL};

static p2p_err done(void *ctx, const p2p_secured *secured) {
    secure_side *side = ctx;
    check(side->done == 0);
    side->done++;
    side->secured = *secured;
    memcpy(side->public_key, secured->public_key.ptr, secured->public_key.len);
    side->secured.public_key.ptr = side->public_key;
    side->layer->above = &side->upper;
    return side->done_result;
}

static void failed(void *ctx, p2p_err err) {
    secure_side *side = ctx;
    side->failed++;
    note(side, err);
}

static p2p_err side_init(secure_pair *pair, secure_side *side, const p2p_mem *mem) {
    *side = (secure_side){.wire = {.ops = &WIRE_OPS}};
    side->heard = malloc(SECURE_HEARD_MAX);
    side->upper = (p2p_layer){.ops = &UPPER_OPS, .wire = &side->wire};
    side->env.mem = mem;
    side->env.random = &pair->random.random;
    side->env.wall_ms = UINT64_C(1000) * WALL_MS;
    side->params = (p2p_secure_params){.env = &side->env,
        .wire = &side->wire,
        .initiator = side == &pair->a,
        .done = done,
        .failed = failed,
        .ctx = side,
        .seen = &side->seen};
    p2p_err err = p2p_identity_generate(&side->identity, P2P_ED25519, mem, &pair->random.random);
    side->env.identity = side->identity;
    return err;
}

p2p_err secure_pair_init(secure_pair *pair, const p2p_mem *mem, uint64_t seed) {
    *pair = (secure_pair){.cap = 40000};
    seeded_random_init(&pair->random, seed);
    p2p_err err = side_init(pair, &pair->a, mem);
    p2p_err err_b = side_init(pair, &pair->b, mem);
    return err == P2P_OK ? err_b : err;
}

p2p_err secure_pair_start(secure_pair *pair, const p2p_security *security) {
    p2p_err err = security->start(&pair->a.layer, &pair->a.params);
    return err == P2P_OK ? security->start(&pair->b.layer, &pair->b.params) : err;
}

static void side_reset(secure_side *side) {
    if (side->layer != NULL)
        side->layer->ops->free(side->layer);
    side->layer = NULL;
    side->done = side->failed = side->woken = side->eof = 0;
    side->err = P2P_OK;
    side->heard_len = side->say_len = 0;
    side->sent = 0;
}

void secure_pair_reset(secure_pair *pair) {
    side_reset(&pair->a);
    side_reset(&pair->b);
    pair->flip_from = pair->cut_from = NULL;
}

static void side_deinit(secure_side *side) {
    side_reset(side);
    p2p_env_free_parts(&side->env);
    p2p_identity_free(side->identity);
    free(side->heard);
}

void secure_pair_deinit(secure_pair *pair) {
    side_deinit(&pair->a);
    side_deinit(&pair->b);
}

void secure_eof(secure_side *to) {
    note(to, p2p_layer_eof(to->layer));
}

/* Feeds a copy that is exactly as long as the piece, so that reading past it shows. */
static void feed_pieces(secure_side *to, const uint8_t *data, size_t len, size_t piece) {
    while (len > 0 && to->err == P2P_OK) {
        size_t now = piece > 0 && piece < len ? piece : len;
        uint8_t *copy = malloc(now);
        memcpy(copy, data, now);
        note(to, p2p_layer_feed(to->layer, copy, now));
        free(copy);
        data += now;
        len -= now;
    }
}

size_t secure_move(secure_pair *pair, secure_side *from, secure_side *to) {
    size_t len = 0;
    uint8_t *block = malloc(pair->cap);
    if (from->err == P2P_OK)
        note(from, p2p_layer_draw(from->layer, block, pair->cap, &len));
    check(len <= pair->cap);
    for (size_t i = 0; i < len && from->sent + i < sizeof from->tape; i++)
        from->tape[from->sent + i] = block[i];
    if (pair->flip_from == from && pair->flip_at - from->sent < len)
        block[pair->flip_at - from->sent] ^= pair->flip_mask;
    bool cut = pair->cut_from == from && from->sent + len >= pair->cut_at;
    if (cut)
        len = pair->cut_at - from->sent;
    from->sent += len;
    feed_pieces(to, block, len, pair->piece);
    if (cut && to->err == P2P_OK)
        secure_eof(to);
    free(block);
    return cut ? 0 : len;
}

p2p_err secure_run(secure_pair *pair) {
    size_t moved;
    do {
        moved = secure_move(pair, &pair->a, &pair->b);
        moved += secure_move(pair, &pair->b, &pair->a);
    } while (moved > 0 && pair->a.err == P2P_OK && pair->b.err == P2P_OK);
    return pair->a.err != P2P_OK ? pair->a.err : pair->b.err;
}

void secure_side_say(secure_side *side, const uint8_t *data, size_t len) {
    side->say = data;
    side->say_len = len;
}
