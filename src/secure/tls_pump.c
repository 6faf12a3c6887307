/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Records of TLS 1.3, and of 1.2 with AEAD ciphers (RFC 8446 section 5, RFC 5246 section 6.2.3.3),
 * between a wire and the layer above. OpenSSL does no input or output of its own here.
 *
 * Of the messages that may follow a handshake of TLS 1.3 (section 4.6), where OpenSSL is dismissed:
 * KeyUpdate is answered if the peer asks for that, tickets are read past, since no session is ever
 * resumed, and anything else ends the connection.
 */
#include "secure/tls_pump.h"

#include <openssl/err.h>

#include "base/bytes.h"
#include "secure/frame.h"

enum {
    TAG_LEN = 16,
    NONCE_LEN = 8, /* TLS 1.2 only */
    /* Behind other records, a smaller one is left for the next draw: it would be mostly overhead.
     */
    WORTHWHILE = 512,
    UNSENT_MAX = 32768,
    NEW_SESSION_TICKET = 4,
    KEY_UPDATE = 24,
    KEY_UPDATE_LEN = P2P_TLS_MESSAGE_HEAD + 1,
    ALERT_LEN = 2
};

/* RFC 8446 section 5.2: a ciphertext is at most 256 bytes longer than 2^14. */
static const p2p_frame_format RECORD = {P2P_TLS_HEAD_LEN, P2P_TLS_TEXT_MAX + 256};

void p2p_tls_pump_init(
    p2p_tls_pump *pump, const p2p_tls_rules *rules, p2p_layer *layer, const p2p_mem *mem) {
    *pump = (p2p_tls_pump){.rules = rules, .layer = layer, .shaking = true};
    p2p_buf_init(&pump->partial, mem, P2P_TLS_HEAD_LEN + P2P_TLS_TEXT_MAX + 256);
    p2p_buf_init(&pump->wire.unsent, mem, UNSENT_MAX);
}

void p2p_tls_pump_deinit(p2p_tls_pump *pump) {
    SSL_free(pump->ssl);
    pump->ssl = NULL;
    p2p_tls_record_deinit(&pump->record);
    p2p_buf_deinit(&pump->wire.unsent);
    p2p_buf_deinit(&pump->partial);
}

/* --- errors --- */

static p2p_err alert_error(const p2p_tls_pump *pump, int alert) {
    pump->rules->alert(pump, alert);
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
static p2p_err failure(const p2p_tls_pump *pump) {
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_REASON(error);
    ERR_clear_error();
    if (pump->wire.err != P2P_OK)
        return pump->wire.err;
    p2p_err refused = pump->rules->refused(pump);
    if (refused != P2P_OK)
        return refused;
    if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return alert_error(pump, reason - SSL_AD_REASON_OFFSET);
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

p2p_err p2p_tls_pump_handshake(p2p_tls_pump *pump) {
    ERR_clear_error();
    int result = SSL_do_handshake(pump->ssl);
    if (result != 1)
        return SSL_get_error(pump->ssl, result) == SSL_ERROR_WANT_READ ? P2P_OK : failure(pump);
    pump->shaking = false;
    return pump->rules->shaken(pump);
}

p2p_err p2p_tls_pump_dismiss(p2p_tls_pump *pump, const uint8_t ours[P2P_TLS_SECRET_MAX],
    const uint8_t theirs[P2P_TLS_SECRET_MAX]) {
    const SSL_CIPHER *cipher = SSL_get_current_cipher(pump->ssl);
    if (cipher == NULL || SSL_version(pump->ssl) != TLS1_3_VERSION)
        return P2P_ERR_UNSUPPORTED;
    pump->client = !SSL_is_server(pump->ssl);
    p2p_err err =
        p2p_tls_record_init(&pump->record, SSL_CIPHER_get_protocol_id(cipher), ours, theirs);
    SSL_free(pump->ssl);
    pump->ssl = NULL;
    return err;
}

/* --- receiving --- */

static p2p_err heard_end(p2p_tls_pump *pump) {
    if (pump->closed)
        return P2P_OK;
    pump->closed = true;
    return p2p_layer_eof(pump->layer->above);
}

/* The plaintext is shorter than its record, so it has room there. */
static p2p_err read_record(p2p_tls_pump *pump, p2p_frame record) {
    size_t len;
    do {
        ERR_clear_error();
        if (SSL_read_ex(pump->ssl, record.ptr, record.len, &len) != 1) {
            int error = SSL_get_error(pump->ssl, 0);
            return error == SSL_ERROR_WANT_READ     ? P2P_OK
                   : error == SSL_ERROR_ZERO_RETURN ? heard_end(pump)
                                                    : failure(pump);
        }
        pump->heard = true;
        p2p_err err = p2p_layer_feed(pump->layer->above, record.ptr, len);
        if (err != P2P_OK)
            return err;
    } while (SSL_pending(pump->ssl) > 0);
    return P2P_OK;
}

/* A new key for what the peer sends. It ends its record, for the next has that key already. */
static p2p_err on_key_update(p2p_tls_pump *pump, const uint8_t *body, size_t len) {
    if (p2p_load32(pump->head) != ((uint32_t)KEY_UPDATE << 24 | 1) || len != 1 || body[0] > 1)
        return P2P_ERR_MALFORMED;
    pump->update_wanted |= body[0] == 1;
    return p2p_tls_record_renew(&pump->record, &pump->record.rx);
}

/* Messages after the handshake: cut and joined by records as the peer likes. */
static p2p_err use_messages(p2p_tls_pump *pump, const uint8_t *data, size_t len) {
    if (len == 0)
        return P2P_ERR_VIOLATION;
    while (len > 0) {
        size_t want = pump->skip > 0 ? pump->skip : (size_t)P2P_TLS_MESSAGE_HEAD - pump->head_len;
        size_t piece = len < want ? len : want;
        if (pump->skip > 0) {
            pump->skip -= (uint32_t)piece;
        } else {
            memcpy(pump->head + pump->head_len, data, piece);
            pump->head_len += (uint8_t)piece;
        }
        data += piece;
        len -= piece;
        if (pump->head_len < P2P_TLS_MESSAGE_HEAD)
            continue;
        pump->head_len = 0;
        if (pump->head[0] == KEY_UPDATE)
            return on_key_update(pump, data, len);
        if (pump->head[0] != NEW_SESSION_TICKET || !pump->client)
            return P2P_ERR_VIOLATION;
        pump->skip = p2p_load32(pump->head) & 0xffffff;
    }
    return P2P_OK;
}

static p2p_err use_alert(p2p_tls_pump *pump, const uint8_t *alert, size_t len) {
    if (len != ALERT_LEN)
        return P2P_ERR_MALFORMED;
    if (alert[1] == SSL_AD_USER_CANCELLED)
        return P2P_OK; /* close_notify follows */
    return alert[1] == SSL_AD_CLOSE_NOTIFY ? heard_end(pump) : alert_error(pump, alert[1]);
}

/* A record when OpenSSL is dismissed. */
static p2p_err open_record(p2p_tls_pump *pump, p2p_frame record) {
    uint8_t content = 0;
    p2p_frame text;
    p2p_err err = p2p_tls_record_open(&pump->record, record, &content, &text);
    if (err != P2P_OK)
        return err;
    if (content == P2P_TLS_HANDSHAKE)
        return use_messages(pump, text.ptr, text.len);
    if (pump->head_len > 0 || pump->skip > 0)
        return P2P_ERR_VIOLATION; /* nothing may stand inside a message */
    if (content == P2P_TLS_ALERT)
        return use_alert(pump, text.ptr, text.len);
    if (content != P2P_TLS_DATA)
        return P2P_ERR_VIOLATION;
    pump->heard = true;
    return p2p_layer_feed(pump->layer->above, text.ptr, text.len);
}

static p2p_err use_record(p2p_tls_pump *pump, p2p_frame record) {
    if (pump->closed)
        return P2P_OK; /* nothing after close_notify counts */
    if (pump->ssl == NULL)
        return open_record(pump, record);
    pump->wire.in = record.ptr;
    pump->wire.in_len = record.len;
    return pump->shaking ? p2p_tls_pump_handshake(pump) : read_record(pump, record);
}

/*
 * OpenSSL's two buffers of 16 KiB are kept for one feed or draw, not for the connection. Its own
 * mode for that (SSL_MODE_RELEASE_BUFFERS) gives them up after each record, which costs a tenth of
 * the speed.
 */
static void give_up_buffers(p2p_tls_pump *pump) {
    if (pump->ssl != NULL)
        (void)SSL_free_buffers(pump->ssl);
}

p2p_err p2p_tls_pump_feed(p2p_tls_pump *pump, uint8_t *data, size_t len) {
    p2p_err err = P2P_OK;
    while (err == P2P_OK && len > 0) {
        p2p_frame record;
        err = p2p_frame_next(&pump->partial, &RECORD, &data, &len, &record);
        if (err == P2P_OK && record.ptr != NULL)
            err = use_record(pump, record);
        p2p_frame_done(&pump->partial, &record, len);
    }
    give_up_buffers(pump);
    return err;
}

p2p_err p2p_tls_pump_eof(p2p_tls_pump *pump) {
    if (pump->shaking || p2p_buf_len(&pump->partial) > 0)
        return P2P_ERR_RESET;
    return heard_end(pump);
}

/* --- sending --- */

static size_t draw_unsent(p2p_buf *unsent, uint8_t *dst, size_t cap) {
    size_t len = p2p_buf_draw(unsent, dst, cap);
    if (len > 0 && p2p_buf_len(unsent) == 0)
        p2p_buf_deinit(unsent);
    return len;
}

/* OpenSSL would answer the peer's wish for new keys inside the next write, where its record would
 * overwrite the plaintext that is still to be read. */
static p2p_err answer_key_update(p2p_tls_pump *pump) {
    if (SSL_get_key_update_type(pump->ssl) == SSL_KEY_UPDATE_NONE)
        return P2P_OK;
    ERR_clear_error();
    bool sent = SSL_key_update(pump->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                SSL_do_handshake(pump->ssl) == 1;
    return sent ? P2P_OK : failure(pump);
}

/* What a record has beside its text: TLS 1.3 hides the content type in it, 1.2 shows a nonce. */
static size_t overhead(const p2p_tls_pump *pump) {
    size_t more = SSL_version(pump->ssl) == TLS1_3_VERSION ? 1 : NONCE_LEN;
    return P2P_TLS_HEAD_LEN + more + TAG_LEN;
}

/* One record from the layer above; *more is false when it had nothing to say. */
static p2p_err draw_record(p2p_tls_pump *pump, bool *more) {
    p2p_tls_wire *wire = &pump->wire;
    uint8_t *text = wire->out + wire->out_len + P2P_TLS_HEAD_LEN;
    size_t room = wire->out_cap - wire->out_len - overhead(pump);
    size_t len;
    size_t written;
    p2p_err err = p2p_layer_draw(
        pump->layer->above, text, room < P2P_TLS_TEXT_MAX ? room : P2P_TLS_TEXT_MAX, &len);
    *more = len > 0;
    if (err != P2P_OK || len == 0)
        return err;
    ERR_clear_error();
    return SSL_write_ex(pump->ssl, text, len, &written) == 1 ? P2P_OK : failure(pump);
}

static p2p_err draw_records(p2p_tls_pump *pump) {
    p2p_tls_wire *wire = &pump->wire;
    p2p_err err = answer_key_update(pump);
    bool more = true;
    while (err == P2P_OK && more && p2p_buf_len(&wire->unsent) == 0) {
        size_t left = wire->out_cap - wire->out_len;
        if (left <= overhead(pump) || (wire->out_len > 0 && left < WORTHWHILE))
            return P2P_OK;
        err = draw_record(pump, &more);
    }
    if (err != P2P_OK || more || !pump->ending)
        return err;
    pump->ending = false;
    ERR_clear_error();
    return SSL_shutdown(pump->ssl) >= 0 ? P2P_OK : failure(pump);
}

static p2p_err put_message(
    p2p_tls_pump *pump, uint8_t *dst, size_t *len, p2p_bytes message, p2p_tls_content content) {
    memcpy(dst + P2P_TLS_HEAD_LEN, message.ptr, message.len);
    *len = message.len + P2P_TLS_RECORD_OVERHEAD;
    return p2p_tls_record_seal(&pump->record, dst, message.len, content);
}

static p2p_err put_key_update(p2p_tls_pump *pump, uint8_t *dst, size_t *len) {
    static const uint8_t MESSAGE[KEY_UPDATE_LEN] = {KEY_UPDATE, 0, 0, 1, 0};
    pump->update_wanted = false;
    p2p_err err =
        put_message(pump, dst, len, p2p_bytes_of(MESSAGE, sizeof MESSAGE), P2P_TLS_HANDSHAKE);
    return err == P2P_OK ? p2p_tls_record_renew(&pump->record, &pump->record.tx) : err;
}

static p2p_err put_close_notify(p2p_tls_pump *pump, uint8_t *dst, size_t *len) {
    static const uint8_t MESSAGE[ALERT_LEN] = {SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY};
    pump->ending = false;
    return put_message(pump, dst, len, p2p_bytes_of(MESSAGE, sizeof MESSAGE), P2P_TLS_ALERT);
}

/* One record when OpenSSL is dismissed; *len 0: nothing to say, or no room to say it. */
static p2p_err seal_record(p2p_tls_pump *pump, uint8_t *dst, size_t cap, size_t *len) {
    size_t room = cap - P2P_TLS_RECORD_OVERHEAD;
    *len = 0;
    if (pump->update_wanted || p2p_tls_record_worn(&pump->record))
        return room < KEY_UPDATE_LEN ? P2P_OK : put_key_update(pump, dst, len);
    p2p_err err = p2p_layer_draw(pump->layer->above, dst + P2P_TLS_HEAD_LEN,
        room < P2P_TLS_TEXT_MAX ? room : P2P_TLS_TEXT_MAX, len);
    if (err != P2P_OK)
        return err;
    if (*len == 0)
        return pump->ending && room >= ALERT_LEN ? put_close_notify(pump, dst, len) : P2P_OK;
    err = p2p_tls_record_seal(&pump->record, dst, *len, P2P_TLS_DATA);
    *len += P2P_TLS_RECORD_OVERHEAD;
    return err;
}

static p2p_err seal_records(p2p_tls_pump *pump, uint8_t *dst, size_t cap, size_t *len) {
    p2p_err err = P2P_OK;
    size_t more = 1;
    while (err == P2P_OK && more > 0) {
        size_t left = cap - *len;
        if (left <= P2P_TLS_RECORD_OVERHEAD || (*len > 0 && left < WORTHWHILE))
            break;
        err = seal_record(pump, dst + *len, left, &more);
        *len += more;
    }
    return err;
}

p2p_err p2p_tls_pump_draw(p2p_tls_pump *pump, uint8_t *dst, size_t cap, size_t *len) {
    p2p_tls_wire *wire = &pump->wire;
    *len = draw_unsent(&wire->unsent, dst, cap);
    if (pump->shaking || p2p_buf_len(&wire->unsent) > 0)
        return P2P_OK;
    if (pump->ssl == NULL)
        return seal_records(pump, dst, cap, len);
    wire->out = dst;
    wire->out_cap = cap;
    wire->out_len = *len;
    p2p_err err = draw_records(pump);
    give_up_buffers(pump);
    *len = wire->out_len;
    wire->out = NULL;
    wire->out_cap = wire->out_len = 0;
    return err;
}
