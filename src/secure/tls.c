/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The TLS 1.3 layer (specs/tls) on OpenSSL, which here does no input or output of its own.
 *
 * Records are cut out of what is fed before OpenSSL sees them, so that it always gets a whole one
 * and needs no buffer between two calls; the plaintext is then written over the record it came
 * from. In the other direction the layer above writes into the caller's block, and the record takes
 * the place of its plaintext.
 *
 * A client's handshake is over when it has sent its certificate, before the server has seen it. If
 * the server refuses it, the alert comes as the first thing afterwards: an error of feed as any
 * other, and a line in the log that says what happened.
 *
 * All that only the handshake needs lies in `setup`, which is freed at its end. A host's
 * certificate may be signed by a key that answers later; until then the handshake stands still.
 */
#include "secure/tls_context.h"

#include <openssl/err.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "secure/frame.h"

enum {
    RECORD_HEAD_LEN = 5,
    TEXT_MAX = 16384,
    RECORD_OVERHEAD = RECORD_HEAD_LEN + 1 + 16, /* head, content type, tag */
    /* Behind other records, a smaller one is left for the next draw: it would be mostly overhead.
     */
    WORTHWHILE = 512,
    UNSENT_MAX = 32768
};

/* RFC 8446 section 5.2: a ciphertext is at most 256 bytes longer than 2^14. */
static const p2p_frame_format RECORD = {RECORD_HEAD_LEN, TEXT_MAX + 256};

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
    SSL *ssl; /* NULL while the certificate is being signed */
    p2p_tls_wire wire;
    p2p_buf partial;  /* an incomplete record; or all that came while there was no ssl */
    tls_setup *setup; /* NULL once the handshake is over */
    bool initiator;
    bool heard;  /* a record with data came */
    bool closed; /* close_notify came */
};

static void free_setup(tls_layer *tls, tls_setup *setup) {
    if (setup == NULL)
        return;
    p2p_list_remove(&setup->waiter.node);
    p2p_mem_free(tls->env->mem, setup, sizeof *setup);
}

static void tls_free(p2p_layer *layer) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    const p2p_mem *mem = tls->env->mem;
    SSL_free(tls->ssl);
    free_setup(tls, tls->setup);
    p2p_buf_deinit(&tls->wire.unsent);
    p2p_buf_deinit(&tls->partial);
    p2p_mem_free(mem, tls, sizeof *tls);
}

/* --- errors --- */

static p2p_err alert_error(const tls_layer *tls, int alert) {
    if (tls->env->log != NULL)
        P2P_LOG(tls->env->log, P2P_LOG_INFO, "tls", 0, tls->env->now, "%s (alert: %s)",
            tls->initiator && !tls->heard
                ? "the peer ended the handshake, or refused this host's certificate"
                : "the peer ended the connection",
            SSL_alert_desc_string_long(alert));
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return P2P_ERR_NO_SECURITY;
    case SSL_AD_NO_APPLICATION_PROTOCOL:
        return P2P_ERR_NO_MUXER;
    default:
        return P2P_ERR_RESET;
    }
}

/* Of the call of OpenSSL that has just failed. */
static p2p_err failure(const tls_layer *tls) {
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    ERR_clear_error();
    if (tls->wire.err != P2P_OK)
        return tls->wire.err;
    if (tls->setup != NULL && tls->setup->peer.refused != P2P_OK)
        return tls->setup->peer.refused;
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return alert_error(tls, reason - SSL_AD_REASON_OFFSET);
    switch (reason) {
    case ERR_R_MALLOC_FAILURE:
        return P2P_ERR_NO_MEMORY;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
        return P2P_ERR_DECRYPT;
    case SSL_R_NO_APPLICATION_PROTOCOL:
        return P2P_ERR_NO_MUXER;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return P2P_ERR_BAD_CERTIFICATE;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        return P2P_ERR_NO_SECURITY;
    default:
        return P2P_ERR_MALFORMED;
    }
}

/* --- handshake --- */

static p2p_err finish(tls_layer *tls) {
    tls_setup *setup = tls->setup;
    const p2p_tls_peer *peer = &setup->peer;
    p2p_secured secured = {
        .peer = peer->owner.peer,
        .public_key = p2p_bytes_of(peer->owner.public_key, peer->owner.public_key_len),
        .muxer = p2p_tls_muxer(tls->ssl, setup->params.muxers),
    };
    tls->setup = NULL;
    SSL_set_app_data(tls->ssl, NULL);
    p2p_err err = setup->params.done(setup->params.ctx, &secured);
    free_setup(tls, setup);
    return err;
}

static p2p_err handshake(tls_layer *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        return finish(tls);
    return SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ ? P2P_OK : failure(tls);
}

static p2p_err begin(tls_layer *tls, const p2p_tls_context *context) {
    p2p_err err = p2p_tls_connection_new(&tls->ssl, context, &tls->setup->peer, &tls->wire);
    return err == P2P_OK && tls->initiator ? handshake(tls) : err;
}

/* --- receiving --- */

static p2p_err heard_end(tls_layer *tls) {
    if (tls->closed)
        return P2P_OK;
    tls->closed = true;
    return p2p_layer_eof(tls->layer.above);
}

/* The plaintext is shorter than its record, so it has room there. */
static p2p_err read_record(tls_layer *tls, p2p_frame record) {
    size_t len;
    do {
        ERR_clear_error();
        if (SSL_read_ex(tls->ssl, record.ptr, record.len, &len) != 1) {
            int error = SSL_get_error(tls->ssl, 0);
            return error == SSL_ERROR_WANT_READ     ? P2P_OK
                   : error == SSL_ERROR_ZERO_RETURN ? heard_end(tls)
                                                    : failure(tls);
        }
        tls->heard = true;
        p2p_err err = p2p_layer_feed(tls->layer.above, record.ptr, len);
        if (err != P2P_OK)
            return err;
    } while (SSL_pending(tls->ssl) > 0);
    return P2P_OK;
}

static p2p_err use_record(tls_layer *tls, p2p_frame record) {
    if (tls->closed)
        return P2P_OK; /* nothing after close_notify counts */
    tls->wire.in = record.ptr;
    tls->wire.in_len = record.len;
    return tls->setup != NULL ? handshake(tls) : read_record(tls, record);
}

/*
 * OpenSSL's two buffers of 16 KiB are kept for one feed or draw, not for the connection. Its own
 * mode for that (SSL_MODE_RELEASE_BUFFERS) gives them up after each record, which costs a tenth of
 * the speed.
 */
static void give_up_buffers(tls_layer *tls) {
    (void)SSL_free_buffers(tls->ssl);
}

static p2p_err tls_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    if (tls->ssl == NULL) {
        p2p_err err = p2p_buf_append(&tls->partial, p2p_bytes_of(data, len));
        return err == P2P_ERR_TOO_BIG ? P2P_ERR_VIOLATION : err;
    }
    p2p_err err = P2P_OK;
    while (err == P2P_OK && len > 0) {
        p2p_frame record;
        err = p2p_frame_next(&tls->partial, &RECORD, &data, &len, &record);
        if (err == P2P_OK && record.ptr != NULL)
            err = use_record(tls, record);
        p2p_frame_done(&tls->partial, &record);
    }
    give_up_buffers(tls);
    return err;
}

static p2p_err tls_eof(p2p_layer *layer) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    if (tls->setup != NULL || p2p_buf_len(&tls->partial) > 0)
        return P2P_ERR_RESET;
    return heard_end(tls);
}

/* --- sending --- */

static size_t draw_unsent(p2p_buf *unsent, uint8_t *dst, size_t cap) {
    p2p_bytes bytes = p2p_buf_view(unsent);
    size_t len = bytes.len < cap ? bytes.len : cap;
    if (len == 0)
        return 0;
    memcpy(dst, bytes.ptr, len);
    p2p_buf_consume(unsent, len);
    if (p2p_buf_len(unsent) == 0)
        p2p_buf_deinit(unsent);
    return len;
}

/* OpenSSL would answer the peer's wish for new keys inside the next write, where its record would
 * overwrite the plaintext that is still to be read. */
static p2p_err answer_key_update(tls_layer *tls) {
    if (SSL_get_key_update_type(tls->ssl) == SSL_KEY_UPDATE_NONE)
        return P2P_OK;
    ERR_clear_error();
    bool sent = SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                SSL_do_handshake(tls->ssl) == 1;
    return sent ? P2P_OK : failure(tls);
}

/* One record from the layer above; *more is false when it had nothing to say. */
static p2p_err draw_record(tls_layer *tls, bool *more) {
    p2p_tls_wire *wire = &tls->wire;
    uint8_t *text = wire->out + wire->out_len + RECORD_HEAD_LEN;
    size_t room = wire->out_cap - wire->out_len - RECORD_OVERHEAD;
    size_t len;
    size_t written;
    p2p_err err = p2p_layer_draw(tls->layer.above, text, room < TEXT_MAX ? room : TEXT_MAX, &len);
    *more = len > 0;
    if (err != P2P_OK || len == 0)
        return err;
    ERR_clear_error();
    return SSL_write_ex(tls->ssl, text, len, &written) == 1 ? P2P_OK : failure(tls);
}

static p2p_err tls_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    p2p_tls_wire *wire = &tls->wire;
    *len = draw_unsent(&wire->unsent, dst, cap);
    if (tls->setup != NULL || p2p_buf_len(&wire->unsent) > 0)
        return P2P_OK;
    wire->out = dst;
    wire->out_cap = cap;
    wire->out_len = *len;
    p2p_err err = answer_key_update(tls);
    bool more = true;
    while (err == P2P_OK && more && p2p_buf_len(&wire->unsent) == 0) {
        size_t left = cap - wire->out_len;
        if (left <= RECORD_OVERHEAD || (wire->out_len > 0 && left < WORTHWHILE))
            break;
        err = draw_record(tls, &more);
    }
    give_up_buffers(tls);
    *len = wire->out_len;
    wire->out = NULL;
    wire->out_cap = wire->out_len = 0;
    return err;
}

static const p2p_layer_ops TLS_OPS = {"tls", tls_feed, tls_draw, tls_eof, tls_free};

/* --- starting --- */

/* What came before the certificate was there. */
static p2p_err feed_held(tls_layer *tls) {
    p2p_buf held = tls->partial;
    p2p_buf_init(&tls->partial, held.mem, held.max);
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
    p2p_buf_init(&tls->partial, mem, RECORD_HEAD_LEN + TEXT_MAX + 256);
    p2p_buf_init(&tls->wire.unsent, mem, UNSENT_MAX);
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
