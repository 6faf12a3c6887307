/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The TLS 1.3 layer (specs/tls): libp2p's handshake around the records of tls_pump.c, from which
 * OpenSSL is dismissed when the handshake is over.
 *
 * A client's handshake is over when it has sent its certificate, before the server has seen it. If
 * the server refuses it, the alert comes as the first thing afterwards: an error of feed as any
 * other, and a line in the log that says what happened.
 *
 * All that only the handshake needs lies in `setup`, which is freed at its end. A host's
 * certificate may be signed by a key that answers later; until then the handshake stands still.
 */
#include "secure/tls_context.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "secure/tls_pump.h"

typedef struct tls_layer tls_layer;

typedef struct tls_setup {
    tls_layer *tls;
    p2p_secure_params params;
    p2p_tls_peer peer;
    p2p_cert_waiter waiter;
} tls_setup;

struct tls_layer {
    p2p_layer layer;
    p2p_env *env;
    p2p_tls_pump pump; /* without SSL while the certificate is being signed: all that comes then is
                          in pump.partial */
    tls_setup *setup;  /* NULL once the handshake is over */
    bool initiator;
};

static void free_setup(tls_layer *tls, tls_setup *setup) {
    if (setup == NULL)
        return;
    p2p_list_remove(&setup->waiter.node);
    p2p_wipe(setup, sizeof *setup);
    p2p_mem_free(tls->env->mem, setup, sizeof *setup);
}

static void tls_free(p2p_layer *layer) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    const p2p_mem *mem = tls->env->mem;
    p2p_tls_pump_deinit(&tls->pump);
    free_setup(tls, tls->setup);
    p2p_mem_free(mem, tls, sizeof *tls);
}

/* --- the pump's rules --- */

static void note_alert(const p2p_tls_pump *pump, int alert) {
    const tls_layer *tls = P2P_CONTAINER(pump, tls_layer, pump);
    if (tls->env->log != NULL)
        P2P_LOG(tls->env->log, P2P_LOG_INFO, "tls", 0, tls->env->now, "%s (alert: %s)",
            tls->initiator && !pump->heard
                ? "the peer ended the handshake, or refused this host's certificate"
                : "the peer ended the connection",
            SSL_alert_desc_string_long(alert));
}

static p2p_err refused(const p2p_tls_pump *pump) {
    const tls_layer *tls = P2P_CONTAINER(pump, tls_layer, pump);
    return tls->setup == NULL ? P2P_OK : tls->setup->peer.refused;
}

static p2p_err finish(p2p_tls_pump *pump) {
    tls_layer *tls = P2P_CONTAINER(pump, tls_layer, pump);
    tls_setup *setup = tls->setup;
    const p2p_tls_peer *peer = &setup->peer;
    p2p_secured secured = {
        .peer = peer->owner.peer,
        .public_key = p2p_bytes_of(peer->owner.public_key, peer->owner.public_key_len),
        .muxer = p2p_tls_muxer(pump->ssl, setup->params.muxers),
    };
    const p2p_tls_secret *ours = tls->initiator ? &peer->client_secret : &peer->server_secret;
    const p2p_tls_secret *theirs = tls->initiator ? &peer->server_secret : &peer->client_secret;
    if (!ours->known || !theirs->known)
        return P2P_ERR_CRYPTO;
    p2p_err err = p2p_tls_pump_dismiss(pump, ours->bytes, theirs->bytes);
    if (err != P2P_OK)
        return err;
    tls->setup = NULL;
    err = setup->params.done(setup->params.ctx, &secured);
    free_setup(tls, setup);
    return err;
}

static const p2p_tls_rules RULES = {finish, refused, note_alert};

static p2p_err begin(tls_layer *tls, const p2p_tls_context *context) {
    p2p_tls_pump *pump = &tls->pump;
    p2p_err err = p2p_tls_connection_new(&pump->ssl, context, &tls->setup->peer, &pump->wire);
    return err == P2P_OK && tls->initiator ? p2p_tls_pump_handshake(pump) : err;
}

/* --- the layer --- */

static p2p_err tls_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    if (tls->setup == NULL || tls->pump.ssl != NULL)
        return p2p_tls_pump_feed(&tls->pump, data, len);
    p2p_err err = p2p_buf_append(&tls->pump.partial, p2p_bytes_of(data, len));
    return err == P2P_ERR_TOO_BIG ? P2P_ERR_VIOLATION : err;
}

static p2p_err tls_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    return p2p_tls_pump_draw(&P2P_CONTAINER(layer, tls_layer, layer)->pump, dst, cap, len);
}

static p2p_err tls_eof(p2p_layer *layer) {
    return p2p_tls_pump_eof(&P2P_CONTAINER(layer, tls_layer, layer)->pump);
}

static const p2p_layer_ops TLS_OPS = {"tls", tls_feed, tls_draw, tls_eof, tls_free};

/* --- starting --- */

/* What came before the certificate was there. */
static p2p_err feed_held(tls_layer *tls) {
    p2p_buf *partial = &tls->pump.partial;
    p2p_buf held = *partial;
    p2p_buf_init(partial, held.mem, held.max);
    p2p_err err = P2P_OK;
    if (p2p_buf_len(&held) > 0)
        err = p2p_layer_feed(&tls->layer, held.base + held.start, p2p_buf_len(&held));
    p2p_buf_deinit(&held);
    return err;
}

static void certificate_ready(p2p_cert_waiter *waiter, p2p_err err) {
    tls_setup *setup = P2P_CONTAINER(waiter, tls_setup, waiter);
    tls_layer *tls = setup->tls;
    p2p_secure_params params = setup->params; /* the setup may end now */
    const p2p_tls_context *context;
    if (err == P2P_OK)
        err = p2p_tls_context_get(&context, params.env, NULL);
    if (err == P2P_OK)
        err = begin(tls, context);
    if (err == P2P_OK)
        err = feed_held(tls);
    if (err == P2P_OK)
        p2p_wire_wake(params.wire);
    else
        params.failed(params.ctx, err);
}

static tls_layer *tls_new(const p2p_secure_params *params) {
    const p2p_mem *mem = params->env->mem;
    tls_layer *tls = p2p_mem_alloc(mem, sizeof *tls);
    tls_setup *setup = p2p_mem_alloc(mem, sizeof *setup);
    if (tls == NULL || setup == NULL) {
        p2p_mem_free(mem, tls, sizeof *tls);
        p2p_mem_free(mem, setup, sizeof *setup);
        return NULL;
    }
    tls->layer = (p2p_layer){.ops = &TLS_OPS, .wire = params->wire};
    tls->env = params->env;
    tls->initiator = params->initiator;
    p2p_tls_pump_init(&tls->pump, &RULES, &tls->layer, mem);
    setup->tls = tls;
    setup->params = *params;
    setup->peer.params = &setup->params;
    setup->waiter.ready = certificate_ready;
    tls->setup = setup;
    return tls;
}

static p2p_err tls_start(p2p_layer **out, const p2p_secure_params *params) {
    const p2p_tls_context *context;
    *out = NULL;
    tls_layer *tls = tls_new(params);
    if (tls == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_tls_context_get(&context, params->env, &tls->setup->waiter);
    if (err == P2P_OK)
        err = begin(tls, context);
    if (err != P2P_OK && err != P2P_ERR_AGAIN) {
        tls_free(&tls->layer);
        return err;
    }
    *out = &tls->layer;
    return P2P_OK;
}

const p2p_security p2p_tls = {"/tls/1.0.0", tls_start};
