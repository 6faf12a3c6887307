/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The host's own libp2p certificate (specs/tls #peer-authentication): a fresh ECDSA P-256 key,
 * signed by itself, with the identity key's signature of it in an extension. It is made once for a
 * host and serves every connection of TLS and QUIC; the identity key signs once.
 *
 * The dates are the same for all hosts, from 1975 to 4096, as rust-libp2p writes them: they hold on
 * machines without a clock and say nothing about when the host was started.
 */
#include "secure/certificate.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/der.h"
#include "base/mem.h"
#include "identity/identity.h"
#include "secure/certificate_form.h"

static const char NOT_BEFORE[] = "19750101000000Z";
static const char NOT_AFTER[] = "40960101000000Z";

enum { SERIAL_LEN = 8, EXTENSION_MAX = P2P_PUBLIC_KEY_MAX + P2P_SIGNATURE_MAX + 16 };

typedef enum cert_state { UNSIGNED, SIGNING, MADE } cert_state;

typedef struct host_cert {
    p2p_env_part part;
    p2p_env *env;
    EVP_PKEY *key; /* until the certificate is made */
    cert_state state;
    p2p_sign_job *pending; /* while SIGNING */
    p2p_list waiting;
    p2p_cert cert;
} host_cert;

/* Its address is the environment part's owner. */
static const char OWNER[] = "libp2p certificate";

static void free_host_cert(p2p_env_part *part) {
    host_cert *host = P2P_CONTAINER(part, host_cert, part);
    const p2p_mem *mem = host->env->mem;
    if (host->state == SIGNING)
        p2p_sign_cancel(host->pending);
    EVP_PKEY_free(host->key);
    uint8_t *secret = (uint8_t *)host->cert.private_key.ptr;
    if (secret != NULL)
        p2p_wipe(secret, host->cert.private_key.len);
    p2p_mem_free(mem, secret, host->cert.private_key.len);
    p2p_mem_free(mem, (uint8_t *)host->cert.certificate.ptr, host->cert.certificate.len);
    p2p_mem_free(mem, host, sizeof *host);
}

/* --- the extension --- */

static void put_octets(p2p_writer *w, p2p_bytes bytes) {
    p2p_der_put_head(w, P2P_DER_OCTET_STRING, bytes.len);
    p2p_writer_bytes(w, bytes);
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static void put_signed_key(p2p_writer *w, p2p_bytes public_key, p2p_bytes signature) {
    p2p_writer content = p2p_writer_of(NULL, 0);
    put_octets(&content, public_key);
    put_octets(&content, signature);
    p2p_der_put_head(w, P2P_DER_SEQUENCE, content.len);
    put_octets(w, public_key);
    put_octets(w, signature);
}

static bool add_extension(X509 *x509, p2p_bytes public_key, p2p_bytes signature) {
    uint8_t value[EXTENSION_MAX];
    p2p_writer w = p2p_writer_of(value, sizeof value);
    put_signed_key(&w, public_key, signature);
    p2p_bytes oid = P2P_CERT_EXTENSION_OID;
    ASN1_OBJECT *object = ASN1_OBJECT_create(0, (uint8_t *)oid.ptr, (int)oid.len, NULL, NULL);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    bool added = p2p_writer_end(&w) == P2P_OK && object != NULL && octets != NULL &&
                 ASN1_OCTET_STRING_set(octets, value, (int)w.len) == 1 &&
                 X509_EXTENSION_create_by_OBJ(&extension, object, 0, octets) != NULL &&
                 X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
    return added;
}

/* --- the certificate --- */

static bool set_name(X509 *x509) {
    X509_NAME *name = X509_get_subject_name(x509);
    return X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const uint8_t *)"libp2p", -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1;
}

static bool set_serial(X509 *x509, const p2p_random *random) {
    uint8_t serial[SERIAL_LEN];
    random->fill(random->ctx, serial, sizeof serial);
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), (p2p_load64(serial) >> 1) | 1) == 1;
}

static bool set_dates(X509 *x509) {
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), NOT_BEFORE) == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), NOT_AFTER) == 1;
}

static X509 *make_x509(const host_cert *host, p2p_bytes signature) {
    X509 *x509 = X509_new();
    p2p_bytes public_key = p2p_identity_public_key(host->env->identity);
    bool made = x509 != NULL && X509_set_version(x509, X509_VERSION_3) == 1 &&
                set_serial(x509, host->env->random) && set_name(x509) && set_dates(x509) &&
                X509_set_pubkey(x509, host->key) == 1 &&
                add_extension(x509, public_key, signature) &&
                X509_sign(x509, host->key, EVP_sha256()) > 0;
    if (made)
        return x509;
    X509_free(x509);
    return NULL;
}

/* Copies what an i2d function made, and wipes the original. */
static p2p_err keep(p2p_bytes *out, const p2p_mem *mem, uint8_t *take_der, int len) {
    if (len <= 0)
        return P2P_ERR_CRYPTO;
    *out = p2p_bytes_of(p2p_mem_copy(mem, p2p_bytes_of(take_der, (size_t)len)), (size_t)len);
    OPENSSL_clear_free(take_der, (size_t)len);
    if (out->ptr != NULL)
        return P2P_OK;
    out->len = 0;
    return P2P_ERR_NO_MEMORY;
}

static p2p_err keep_key(host_cert *host) {
    uint8_t *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(host->key);
    int len = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return keep(&host->cert.private_key, host->env->mem, der, len);
}

static p2p_err make(host_cert *host, p2p_bytes signature) {
    uint8_t *der = NULL;
    X509 *x509 = make_x509(host, signature);
    int len = x509 == NULL ? 0 : i2d_X509(x509, &der);
    X509_free(x509);
    p2p_err err = keep(&host->cert.certificate, host->env->mem, der, len);
    if (err == P2P_OK)
        err = keep_key(host);
    if (err == P2P_OK) {
        host->state = MADE;
        EVP_PKEY_free(host->key);
        host->key = NULL;
        return P2P_OK;
    }
    p2p_mem_free(host->env->mem, (uint8_t *)host->cert.certificate.ptr, host->cert.certificate.len);
    host->cert = (p2p_cert){0};
    return err;
}

/* --- the host's --- */

static p2p_err statement(uint8_t out[P2P_CERT_STATEMENT_MAX], size_t *len, EVP_PKEY *key) {
    uint8_t *der = NULL;
    int der_len = i2d_PUBKEY(key, &der);
    if (der_len <= 0)
        return P2P_ERR_CRYPTO;
    p2p_writer w = p2p_writer_of(out, P2P_CERT_STATEMENT_MAX);
    p2p_writer_bytes(&w, P2P_LITERAL(P2P_CERT_STATEMENT));
    p2p_writer_bytes(&w, p2p_bytes_of(der, (size_t)der_len));
    OPENSSL_free(der);
    *len = w.len;
    return p2p_writer_end(&w);
}

/* The key comes from the host's own randomness, by way of the signing keys. */
static p2p_err make_key(EVP_PKEY **out, const p2p_random *random) {
    p2p_sigkey *sigkey;
    uint8_t der[256];
    size_t len;
    p2p_err err = p2p_sigkey_generate(&sigkey, P2P_KEY_ECDSA, random);
    if (err != P2P_OK)
        return err;
    err = p2p_sigkey_private(sigkey, der, sizeof der, &len);
    p2p_sigkey_free(sigkey);
    if (err == P2P_OK) {
        const uint8_t *at = der;
        *out = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, (long)len);
        err = *out != NULL ? P2P_OK : P2P_ERR_CRYPTO;
    }
    p2p_wipe(der, sizeof der);
    return err;
}

static void signature_made(void *ctx, p2p_err err, p2p_bytes signature) {
    host_cert *host = ctx;
    host->state = UNSIGNED;
    if (err == P2P_OK)
        err = make(host, signature);
    /* A waiter that asks again during this loop must not be called by it. */
    p2p_list due;
    p2p_list_init(&due);
    for (p2p_list *node; (node = p2p_list_pop(&host->waiting)) != NULL;)
        p2p_list_push(&due, node);
    for (p2p_list *node; (node = p2p_list_pop(&due)) != NULL;) {
        p2p_cert_waiter *waiter = P2P_CONTAINER(node, p2p_cert_waiter, node);
        waiter->ready(waiter, err);
    }
}

static p2p_err sign(host_cert *host) {
    uint8_t message[P2P_CERT_STATEMENT_MAX];
    size_t len;
    p2p_signature signature;
    p2p_err err = statement(message, &len, host->key);
    if (err == P2P_OK)
        err = p2p_identity_sign(host->env->identity, &signature, &host->pending,
            p2p_bytes_of(message, len), signature_made, host);
    if (err == P2P_ERR_AGAIN)
        host->state = SIGNING;
    return err == P2P_OK ? make(host, p2p_bytes_of(signature.bytes, signature.len)) : err;
}

static p2p_err host_cert_new(host_cert **out, p2p_env *env) {
    host_cert *host = p2p_mem_alloc(env->mem, sizeof *host);
    if (host == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = make_key(&host->key, env->random);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, host, sizeof *host);
        return err;
    }
    host->env = env;
    p2p_list_init(&host->waiting);
    p2p_env_add_part(env, &host->part, OWNER, free_host_cert);
    *out = host;
    return P2P_OK;
}

p2p_err p2p_cert_get(const p2p_cert **cert, p2p_env *env, p2p_cert_waiter *waiter) {
    p2p_env_part *part = p2p_env_find_part(env, OWNER);
    host_cert *host = part == NULL ? NULL : P2P_CONTAINER(part, host_cert, part);
    p2p_err err = host == NULL ? host_cert_new(&host, env) : P2P_OK;
    if (err != P2P_OK)
        return err;
    if (host->state == UNSIGNED)
        err = sign(host);
    else if (host->state == SIGNING)
        err = P2P_ERR_AGAIN;
    if (err == P2P_ERR_AGAIN && waiter != NULL)
        p2p_list_push(&host->waiting, &waiter->node);
    *cert = &host->cert;
    return err;
}
