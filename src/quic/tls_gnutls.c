/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TLS 1.3 for QUIC (RFC 9001) by GnuTLS, and packet protection by ngtcp2's helper for it. GnuTLS
 * draws its own randomness and uses malloc; nothing else of it is visible outside of this file.
 *
 * No tickets, no 0-RTT, no server name: a libp2p identity is proven in every handshake (libp2p TLS
 * spec). GnuTLS checks that the peer owns the key of its certificate; the certificate itself is
 * judged by the application's hook alone, since the libp2p extension may be critical and neither
 * names nor authorities mean anything here.
 */
#include "quic/tls.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "quic/connection.h"
#include "quic/reset_stream_at.h"

/*
 * AES-128-GCM first: GnuTLS does it at several times the speed of ChaCha20-Poly1305. The server's
 * order counts, because rustls puts AES-256 first.
 */
#define PRIORITIES                                                                            \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:"            \
    "%DISABLE_TLS13_COMPAT_MODE:%SERVER_PRECEDENCE"

enum { TRANSPORT_PARAMETERS_MAX = 512 };

struct p2p_quic_tls_context {
    const p2p_mem *mem;
    gnutls_priority_t priorities;
    gnutls_certificate_credentials_t none; /* of clients that show no certificate */
};

struct p2p_quic_credentials {
    const p2p_mem *mem;
    gnutls_certificate_credentials_t gnutls;
};

struct p2p_quic_tls_session {
    const p2p_mem *mem;
    gnutls_session_t gnutls;
    p2p_quic_conn *conn;
    ngtcp2_conn *ng;
    const p2p_quic_tls_hooks *hooks;
    const char *alpn[P2P_QUIC_ALPN_MAX];
    size_t alpn_count;
    p2p_err err;
};

/* --- what sessions share --- */

p2p_err p2p_quic_tls_context_new(p2p_quic_tls_context **out, const p2p_mem *mem) {
    p2p_quic_tls_context *context = p2p_mem_alloc(mem, sizeof *context);
    *out = context;
    if (context == NULL)
        return P2P_ERR_NO_MEMORY;
    context->mem = mem;
    if (gnutls_priority_init(&context->priorities, PRIORITIES, NULL) == 0) {
        if (gnutls_certificate_allocate_credentials(&context->none) == 0)
            return P2P_OK;
        gnutls_priority_deinit(context->priorities);
    }
    p2p_mem_free(mem, context, sizeof *context);
    *out = NULL;
    return P2P_ERR_CRYPTO;
}

void p2p_quic_tls_context_free(p2p_quic_tls_context *context) {
    if (context == NULL)
        return;
    gnutls_priority_deinit(context->priorities);
    gnutls_certificate_free_credentials(context->none);
    p2p_mem_free(context->mem, context, sizeof *context);
}

p2p_err p2p_quic_credentials_new(
    p2p_quic_credentials **out, const p2p_mem *mem, p2p_bytes certificate, p2p_bytes private_key) {
    gnutls_datum_t der = {(uint8_t *)certificate.ptr, (unsigned)certificate.len};
    gnutls_datum_t key = {(uint8_t *)private_key.ptr, (unsigned)private_key.len};
    p2p_quic_credentials *own = p2p_mem_alloc(mem, sizeof *own);
    *out = own;
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->mem = mem;
    if (gnutls_certificate_allocate_credentials(&own->gnutls) == 0 &&
        gnutls_certificate_set_x509_key_mem(own->gnutls, &der, &key, GNUTLS_X509_FMT_DER) >= 0)
        return P2P_OK;
    p2p_quic_credentials_free(own);
    *out = NULL;
    return P2P_ERR_CRYPTO;
}

void p2p_quic_credentials_free(p2p_quic_credentials *own) {
    if (own == NULL)
        return;
    if (own->gnutls != NULL)
        gnutls_certificate_free_credentials(own->gnutls);
    p2p_mem_free(own->mem, own, sizeof *own);
}

/* --- keys of received packets --- */

enum { SECRET_MAX = 64, KEY_MAX = 64 };

/*
 * ngtcp2's decrypt callback is given the AEAD and no connection. So the AEAD's handle for 1-RTT
 * packets is one of these, which knows both.
 */
typedef struct p2p_quic_receiving {
    struct p2p_quic_receiving *next;
    ngtcp2_crypto_aead_ctx inner;
    p2p_quic_conn *conn;
} p2p_quic_receiving;

static int wrap(p2p_quic_conn *conn, ngtcp2_crypto_aead_ctx *ctx) {
    p2p_quic_receiving *own = p2p_mem_alloc(conn->mem, sizeof *own);
    if (own == NULL)
        return -1;
    *own = (p2p_quic_receiving){conn->receiving, *ctx, conn};
    conn->receiving = own;
    ctx->native_handle = own;
    return 0;
}

static void delete_aead(ngtcp2_conn *ng, ngtcp2_crypto_aead_ctx *ctx, void *user) {
    p2p_quic_conn *conn = user;
    p2p_quic_receiving **at = &conn->receiving;
    while (*at != NULL && *at != ctx->native_handle)
        at = &(*at)->next;
    p2p_quic_receiving *own = *at;
    if (own != NULL) {
        *at = own->next;
        *ctx = own->inner;
        p2p_mem_free(conn->mem, own, sizeof *own);
    }
    ngtcp2_crypto_delete_crypto_aead_ctx_cb(ng, ctx, user);
}

static uint64_t received(void *ctx, int64_t id) {
    p2p_quic_conn *conn = ctx;
    return conn->app->stream_received(conn, id);
}

/* The parameters are ngtcp2's. NOLINTNEXTLINE(readability-function-size) */
static int decrypt(uint8_t *dst, const ngtcp2_crypto_aead *aead, const ngtcp2_crypto_aead_ctx *ctx,
    const uint8_t *src, size_t len, const uint8_t *nonce, size_t nonce_len, const uint8_t *aad,
    size_t aad_len) {
    bool long_header = (aad[0] & 0x80) != 0;
    if (long_header)
        return ngtcp2_crypto_decrypt_cb(dst, aead, ctx, src, len, nonce, nonce_len, aad, aad_len);
    const p2p_quic_receiving *own = ctx->native_handle;
    int rv =
        ngtcp2_crypto_decrypt_cb(dst, aead, &own->inner, src, len, nonce, nonce_len, aad, aad_len);
    if (rv != 0 || own->conn->app->stream_received == NULL)
        return rv;
    return p2p_reset_stream_at_rewrite(dst, len - aead->max_overhead, received, own->conn) == P2P_OK
               ? 0
               : NGTCP2_ERR_DECRYPT;
}

/* NOLINTNEXTLINE(readability-function-size) */
static int update_key(ngtcp2_conn *ng, uint8_t *rx_secret, uint8_t *tx_secret,
    ngtcp2_crypto_aead_ctx *rx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx, uint8_t *tx_iv,
    const uint8_t *old_rx, const uint8_t *old_tx, size_t len, void *user) {
    int rv = ngtcp2_crypto_update_key_cb(
        ng, rx_secret, tx_secret, rx, rx_iv, tx, tx_iv, old_rx, old_tx, len, user);
    if (rv != 0)
        return rv;
    if (wrap(user, rx) == 0)
        return 0;
    ngtcp2_crypto_delete_crypto_aead_ctx_cb(ng, rx, user);
    ngtcp2_crypto_delete_crypto_aead_ctx_cb(ng, tx, user);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

/* HKDF-Expand-Label without context (RFC 8446 §7.1). */
static int expand(uint8_t *dst, size_t len, const ngtcp2_crypto_md *md, const uint8_t *secret,
    size_t secret_len, const char *label) {
    uint8_t info[32];
    p2p_writer w = p2p_writer_of(info, sizeof info);
    p2p_writer_u16(&w, (uint16_t)len);
    p2p_writer_u8(&w, (uint8_t)(6 + strlen(label)));
    p2p_writer_bytes(&w, P2P_LITERAL("tls13 "));
    p2p_writer_bytes(&w, p2p_bytes_text(label));
    p2p_writer_u8(&w, 0);
    return ngtcp2_crypto_hkdf_expand(dst, len, md, secret, secret_len, info, w.len);
}

/* Header protection as ngtcp2's helper keeps it: a cipher of GnuTLS's. */
static int start_header_cipher(
    ngtcp2_crypto_cipher_ctx *ctx, const ngtcp2_crypto_cipher *hp, uint8_t *key, size_t len) {
    gnutls_cipher_hd_t cipher;
    gnutls_datum_t datum = {key, (unsigned)len};
    int rv = gnutls_cipher_init(
        &cipher, (gnutls_cipher_algorithm_t)(intptr_t)hp->native_handle, &datum, NULL);
    ctx->native_handle = rv == 0 ? cipher : NULL;
    return rv;
}

/* What the helper's derive_and_install_rx_key does, with the AEAD wrapped. */
static int install_1rtt(p2p_quic_tls_session *session, const uint8_t *secret, size_t len) {
    ngtcp2_conn *ng = session->ng;
    const ngtcp2_crypto_ctx *crypto = ngtcp2_conn_get_crypto_ctx(ng);
    size_t key_len = ngtcp2_crypto_aead_keylen(&crypto->aead);
    size_t iv_len = ngtcp2_crypto_packet_protection_ivlen(&crypto->aead);
    uint8_t key[KEY_MAX], iv[KEY_MAX], hp_key[KEY_MAX];
    ngtcp2_crypto_aead_ctx aead = {0};
    ngtcp2_crypto_cipher_ctx hp = {0};
    if (len > SECRET_MAX || key_len > KEY_MAX || iv_len > KEY_MAX)
        return -1;
    int rv = expand(key, key_len, &crypto->md, secret, len, "quic key") != 0 ||
                     expand(iv, iv_len, &crypto->md, secret, len, "quic iv") != 0 ||
                     expand(hp_key, key_len, &crypto->md, secret, len, "quic hp") != 0
                 ? -1
                 : 0;
    if (rv == 0)
        rv = ngtcp2_crypto_aead_ctx_decrypt_init(&aead, &crypto->aead, key, iv_len);
    if (rv == 0 && (rv = wrap(session->conn, &aead)) != 0)
        ngtcp2_crypto_aead_ctx_free(&aead);
    if (rv == 0) {
        rv = start_header_cipher(&hp, &crypto->hp, hp_key, key_len);
        if (rv == 0)
            rv = ngtcp2_conn_install_rx_key(ng, secret, len, &aead, iv, iv_len, &hp);
        if (rv != 0) {
            delete_aead(ng, &aead, session->conn);
            ngtcp2_crypto_delete_crypto_cipher_ctx_cb(ng, &hp, session->conn);
        }
    }
    p2p_wipe(key, sizeof key);
    p2p_wipe(hp_key, sizeof hp_key);
    return rv;
}

/* --- what GnuTLS asks --- */

static int secrets(gnutls_session_t gnutls, gnutls_record_encryption_level_t at, const void *rx,
    const void *tx, size_t len) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    ngtcp2_encryption_level level = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(at);
    if (rx != NULL && level == NGTCP2_ENCRYPTION_LEVEL_1RTT) {
        if (install_1rtt(session, rx, len) != 0)
            return GNUTLS_E_INTERNAL_ERROR;
        rx = NULL;
    }
    if (rx != NULL &&
        ngtcp2_crypto_derive_and_install_rx_key(session->ng, NULL, NULL, NULL, level, rx, len) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    if (tx != NULL &&
        ngtcp2_crypto_derive_and_install_tx_key(session->ng, NULL, NULL, NULL, level, tx, len) != 0)
        return GNUTLS_E_INTERNAL_ERROR;
    return 0;
}

static int handshake_out(gnutls_session_t gnutls, gnutls_record_encryption_level_t at,
    gnutls_handshake_description_t type, const void *data, size_t len) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    if (type == GNUTLS_HANDSHAKE_CHANGE_CIPHER_SPEC)
        return 0; /* not part of TLS in QUIC (RFC 9001 §8.4) */
    return ngtcp2_conn_submit_crypto_data(session->ng,
               ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(at), data, len) == 0
               ? 0
               : GNUTLS_E_MEMORY_ERROR;
}

static int alert_out(gnutls_session_t gnutls, gnutls_record_encryption_level_t at,
    gnutls_alert_level_t level, gnutls_alert_description_t alert) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    (void)at;
    (void)level;
    ngtcp2_conn_set_tls_alert(session->ng, (uint8_t)alert);
    return 0;
}

static int parameters_in(gnutls_session_t gnutls, const unsigned char *data, size_t len) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    int rv = ngtcp2_conn_decode_and_set_remote_transport_params(session->ng, data, len);
    if (rv == 0)
        return 0;
    ngtcp2_conn_set_tls_error(session->ng, rv);
    return GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER;
}

static int parameters_out(gnutls_session_t gnutls, gnutls_buffer_t out) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    uint8_t bytes[TRANSPORT_PARAMETERS_MAX];
    ngtcp2_ssize len = ngtcp2_conn_encode_local_transport_params(session->ng, bytes, sizeof bytes);
    if (len < 0)
        return GNUTLS_E_INTERNAL_ERROR;
    p2p_writer w = p2p_writer_of(bytes + len, sizeof bytes - (size_t)len);
    if (session->conn->app->stream_received != NULL)
        p2p_reset_stream_at_put_parameter(&w);
    if (p2p_writer_end(&w) != P2P_OK)
        return GNUTLS_E_INTERNAL_ERROR;
    return gnutls_buffer_append_data(out, bytes, (size_t)len + w.len);
}

static int verify(gnutls_session_t gnutls) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(gnutls, &count);
    session->err = P2P_ERR_BAD_CERTIFICATE;
    if (chain == NULL || count != 1)
        return GNUTLS_E_CERTIFICATE_ERROR;
    session->err = session->hooks->verify(session->conn, p2p_bytes_of(chain->data, chain->size));
    return session->err == P2P_OK ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

/* The client's hello is read: what it wants to speak decides which certificate it is shown. */
static int hello_read(gnutls_session_t gnutls) {
    p2p_quic_tls_session *session = gnutls_session_get_ptr(gnutls);
    gnutls_datum_t chosen;
    if (gnutls_alpn_get_selected_protocol(gnutls, &chosen) != 0) {
        session->err = P2P_ERR_NO_PROTOCOL;
        return GNUTLS_E_NO_APPLICATION_PROTOCOL;
    }
    size_t i = 0;
    while (i < session->alpn_count && !p2p_bytes_equal(p2p_bytes_text(session->alpn[i]),
                                          p2p_bytes_of(chosen.data, chosen.size)))
        i++;
    const p2p_quic_credentials *own = NULL;
    bool demand = false;
    session->err = i < session->alpn_count
                       ? session->hooks->selected(session->conn, session->alpn[i], &own, &demand)
                       : P2P_ERR_INTERNAL;
    if (session->err != P2P_OK)
        return GNUTLS_E_INTERNAL_ERROR;
    gnutls_certificate_server_set_request(
        gnutls, demand ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    return gnutls_credentials_set(gnutls, GNUTLS_CRD_CERTIFICATE, own->gnutls);
}

/* --- sessions --- */

static int offer_alpn(p2p_quic_tls_session *session) {
    gnutls_datum_t names[P2P_QUIC_ALPN_MAX];
    for (size_t i = 0; i < session->alpn_count; i++)
        names[i] =
            (gnutls_datum_t){(uint8_t *)session->alpn[i], (unsigned)strlen(session->alpn[i])};
    return gnutls_alpn_set_protocols(
        session->gnutls, names, (unsigned)session->alpn_count, GNUTLS_ALPN_MANDATORY);
}

static int configure(p2p_quic_tls_session *session, const p2p_quic_tls_params *params) {
    gnutls_session_t gnutls = session->gnutls;
    gnutls_session_set_ptr(gnutls, session);
    gnutls_handshake_set_secret_function(gnutls, secrets);
    gnutls_handshake_set_read_function(gnutls, handshake_out);
    gnutls_alert_set_read_function(gnutls, alert_out);
    gnutls_session_set_verify_function(gnutls, verify);
    int rv = 0;
    if (params->server)
        gnutls_handshake_set_post_client_hello_function(gnutls, hello_read);
    else
        rv = gnutls_credentials_set(gnutls, GNUTLS_CRD_CERTIFICATE,
            params->own != NULL ? params->own->gnutls : params->context->none);
    if (rv != 0)
        return rv;
    rv = gnutls_priority_set(gnutls, params->context->priorities);
    if (rv == 0)
        rv = offer_alpn(session);
    if (rv != 0)
        return rv;
    return gnutls_session_ext_register(gnutls, "quic_transport_parameters",
        NGTCP2_TLSEXT_QUIC_TRANSPORT_PARAMETERS_V1, GNUTLS_EXT_TLS, parameters_in, parameters_out,
        NULL, NULL, NULL, GNUTLS_EXT_FLAG_TLS | GNUTLS_EXT_FLAG_CLIENT_HELLO | GNUTLS_EXT_FLAG_EE);
}

p2p_err p2p_quic_tls_session_new(p2p_quic_tls_session **out, const p2p_quic_tls_params *params) {
    const p2p_mem *mem = params->context->mem;
    p2p_quic_tls_session *session = p2p_mem_alloc(mem, sizeof *session);
    *out = session;
    if (session == NULL)
        return P2P_ERR_NO_MEMORY;
    session->mem = mem;
    session->conn = params->conn;
    session->ng = params->ng;
    session->hooks = params->hooks;
    session->alpn_count = params->alpn_count;
    memcpy(session->alpn, params->alpn, sizeof session->alpn);
    /* The client shows its certificate whatever authorities the server names. */
    unsigned flags = params->server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET
                                    : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT;
    int rv = gnutls_init(&session->gnutls, flags | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL);
    if (rv == 0)
        rv = configure(session, params);
    if (rv == 0) {
        ngtcp2_conn_set_tls_native_handle(params->ng, session->gnutls);
        return P2P_OK;
    }
    p2p_quic_tls_session_free(session);
    *out = NULL;
    return rv == GNUTLS_E_MEMORY_ERROR ? P2P_ERR_NO_MEMORY : P2P_ERR_CRYPTO;
}

void p2p_quic_tls_session_free(p2p_quic_tls_session *session) {
    if (session == NULL)
        return;
    if (session->gnutls != NULL)
        gnutls_deinit(session->gnutls);
    ngtcp2_conn_set_tls_native_handle(session->ng, NULL);
    p2p_mem_free(session->mem, session, sizeof *session);
}

p2p_err p2p_quic_tls_session_err(const p2p_quic_tls_session *session) {
    return session == NULL ? P2P_OK : session->err;
}

/* --- ngtcp2's callbacks --- */

static int crypto_in(ngtcp2_conn *ng, ngtcp2_encryption_level level, uint64_t offset,
    const uint8_t *data, size_t len, void *conn) {
    if (ngtcp2_conn_get_tls_native_handle(ng) == NULL)
        return 0; /* after the handshake only tickets come, which nobody wants */
    return ngtcp2_crypto_recv_crypto_data_cb(ng, level, offset, data, len, conn);
}

void p2p_quic_tls_callbacks(ngtcp2_callbacks *callbacks) {
    callbacks->client_initial = ngtcp2_crypto_client_initial_cb;
    callbacks->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    callbacks->recv_crypto_data = crypto_in;
    callbacks->recv_retry = ngtcp2_crypto_recv_retry_cb;
    callbacks->encrypt = ngtcp2_crypto_encrypt_cb;
    callbacks->decrypt = decrypt;
    callbacks->hp_mask = ngtcp2_crypto_hp_mask_cb;
    callbacks->update_key = update_key;
    callbacks->delete_crypto_aead_ctx = delete_aead;
    callbacks->delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    callbacks->version_negotiation = ngtcp2_crypto_version_negotiation_cb;
}
