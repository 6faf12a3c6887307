/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The Noise layer (specs/noise): the handshake with libp2p's payloads, then encryption.
 *
 * The second and third message carry the sender's identity key, its signature of the static key,
 * and the extensions. The initiator checks the responder's before it says who it is itself. The
 * third message is written as soon as the second is read, so the initiator's handshake ends there
 * and what the layer above says goes out behind the third message.
 *
 * All that only the handshake needs lies in one block, `setup`, which is freed at its end. When the
 * identity key answers later (p2p_identity_external), the handshake stands still and the wire is
 * woken when it goes on.
 *
 * A draw of less than 19 bytes gives nothing once the handshake is over: no frame is that short.
 */
#include "secure/noise.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "identity/identity.h"
#include "secure/frame.h"
#include "secure/noise_keys.h"
#include "secure/noise_payload.h"
#include "secure/noise_transport.h"

enum {
    FIRST_MESSAGE_LEN = 32, /* an ephemeral key and an empty payload, in clear */
    /* Room for the largest keys and signatures (2 300 bytes) and long lists of extensions. */
    HANDSHAKE_MESSAGE_MAX = 8192,
    EXTENSIONS_MAX = 4096
};

typedef struct noise_layer noise_layer;

typedef struct noise_setup {
    noise_layer *noise;
    p2p_secure_params params;
    p2p_err (*check_certhashes)(void *ctx, const p2p_bytes *certhashes, size_t count);
    void *ctx;
    p2p_noise_handshake hs;
    p2p_noise_keys *keys;
    p2p_noise_waiter waiter;
    uint8_t *extensions; /* ours, encoded */
    size_t extensions_len;
    p2p_secured secured;
    uint8_t public_key[P2P_PUBLIC_KEY_MAX]; /* what secured.public_key shows */
} noise_setup;

struct noise_layer {
    p2p_layer layer;
    const p2p_mem *mem;
    p2p_noise_transport transport;
    p2p_buf partial;    /* an incomplete frame */
    p2p_buf unsent;     /* handshake messages that are not drawn yet */
    noise_setup *setup; /* NULL once the handshake is over */
};

static void free_setup(noise_layer *noise, noise_setup *setup) {
    if (setup == NULL)
        return;
    p2p_list_remove(&setup->waiter.node);
    p2p_noise_handshake_deinit(&setup->hs);
    p2p_mem_free(noise->mem, setup->extensions, setup->extensions_len);
    p2p_mem_free(noise->mem, setup, sizeof *setup);
}

static void noise_free(p2p_layer *layer) {
    noise_layer *noise = P2P_CONTAINER(layer, noise_layer, layer);
    const p2p_mem *mem = noise->mem;
    free_setup(noise, noise->setup);
    p2p_noise_transport_deinit(&noise->transport);
    p2p_buf_deinit(&noise->partial);
    p2p_buf_deinit(&noise->unsent);
    p2p_mem_free(mem, noise, sizeof *noise);
}

/* --- writing --- */

static p2p_err write_message(noise_layer *noise, p2p_bytes payload) {
    uint8_t *frame;
    size_t cap = payload.len + P2P_NOISE_OVERHEAD_MAX;
    size_t len = 0;
    p2p_err err = p2p_buf_reserve(&noise->unsent, P2P_NOISE_HEAD_LEN + cap, &frame);
    if (err == P2P_OK)
        err = p2p_noise_handshake_write(
            &noise->setup->hs, frame + P2P_NOISE_HEAD_LEN, cap, &len, payload);
    if (err != P2P_OK)
        return err;
    p2p_store16(frame, (uint16_t)len);
    p2p_buf_commit(&noise->unsent, P2P_NOISE_HEAD_LEN + len);
    return P2P_OK;
}

static p2p_err write_identity(noise_layer *noise, p2p_bytes signature) {
    noise_setup *setup = noise->setup;
    p2p_noise_payload payload = {
        .identity_key = p2p_identity_public_key(setup->params.env->identity),
        .identity_sig = signature,
        .extensions = p2p_bytes_of(setup->extensions, setup->extensions_len),
    };
    p2p_writer measure = p2p_writer_of(NULL, 0);
    p2p_noise_payload_encode(&measure, &payload);
    uint8_t *encoded = p2p_mem_alloc(noise->mem, measure.len);
    if (encoded == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_writer w = p2p_writer_of(encoded, measure.len);
    p2p_noise_payload_encode(&w, &payload);
    p2p_err err = write_message(noise, p2p_writer_view(&w));
    p2p_mem_free(noise->mem, encoded, measure.len);
    return err;
}

static p2p_err finish(noise_layer *noise) {
    noise_setup *setup = noise->setup;
    p2p_err err = p2p_noise_handshake_split(&setup->hs, &noise->transport.tx, &noise->transport.rx);
    if (err != P2P_OK)
        return err;
    noise->setup = NULL;
    err = setup->params.done(setup->params.ctx, &setup->secured);
    free_setup(noise, setup);
    return err;
}

/* Writes what is ours to write, and ends the handshake if that was all. */
static p2p_err go_on(noise_layer *noise) {
    noise_setup *setup = noise->setup;
    if (p2p_noise_handshake_writes(&setup->hs)) {
        p2p_bytes signature;
        if (setup->hs.message == 0)
            return write_message(noise, p2p_bytes_of(NULL, 0));
        p2p_err err = p2p_noise_keys_signature(setup->keys, &signature, &setup->waiter);
        if (err == P2P_ERR_AGAIN)
            return P2P_OK;
        if (err == P2P_OK)
            err = write_identity(noise, signature);
        if (err != P2P_OK)
            return err;
    }
    return setup->hs.message == P2P_NOISE_MESSAGES ? finish(noise) : P2P_OK;
}

static void signature_ready(p2p_noise_waiter *waiter, p2p_err err) {
    noise_setup *setup = P2P_CONTAINER(waiter, noise_setup, waiter);
    p2p_secure_params params = setup->params; /* the setup may end now */
    if (err == P2P_OK)
        err = go_on(setup->noise);
    if (err == P2P_OK)
        p2p_wire_wake(params.wire);
    else
        params.failed(params.ctx, err);
}

/* --- reading --- */

static p2p_err check_extensions(noise_setup *setup, p2p_bytes extensions) {
    p2p_bytes certhashes[P2P_NOISE_CERTHASHES_MAX];
    size_t count;
    p2p_err err = p2p_noise_extensions_decode(extensions, certhashes, &count,
        setup->params.initiator, setup->params.muxers, &setup->secured.muxer);
    if (err == P2P_OK && setup->check_certhashes != NULL)
        err = setup->check_certhashes(setup->ctx, certhashes, count);
    return err;
}

static p2p_err check_identity(noise_setup *setup, p2p_bytes encoded) {
    p2p_noise_payload payload;
    uint8_t statement[P2P_NOISE_STATEMENT_LEN];
    p2p_secured *secured = &setup->secured;
    const p2p_peer_id *expected = &setup->params.expected;
    p2p_err err = p2p_noise_payload_decode(&payload, encoded);
    if (err != P2P_OK)
        return err;
    if (payload.identity_key.len > sizeof setup->public_key)
        return P2P_ERR_MALFORMED;
    err = p2p_peer_id_of_key(&secured->peer, payload.identity_key);
    if (err != P2P_OK)
        return err;
    /* spec: noise #the-libp2p-handshake-payload: if the signature of the static key is invalid, the
     * connection MUST be terminated. */
    p2p_noise_statement(statement, setup->hs.rs);
    err = p2p_verify(
        payload.identity_key, p2p_bytes_of(statement, sizeof statement), payload.identity_sig);
    if (err != P2P_OK)
        return err;
    if (expected->len > 0 && !p2p_peer_id_equal(expected, &secured->peer)) {
        if (setup->params.seen != NULL)
            *setup->params.seen = secured->peer;
        return P2P_ERR_WRONG_PEER;
    }
    memcpy(setup->public_key, payload.identity_key.ptr, payload.identity_key.len);
    secured->public_key = p2p_bytes_of(setup->public_key, payload.identity_key.len);
    return check_extensions(setup, payload.extensions);
}

static p2p_err read_message(noise_layer *noise, p2p_noise_message message) {
    noise_setup *setup = noise->setup;
    p2p_bytes payload;
    if (p2p_noise_handshake_writes(&setup->hs))
        return P2P_ERR_VIOLATION; /* it is not the peer's turn: nothing can answer what is unsaid */
    p2p_err err = p2p_noise_handshake_read(&setup->hs, message.ptr, message.len, &payload);
    if (err == P2P_OK && setup->hs.message > 1)
        err = check_identity(setup, payload);
    return err == P2P_OK ? go_on(noise) : err;
}

/* spec: noise #the-libp2p-handshake-payload: the initiator MUST NOT send extensions in its first
 * message. */
static size_t message_max(const noise_layer *noise) {
    if (noise->setup == NULL)
        return P2P_NOISE_MESSAGE_MAX;
    return noise->setup->hs.message == 0 ? FIRST_MESSAGE_LEN : HANDSHAKE_MESSAGE_MAX;
}

static p2p_err use_message(noise_layer *noise, p2p_noise_message message) {
    if (noise->setup != NULL)
        return read_message(noise, message);
    p2p_err err = p2p_noise_transport_open(&noise->transport, &message);
    return err == P2P_OK ? p2p_layer_feed(noise->layer.above, message.ptr, message.len) : err;
}

/* --- the layer --- */

static p2p_err noise_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    noise_layer *noise = P2P_CONTAINER(layer, noise_layer, layer);
    p2p_err err = P2P_OK;
    while (err == P2P_OK && len > 0) {
        const p2p_frame_format format = {P2P_NOISE_HEAD_LEN, message_max(noise)};
        p2p_frame frame;
        err = p2p_frame_next(&noise->partial, &format, &data, &len, &frame);
        if (err == P2P_OK && frame.ptr != NULL)
            err = use_message(noise, (p2p_noise_message){frame.ptr + P2P_NOISE_HEAD_LEN,
                                         frame.len - P2P_NOISE_HEAD_LEN});
        p2p_frame_done(&noise->partial, &frame, len);
    }
    return err;
}

static p2p_err noise_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    noise_layer *noise = P2P_CONTAINER(layer, noise_layer, layer);
    size_t head_len = p2p_buf_draw(&noise->unsent, dst, cap);
    *len = head_len;
    if (head_len > 0 && p2p_buf_len(&noise->unsent) == 0)
        p2p_buf_deinit(&noise->unsent);
    if (noise->setup != NULL || p2p_buf_len(&noise->unsent) > 0)
        return P2P_OK;
    p2p_err err = p2p_noise_transport_draw(
        &noise->transport, layer->above, dst + head_len, cap - head_len, len);
    *len += head_len;
    return err;
}

static p2p_err noise_eof(p2p_layer *layer) {
    noise_layer *noise = P2P_CONTAINER(layer, noise_layer, layer);
    if (noise->setup != NULL || p2p_buf_len(&noise->partial) > 0)
        return P2P_ERR_RESET;
    return p2p_layer_eof(layer->above);
}

static const p2p_layer_ops NOISE_OPS = {"noise", noise_feed, noise_draw, noise_eof, noise_free};

/* --- starting --- */

static p2p_err keep_extensions(noise_setup *setup, const p2p_noise_options *options) {
    p2p_writer w = p2p_writer_of(NULL, 0);
    p2p_noise_extensions_encode(
        &w, options->certhashes, options->certhash_count, setup->params.muxers);
    if (w.len == 0)
        return P2P_OK;
    if (w.len > EXTENSIONS_MAX)
        return P2P_ERR_LIMIT;
    setup->extensions = p2p_mem_alloc(setup->noise->mem, w.len);
    if (setup->extensions == NULL)
        return P2P_ERR_NO_MEMORY;
    setup->extensions_len = w.len;
    w = p2p_writer_of(setup->extensions, setup->extensions_len);
    p2p_noise_extensions_encode(
        &w, options->certhashes, options->certhash_count, setup->params.muxers);
    return P2P_OK;
}

static p2p_err begin(noise_setup *setup, const p2p_noise_options *options) {
    p2p_noise_keypair e;
    p2p_env *env = setup->params.env;
    p2p_err err = keep_extensions(setup, options);
    if (err == P2P_OK)
        err = p2p_noise_keys_get(&setup->keys, env);
    if (err == P2P_OK)
        err = p2p_noise_keypair_generate(&e, env->random);
    if (err != P2P_OK)
        return err;
    /* A signer that takes its time should begin now; an error is met again when it matters. */
    p2p_bytes signature;
    (void)!p2p_noise_keys_signature(setup->keys, &signature, NULL);
    p2p_noise_handshake_init(&setup->hs, setup->params.initiator, options->prologue,
        p2p_noise_keys_pair(setup->keys), &e);
    p2p_wipe(&e, sizeof e);
    return go_on(setup->noise);
}

p2p_err p2p_noise_start(
    p2p_layer **out, const p2p_secure_params *params, const p2p_noise_options *options) {
    static const p2p_noise_options NO_OPTIONS = {0};
    const p2p_mem *mem = params->env->mem;
    *out = NULL;
    noise_layer *noise = p2p_mem_alloc(mem, sizeof *noise);
    if (noise == NULL)
        return P2P_ERR_NO_MEMORY;
    noise->layer = (p2p_layer){.ops = &NOISE_OPS, .wire = params->wire};
    noise->mem = mem;
    p2p_buf_init(&noise->partial, mem, P2P_NOISE_HEAD_LEN + P2P_NOISE_MESSAGE_MAX);
    p2p_buf_init(&noise->unsent, mem, P2P_NOISE_HEAD_LEN + HANDSHAKE_MESSAGE_MAX);
    if (options == NULL)
        options = &NO_OPTIONS;
    noise_setup *setup = p2p_mem_alloc(mem, sizeof *setup);
    p2p_err err = P2P_ERR_NO_MEMORY;
    if (setup != NULL) {
        noise->setup = setup;
        setup->noise = noise;
        setup->params = *params;
        setup->check_certhashes = options->check_certhashes;
        setup->ctx = options->ctx;
        setup->waiter.ready = signature_ready;
        err = begin(setup, options);
    }
    if (err != P2P_OK) {
        noise_free(&noise->layer);
        return err;
    }
    *out = &noise->layer;
    return P2P_OK;
}

static p2p_err start_plain(p2p_layer **out, const p2p_secure_params *params) {
    return p2p_noise_start(out, params, NULL);
}

const p2p_security p2p_noise = {"/noise", start_plain};
