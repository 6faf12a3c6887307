/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The TLS 1.3 layer (specs/tls). OpenSSL does the handshake, without input or output of its own:
 * records are cut out of what is fed, and it always gets a whole one. When the handshake is over
 * OpenSSL's object is freed, and records are opened and sealed where they lie (tls_record.c).
 *
 * Of messages after the handshake a peer may send KeyUpdate, which is answered if it asks for it,
 * and a server tickets, which are skipped: no session is ever resumed.
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
#include "secure/tls_record.h"

enum {
    /* Behind other records, a smaller one is left for the next draw: it would be mostly overhead.
     */
    WORTHWHILE = 512,
    UNSENT_MAX = 32768,
    NEW_SESSION_TICKET = 4,
    KEY_UPDATE = 24,
    MESSAGE_HEAD_LEN = 4,
    KEY_UPDATE_LEN = MESSAGE_HEAD_LEN + 1
};

/* RFC 8446 section 5.2: a ciphertext is at most 256 bytes longer than 2^14. */
static const p2p_frame_format RECORD = {P2P_TLS_HEAD_LEN, P2P_TLS_TEXT_MAX + 256};

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
    SSL *ssl; /* NULL while the certificate is being signed, and after the handshake */
    p2p_tls_wire wire;
    p2p_buf partial;       /* an incomplete record; or all that came before there was an ssl */
    tls_setup *setup;      /* NULL once the handshake is over */
    p2p_tls_record record; /* from then on */
    uint32_t skip;         /* bytes of a message after the handshake still to come */
    uint8_t head[MESSAGE_HEAD_LEN]; /* of such a message */
    uint8_t head_len;
    bool initiator;
    bool heard;         /* a record with data came */
    bool closed;        /* close_notify came */
    bool update_wanted; /* the peer wants a new key */
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
    SSL_free(tls->ssl);
    p2p_tls_record_deinit(&tls->record);
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

static p2p_err start_records(tls_layer *tls) {
    const p2p_tls_peer *peer = &tls->setup->peer;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    if (cipher == NULL || !peer->client_secret.known || !peer->server_secret.known)
        return P2P_ERR_CRYPTO;
    const uint8_t *client = peer->client_secret.bytes;
    const uint8_t *server = peer->server_secret.bytes;
    return p2p_tls_record_init(&tls->record, SSL_CIPHER_get_protocol_id(cipher),
        tls->initiator ? client : server, tls->initiator ? server : client);
}

static p2p_err finish(tls_layer *tls) {
    tls_setup *setup = tls->setup;
    const p2p_tls_peer *peer = &setup->peer;
    p2p_secured secured = {
        .peer = peer->owner.peer,
        .public_key = p2p_bytes_of(peer->owner.public_key, peer->owner.public_key_len),
        .muxer = p2p_tls_muxer(tls->ssl, setup->params.muxers),
    };
    p2p_err err = start_records(tls);
    if (err != P2P_OK)
        return err;
    tls->setup = NULL;
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    err = setup->params.done(setup->params.ctx, &secured);
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

/* A new key for what the peer sends. It ends its record, for the next has that key already. */
static p2p_err on_key_update(tls_layer *tls, const uint8_t *body, size_t len) {
    if (p2p_load32(tls->head) != ((uint32_t)KEY_UPDATE << 24 | 1) || len != 1 || body[0] > 1)
        return P2P_ERR_MALFORMED;
    tls->update_wanted |= body[0] == 1;
    return p2p_tls_record_renew(&tls->record, &tls->record.rx);
}

/* Handshake messages after the handshake: cut and joined by records as the peer likes. */
static p2p_err use_messages(tls_layer *tls, const uint8_t *data, size_t len) {
    if (len == 0)
        return P2P_ERR_VIOLATION;
    while (len > 0) {
        size_t want = tls->skip > 0 ? tls->skip : (size_t)MESSAGE_HEAD_LEN - tls->head_len;
        size_t piece = len < want ? len : want;
        if (tls->skip > 0) {
            tls->skip -= (uint32_t)piece;
        } else {
            memcpy(tls->head + tls->head_len, data, piece);
            tls->head_len += (uint8_t)piece;
        }
        data += piece;
        len -= piece;
        if (tls->head_len < MESSAGE_HEAD_LEN)
            continue;
        tls->head_len = 0;
        if (tls->head[0] == KEY_UPDATE)
            return on_key_update(tls, data, len);
        if (tls->head[0] != NEW_SESSION_TICKET || !tls->initiator)
            return P2P_ERR_VIOLATION;
        tls->skip = p2p_load32(tls->head) & 0xffffff;
    }
    return P2P_OK;
}

static p2p_err use_alert(tls_layer *tls, const uint8_t *alert, size_t len) {
    if (len != 2)
        return P2P_ERR_MALFORMED;
    if (alert[1] == SSL_AD_USER_CANCELLED)
        return P2P_OK; /* close_notify follows */
    return alert[1] == SSL_AD_CLOSE_NOTIFY ? heard_end(tls) : alert_error(tls, alert[1]);
}

static p2p_err use_content(tls_layer *tls, uint8_t content, p2p_frame text) {
    if (content == P2P_TLS_HANDSHAKE)
        return use_messages(tls, text.ptr, text.len);
    if (tls->head_len > 0 || tls->skip > 0)
        return P2P_ERR_VIOLATION; /* nothing may stand inside a message */
    if (content == P2P_TLS_ALERT)
        return use_alert(tls, text.ptr, text.len);
    if (content != P2P_TLS_DATA)
        return P2P_ERR_VIOLATION;
    tls->heard = true;
    return p2p_layer_feed(tls->layer.above, text.ptr, text.len);
}

static p2p_err use_record(tls_layer *tls, p2p_frame record) {
    uint8_t content = 0;
    p2p_frame text;
    if (tls->closed)
        return P2P_OK; /* nothing after close_notify counts */
    if (tls->setup != NULL) {
        tls->wire.in = record.ptr;
        tls->wire.in_len = record.len;
        return handshake(tls);
    }
    p2p_err err = p2p_tls_record_open(&tls->record, record, &content, &text);
    return err == P2P_OK ? use_content(tls, content, text) : err;
}

static p2p_err tls_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    if (tls->setup != NULL && tls->ssl == NULL) {
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

static p2p_err put_key_update(tls_layer *tls, uint8_t *dst, size_t *len) {
    static const uint8_t MESSAGE[KEY_UPDATE_LEN] = {KEY_UPDATE, 0, 0, 1, 0};
    memcpy(dst + P2P_TLS_HEAD_LEN, MESSAGE, sizeof MESSAGE);
    p2p_err err = p2p_tls_record_seal(&tls->record, dst, sizeof MESSAGE, P2P_TLS_HANDSHAKE);
    if (err != P2P_OK)
        return err;
    tls->update_wanted = false;
    *len = sizeof MESSAGE + P2P_TLS_RECORD_OVERHEAD;
    return p2p_tls_record_renew(&tls->record, &tls->record.tx);
}

/* One record from the layer above, or one of this layer's own; *len 0: nothing to say. */
static p2p_err draw_record(tls_layer *tls, uint8_t *dst, size_t cap, size_t *len) {
    size_t room = cap - P2P_TLS_RECORD_OVERHEAD;
    *len = 0;
    if (tls->update_wanted || p2p_tls_record_worn(&tls->record))
        return room < KEY_UPDATE_LEN ? P2P_OK : put_key_update(tls, dst, len);
    p2p_err err = p2p_layer_draw(tls->layer.above, dst + P2P_TLS_HEAD_LEN,
        room < P2P_TLS_TEXT_MAX ? room : P2P_TLS_TEXT_MAX, len);
    if (err != P2P_OK || *len == 0)
        return err;
    err = p2p_tls_record_seal(&tls->record, dst, *len, P2P_TLS_DATA);
    *len += P2P_TLS_RECORD_OVERHEAD;
    return err;
}

static p2p_err tls_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    tls_layer *tls = P2P_CONTAINER(layer, tls_layer, layer);
    *len = draw_unsent(&tls->wire.unsent, dst, cap);
    if (tls->setup != NULL || p2p_buf_len(&tls->wire.unsent) > 0)
        return P2P_OK;
    p2p_err err = P2P_OK;
    size_t more = 1;
    while (err == P2P_OK && more > 0) {
        size_t left = cap - *len;
        if (left <= P2P_TLS_RECORD_OVERHEAD || (*len > 0 && left < WORTHWHILE))
            break;
        err = draw_record(tls, dst + *len, left, &more);
        *len += more;
    }
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
    p2p_buf_init(&tls->partial, mem, P2P_TLS_HEAD_LEN + P2P_TLS_TEXT_MAX + 256);
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
