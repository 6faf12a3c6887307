/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TLS 1.2 and 1.3 with certificates of the public kind (RFC 8446, RFC 5246, RFC 9525), over the
 * records of tls_pump.c.
 *
 * A host has one context for each role. A new certificate makes a new context: OpenSSL counts who
 * uses the old one, so connections keep theirs. Sessions are never resumed: connections are few and
 * long, and tickets would be state to keep.
 */
#include "secure/web_tls.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "secure/tls_pump.h"

/* TLS 1.2: forward secrecy and AEAD only, which is also what tls_pump.c expects of a record. */
static const char CIPHERS_12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

static const uint8_t ALPN[] = "\x08http/1.1";

typedef struct web_part {
    p2p_env_part part;
    const p2p_mem *mem;
    BIO_METHOD *wire_method;
    SSL_CTX *server; /* NULL: no certificate was given */
    SSL_CTX *client; /* NULL until it is needed */
    bool authorities;
} web_part;

typedef struct web_layer {
    p2p_layer layer;
    p2p_tls_pump pump;
    const p2p_mem *mem;
    char *why;
    bool client;
    bool begun; /* the first byte came */
} web_layer;

static const char OWNER; /* its address is the part's name */

/* --- contexts --- */

static void free_part(p2p_env_part *part) {
    web_part *web = P2P_CONTAINER(part, web_part, part);
    SSL_CTX_free(web->server);
    SSL_CTX_free(web->client);
    BIO_meth_free(web->wire_method);
    p2p_mem_free(web->mem, web, sizeof *web);
}

static web_part *part_of(p2p_env *env) {
    p2p_env_part *found = p2p_env_find_part(env, &OWNER);
    if (found != NULL)
        return P2P_CONTAINER(found, web_part, part);
    web_part *web = p2p_mem_alloc(env->mem, sizeof *web);
    if (web == NULL)
        return NULL;
    web->mem = env->mem;
    web->wire_method = p2p_tls_wire_method();
    if (web->wire_method == NULL) {
        p2p_mem_free(env->mem, web, sizeof *web);
        return NULL;
    }
    p2p_env_add_part(env, &web->part, &OWNER, free_part);
    return web;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *unused) {
    (void)ssl;
    (void)unused;
    unsigned char *chosen;
    /* Without http/1.1 in the client's list none is chosen: some clients then speak it anyway. */
    if (SSL_select_next_proto(&chosen, out_len, ALPN, sizeof ALPN - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_context(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_cipher_list(ctx, CIPHERS_12) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* --- the server's certificate --- */

/* Without this OpenSSL would ask at the terminal. */
static int no_password(char *buf, int size, int writing, void *unused) {
    (void)buf;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

static bool use_chain(SSL_CTX *ctx, BIO *pem) {
    X509 *cert = PEM_read_bio_X509(pem, NULL, no_password, NULL);
    bool ok = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;
    X509_free(cert);
    while (ok && (cert = PEM_read_bio_X509(pem, NULL, no_password, NULL)) != NULL) {
        ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
        if (!ok)
            X509_free(cert);
    }
    return ok;
}

static bool use_key(SSL_CTX *ctx, BIO *pem) {
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
    bool ok =
        key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    EVP_PKEY_free(key);
    return ok;
}

p2p_err p2p_web_tls_set_certificate(p2p_env *env, p2p_bytes cert, p2p_bytes key) {
    enum { PEM_MAX = 1 << 20 };

    if (cert.len > PEM_MAX || key.len > PEM_MAX)
        return P2P_ERR_INVALID;
    web_part *web = part_of(env);
    SSL_CTX *ctx = new_context();
    BIO *cert_pem = BIO_new_mem_buf(cert.ptr, (int)cert.len);
    BIO *key_pem = BIO_new_mem_buf(key.ptr, (int)key.len);
    p2p_err err = P2P_ERR_NO_MEMORY;
    if (web != NULL && ctx != NULL && cert_pem != NULL && key_pem != NULL) {
        err = P2P_ERR_INVALID;
        if (use_chain(ctx, cert_pem) && use_key(ctx, key_pem)) {
            SSL_CTX_free(web->server);
            web->server = ctx;
            ctx = NULL;
            err = P2P_OK;
        }
    }
    BIO_free(cert_pem);
    BIO_free(key_pem);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return err;
}

bool p2p_web_tls_has_certificate(const p2p_env *env) {
    const p2p_env_part *found = p2p_env_find_part(env, &OWNER);
    return found != NULL && P2P_CONTAINER(found, web_part, part)->server != NULL;
}

/* --- the client's rules --- */

static SSL_CTX *client_context(web_part *web, bool insecure) {
    if (web->client == NULL)
        web->client = new_context();
    if (web->client == NULL || insecure || web->authorities)
        return web->client;
    /* The only place where the library reads files: the authorities that the system trusts. */
    web->authorities = SSL_CTX_set_default_verify_paths(web->client) == 1;
    return web->client;
}

/* The certificate must be for this name or IP address, at the host's time. */
static bool expect(SSL *ssl, const p2p_web_tls_params *params) {
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    bool is_ip = X509_VERIFY_PARAM_set1_ip_asc(rules, params->server) == 1;
    ERR_clear_error();
    bool named = is_ip || (SSL_set_tlsext_host_name(ssl, params->server) == 1 &&
                              X509_VERIFY_PARAM_set1_host(rules, params->server, 0) == 1);
    /* This one function of OpenSSL says 0 for success. */
    if (!named || SSL_set_alpn_protos(ssl, ALPN, sizeof ALPN - 1) != 0)
        return false;
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set_time(rules, (time_t)(p2p_env_wall_ms(params->env) / 1000));
    SSL_set_verify(ssl, params->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    return true;
}

/* --- the pump's rules --- */

static p2p_err shaken(p2p_tls_pump *pump) {
    p2p_wire_wake(pump->layer->wire); /* what stands above has waited with its first words */
    return P2P_OK;
}

static p2p_err refused(const p2p_tls_pump *pump) {
    const web_layer *web = P2P_CONTAINER(pump, web_layer, pump);
    long result = SSL_get_verify_result(pump->ssl);
    if (!web->client || SSL_get_verify_mode(pump->ssl) == SSL_VERIFY_NONE || result == X509_V_OK)
        return P2P_OK;
    snprintf(web->why, P2P_WEB_TLS_WHY_MAX, "the server's TLS certificate was not accepted: %s",
        X509_verify_cert_error_string(result));
    return P2P_ERR_BAD_CERTIFICATE;
}

static void note_alert(const p2p_tls_pump *pump, int alert) {
    const web_layer *web = P2P_CONTAINER(pump, web_layer, pump);
    snprintf(web->why, P2P_WEB_TLS_WHY_MAX, "the %s ended TLS with the alert: %s",
        web->client ? "server" : "client", SSL_alert_desc_string_long(alert));
}

static const p2p_tls_rules RULES = {shaken, refused, note_alert};

/* --- the layer --- */

/* Another protocol's first bytes could pass for the head of a long record, to be waited for. */
static bool begins_tls(uint8_t first) {
    return first == SSL3_RT_HANDSHAKE || first == SSL3_RT_ALERT;
}

static p2p_err web_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    web_layer *web = P2P_CONTAINER(layer, web_layer, layer);
    bool shaking = web->pump.shaking;
    p2p_err err = web->begun || begins_tls(data[0]) ? p2p_tls_pump_feed(&web->pump, data, len)
                                                    : P2P_ERR_MALFORMED;
    web->begun = true;
    if (shaking && web->pump.shaking && web->why[0] == '\0' &&
        (err == P2P_ERR_MALFORMED || err == P2P_ERR_VIOLATION))
        snprintf(web->why, P2P_WEB_TLS_WHY_MAX, "the %s does not speak TLS, or none that fits",
            web->client ? "server" : "client");
    return err;
}

static p2p_err web_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    return p2p_tls_pump_draw(&P2P_CONTAINER(layer, web_layer, layer)->pump, dst, cap, len);
}

static p2p_err web_eof(p2p_layer *layer) {
    return p2p_tls_pump_eof(&P2P_CONTAINER(layer, web_layer, layer)->pump);
}

static void web_shut(p2p_layer *layer) {
    P2P_CONTAINER(layer, web_layer, layer)->pump.ending = true;
}

static void web_free(p2p_layer *layer) {
    web_layer *web = P2P_CONTAINER(layer, web_layer, layer);
    p2p_tls_pump_deinit(&web->pump);
    p2p_mem_free(web->mem, web, sizeof *web);
}

static const p2p_layer_ops WEB_OPS = {"wss", web_feed, web_draw, web_eof, web_free, web_shut};

static p2p_err start(web_layer *web, const p2p_web_tls_params *params, web_part *part) {
    SSL_CTX *ctx = web->client ? client_context(part, params->insecure) : part->server;
    if (ctx == NULL)
        return web->client ? P2P_ERR_CRYPTO : P2P_ERR_STATE;
    p2p_tls_pump *pump = &web->pump;
    pump->ssl = SSL_new(ctx);
    BIO *bio = p2p_tls_wire_bio(part->wire_method, &pump->wire);
    if (pump->ssl == NULL || bio == NULL || (web->client && !expect(pump->ssl, params))) {
        BIO_free(bio);
        return P2P_ERR_CRYPTO;
    }
    SSL_set_bio(pump->ssl, bio, bio);
    if (!web->client) {
        SSL_set_accept_state(pump->ssl);
        return P2P_OK;
    }
    SSL_set_connect_state(pump->ssl);
    return p2p_tls_pump_handshake(pump);
}

p2p_err p2p_web_tls_new(p2p_layer **out, const p2p_web_tls_params *params) {
    const p2p_mem *mem = params->env->mem;
    *out = NULL;
    web_part *part = part_of(params->env);
    web_layer *web = part == NULL ? NULL : p2p_mem_alloc(mem, sizeof *web);
    if (web == NULL)
        return P2P_ERR_NO_MEMORY;
    web->layer = (p2p_layer){.ops = &WEB_OPS, .wire = params->wire};
    web->mem = mem;
    web->why = params->why;
    web->client = params->server != NULL;
    p2p_tls_pump_init(&web->pump, &RULES, &web->layer, mem);
    p2p_err err = start(web, params, part);
    if (err != P2P_OK) {
        web_free(&web->layer);
        return err;
    }
    *out = &web->layer;
    return P2P_OK;
}
