/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p's rules for TLS (specs/tls, specs/connections/inlined-muxer-negotiation) in OpenSSL's
 * terms: version 1.3 only, both sides show one certificate, no server name, no session is ever
 * resumed (that would leave out the identities), and ALPN names the muxers.
 *
 * The peer's certificate is checked by certificate_verify.c in place of OpenSSL's path building;
 * OpenSSL itself checks that the peer holds the certificate's key. The comparison with the expected
 * peer is made there too, so a dialler stops before it shows its own certificate.
 */
#include "secure/tls_context.h"

#include <string.h>

#include <openssl/err.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "secure/certificate_form.h"
#include "stack/upgrade.h"

/* AES-128-GCM first: with the CPU's help it is the fastest, and both sides' choice of strength is
 * bounded by X25519 and Ed25519 anyway. */
static const char CIPHERS[] =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
static const char GROUPS[] = "X25519:P-256:P-384";
/* What certificate_verify.c accepts; no P-521, no SHA-1. */
static const char SIGNATURES[] =
    "ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha256:"
    "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";

/* The protocol without a muxer in it. */
#define ALPN_PLAIN P2P_LITERAL("libp2p")

enum { ALPN_OFFER_MAX = 512 };

struct p2p_tls_context {
    p2p_env_part part;
    const p2p_mem *mem;
    SSL_CTX *ctx;
    BIO_METHOD *wire_method;
};

static void free_context(p2p_env_part *part) {
    p2p_tls_context *context = P2P_CONTAINER(part, p2p_tls_context, part);
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->wire_method);
    p2p_mem_free(context->mem, context, sizeof *context);
}

/* --- the peer's certificate --- */

static p2p_err verify_x509(p2p_cert_owner *owner, X509 *x509, uint64_t wall_ms) {
    uint8_t der[P2P_CERT_DER_MAX];
    uint8_t *end = der;
    int len = i2d_X509(x509, NULL);
    if (len <= 0 || (size_t)len > sizeof der || i2d_X509(x509, &end) != len)
        return P2P_ERR_BAD_CERTIFICATE;
    return p2p_cert_verify(owner, p2p_bytes_of(der, (size_t)len), wall_ms);
}

static p2p_err check_certificate(p2p_tls_peer *peer, X509_STORE_CTX *store) {
    const p2p_secure_params *params = peer->params;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);
    X509 *x509 = X509_STORE_CTX_get0_cert(store);
    /* spec: tls #peer-authentication: abort if more than one certificate is received. */
    if (x509 == NULL || sk_X509_num(chain) != 1)
        return P2P_ERR_BAD_CERTIFICATE;
    p2p_err err = verify_x509(&peer->owner, x509, p2p_env_wall_ms(params->env));
    if (err != P2P_OK)
        return err;
    /* spec: tls #libp2p-public-key-extension: clients MUST abort the connection if the peer id is
     * another than intended. */
    if (params->expected.len > 0 && !p2p_peer_id_equal(&params->expected, &peer->owner.peer)) {
        if (params->seen != NULL)
            *params->seen = peer->owner.peer;
        return P2P_ERR_WRONG_PEER;
    }
    return P2P_OK;
}

static p2p_tls_peer *peer_of(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

static int verify(X509_STORE_CTX *store, void *unused) {
    (void)unused;
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    p2p_tls_peer *peer = peer_of(ssl);
    peer->refused = check_certificate(peer, store);
    if (peer->refused == P2P_OK)
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* the alert bad_certificate */
    return 0;
}

/* --- ALPN --- */

/* The muxer with this id; NULL if there is none. */
static const p2p_muxer *find_muxer(const p2p_muxer *const *muxers, p2p_bytes id) {
    for (; muxers != NULL && *muxers != NULL; muxers++) {
        if (p2p_bytes_equal(p2p_bytes_text((*muxers)->id), id))
            return *muxers;
    }
    return NULL;
}

/* The first of the client's list that this side has. */
/* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-tls: the server SHOULD
 * pick the first protocol from the client's list that it supports. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned int in_len, void *unused) {
    (void)unused;
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(in, in_len));
    while (c.left > 0 && c.err == P2P_OK) {
        p2p_bytes id = p2p_cursor_take(&c, p2p_cursor_u8(&c));
        if (id.len > 0 && (p2p_bytes_equal(id, ALPN_PLAIN) ||
                              find_muxer(peer_of(ssl)->params->muxers, id) != NULL)) {
            *out = id.ptr;
            *out_len = (unsigned char)id.len;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    /* spec: tls #alpn: the server MUST abort the handshake if it supports none of the protocols
     * offered. */
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool offer_alpn(SSL *ssl, const p2p_muxer *const *muxers) {
    uint8_t offer[ALPN_OFFER_MAX];
    p2p_writer w = p2p_writer_of(offer, sizeof offer);
    for (; muxers != NULL && *muxers != NULL; muxers++) {
        p2p_bytes id = p2p_bytes_text((*muxers)->id);
        p2p_writer_u8(&w, (uint8_t)id.len);
        p2p_writer_bytes(&w, id);
    }
    /* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-tls: "libp2p" MUST
     * always be the last item in the list. */
    p2p_writer_u8(&w, (uint8_t)ALPN_PLAIN.len);
    p2p_writer_bytes(&w, ALPN_PLAIN);
    /* This one function of OpenSSL says 0 for success. */
    return p2p_writer_end(&w) == P2P_OK && SSL_set_alpn_protos(ssl, offer, (unsigned)w.len) == 0;
}

const p2p_muxer *p2p_tls_muxer(const SSL *ssl, const p2p_muxer *const *muxers) {
    const unsigned char *id;
    unsigned int len;
    SSL_get0_alpn_selected(ssl, &id, &len);
    return id == NULL ? NULL : find_muxer(muxers, p2p_bytes_of(id, len));
}

/* --- the secrets --- */

/*
 * OpenSSL gives the traffic secrets away nowhere but in the lines for a key log file:
 * LABEL, client random and secret in hexadecimal digits, with spaces between.
 */
static void keep_secret(const SSL *ssl, const char *line) {
    static const char CLIENT[] = "CLIENT_TRAFFIC_SECRET_0 ";
    static const char SERVER[] = "SERVER_TRAFFIC_SECRET_0 ";
    p2p_tls_secret *secret;
    size_t len;
    if (strncmp(line, CLIENT, sizeof CLIENT - 1) == 0)
        secret = &peer_of(ssl)->client_secret;
    else if (strncmp(line, SERVER, sizeof SERVER - 1) == 0)
        secret = &peer_of(ssl)->server_secret;
    else
        return;
    const char *digits = strrchr(line, ' ') + 1;
    secret->known =
        OPENSSL_hexstr2buf_ex(secret->bytes, sizeof secret->bytes, &len, digits, '\0') == 1;
}

/* --- the context --- */

static bool set_certificate(SSL_CTX *ctx, const p2p_cert *cert) {
    return SSL_CTX_use_certificate_ASN1(ctx, (int)cert->certificate.len, cert->certificate.ptr) ==
               1 &&
           SSL_CTX_use_PrivateKey_ASN1(
               EVP_PKEY_EC, ctx, cert->private_key.ptr, (long)cert->private_key.len) == 1;
}

static bool set_rules(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ctx, P2P_CERT_DER_MAX + 64);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    SSL_CTX_set_keylog_callback(ctx, keep_secret);
    /* spec: tls #handshake-protocol: endpoints MUST NOT negotiate lower TLS versions than 1.3. */
    return SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_ciphersuites(ctx, CIPHERS) == 1 &&
           SSL_CTX_set1_groups_list(ctx, GROUPS) == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, SIGNATURES) == 1;
}

p2p_err p2p_tls_context_get(const p2p_tls_context **out, p2p_env *env, p2p_cert_waiter *waiter) {
    p2p_env_part *part = p2p_env_find_part(env, &p2p_tls);
    if (part != NULL) {
        *out = P2P_CONTAINER(part, p2p_tls_context, part);
        return P2P_OK;
    }
    const p2p_cert *cert;
    p2p_err err = p2p_cert_get(&cert, env, waiter);
    if (err != P2P_OK)
        return err;
    p2p_tls_context *context = p2p_mem_alloc(env->mem, sizeof *context);
    if (context == NULL)
        return P2P_ERR_NO_MEMORY;
    context->mem = env->mem;
    context->ctx = SSL_CTX_new(TLS_method());
    context->wire_method = p2p_tls_wire_method();
    if (context->ctx == NULL || context->wire_method == NULL || !set_rules(context->ctx) ||
        !set_certificate(context->ctx, cert)) {
        free_context(&context->part);
        return P2P_ERR_CRYPTO;
    }
    p2p_env_add_part(env, &context->part, &p2p_tls, free_context);
    *out = context;
    return P2P_OK;
}

p2p_err p2p_tls_connection_new(
    SSL **out, const p2p_tls_context *context, p2p_tls_peer *peer, p2p_tls_wire *wire) {
    SSL *ssl = SSL_new(context->ctx);
    BIO *bio = p2p_tls_wire_bio(context->wire_method, wire);
    bool ready = ssl != NULL && bio != NULL && SSL_set_app_data(ssl, peer) == 1 &&
                 (!peer->params->initiator || offer_alpn(ssl, peer->params->muxers));
    if (!ready) {
        BIO_free(bio);
        SSL_free(ssl);
        return P2P_ERR_CRYPTO;
    }
    SSL_set_bio(ssl, bio, bio); /* one reference serves both directions */
    if (peer->params->initiator)
        /* spec: tls #future-extensibility: clients MUST NOT send any value in the Server Name
         * Indication. */
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    *out = ssl;
    return P2P_OK;
}
