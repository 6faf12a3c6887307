/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/forged_cert.h"

#include <openssl/evp.h>

#include "base/cursor.h"
#include "identity/identity.h"

static const p2p_mem PLAIN = {NULL, NULL};

static EVP_PKEY *make_key(const forged_cert *how) {
    const char *type = how->key_type == NULL ? "EC" : how->key_type;
    if (strcmp(type, "EC") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, type, how->curve == NULL ? "P-256" : how->curve);
    if (strcmp(type, "RSA") == 0)
        return EVP_PKEY_Q_keygen(
            NULL, NULL, type, (size_t)(how->rsa_bits == 0 ? 2048 : how->rsa_bits));
    return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void put_der(p2p_writer *w, uint8_t tag, p2p_bytes content) {
    p2p_writer_u8(w, tag);
    if (content.len >= 256) {
        p2p_writer_u8(w, 0x82);
        p2p_writer_u8(w, (uint8_t)(content.len >> 8));
    } else if (content.len >= 128)
        p2p_writer_u8(w, 0x81);
    p2p_writer_u8(w, (uint8_t)content.len);
    p2p_writer_bytes(w, content);
}

/* The value of the libp2p extension for this key. */
static size_t signed_key(const forged_cert *how, EVP_PKEY *key, uint8_t out[512]) {
    seeded_random random;
    p2p_identity *identity;
    p2p_signature signature;
    p2p_sign_job *pending;
    uint8_t message[2048];
    uint8_t content[300];
    uint8_t *spki = NULL;
    int spki_len = i2d_PUBKEY(key, &spki);
    seeded_random_init(&random, 77);
    check_ok(p2p_identity_generate(&identity, P2P_ED25519, &PLAIN, &random.random));
    p2p_writer m = p2p_writer_of(message, sizeof message);
    p2p_writer_bytes(&m, P2P_LITERAL("libp2p-tls-handshake:"));
    p2p_writer_bytes(&m, p2p_bytes_of(spki, (size_t)spki_len));
    OPENSSL_free(spki);
    message[m.len - 1] ^= how->other_statement;
    check_ok(p2p_identity_sign(identity, &signature, &pending, p2p_writer_view(&m), NULL, NULL));
    p2p_writer c = p2p_writer_of(content, sizeof content);
    put_der(&c, 4, p2p_identity_public_key(identity));
    put_der(&c, 4, p2p_bytes_of(signature.bytes, signature.len));
    p2p_writer w = p2p_writer_of(out, 512);
    put_der(&w, 0x30, p2p_writer_view(&c));
    p2p_identity_free(identity);
    return w.len;
}

static void add_extension(
    X509 *x509, const char *oid, bool critical, const uint8_t *value, size_t len) {
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(octets, value, (int)len);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets);
    check(X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(object);
}

static void add_extensions(const forged_cert *how, X509 *x509, EVP_PKEY *key) {
    static const char OURS[] = "1.3.6.1.4.1.53594.1.1";
    uint8_t value[512] = {0};
    if (how->other || how->other_critical)
        add_extension(x509, "1.3.6.1.4.1.53594.9.9", how->other_critical, value, 4);
    if (how->no_extension)
        return;
    size_t len = signed_key(how, key, value) - how->extension_cut + how->extension_more;
    add_extension(x509, OURS, how->critical, value, len);
    if (how->twice)
        add_extension(x509, OURS, how->critical, value, len);
}

/* Signs as version 1, which X509_sign of newer OpenSSL will not do for a certificate with
 * extensions: the parts are put together by hand. */
static int sign_version_1(X509 *x509, EVP_PKEY *signer, uint8_t *out, size_t cap) {
    uint8_t *tbs = NULL, *algorithm = NULL;
    uint8_t signature[256] = {0}; /* begins with the number of unused bits */
    size_t signature_len = sizeof signature - 1;
    const X509_ALGOR *known;
    check(X509_set_version(x509, X509_VERSION_1) == 1);
    X509_get0_signature(NULL, &known, x509);
    int tbs_len = i2d_re_X509_tbs(x509, &tbs);
    int algorithm_len = i2d_X509_ALGOR(known, &algorithm);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    check(tbs_len > 0 && algorithm_len > 0 &&
          EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signer) == 1 &&
          EVP_DigestSign(ctx, signature + 1, &signature_len, tbs, (size_t)tbs_len) == 1);
    uint8_t content[2048];
    p2p_writer c = p2p_writer_of(content, sizeof content);
    p2p_writer_bytes(&c, p2p_bytes_of(tbs, (size_t)tbs_len));
    p2p_writer_bytes(&c, p2p_bytes_of(algorithm, (size_t)algorithm_len));
    put_der(&c, 3, p2p_bytes_of(signature, signature_len + 1));
    p2p_writer w = p2p_writer_of(out, cap);
    put_der(&w, 0x30, p2p_writer_view(&c));
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(tbs);
    OPENSSL_free(algorithm);
    return (int)w.len;
}

size_t forge_cert(const forged_cert *how, uint8_t *out, size_t cap, EVP_PKEY **take_key) {
    EVP_PKEY *key = make_key(how);
    EVP_PKEY *signer = how->other_signer ? make_key(how) : key;
    X509 *x509 = X509_new();
    check(key != NULL && x509 != NULL);
    check(X509_set_version(x509, X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 5);
    ASN1_TIME_set_string_X509(
        X509_getm_notBefore(x509), how->not_before == NULL ? "20230101000000Z" : how->not_before);
    ASN1_TIME_set_string_X509(
        X509_getm_notAfter(x509), how->not_after == NULL ? "20240101000000Z" : how->not_after);
    check(X509_set_pubkey(x509, key) == 1);
    add_extensions(how, x509, key);
    bool eddsa = how->key_type != NULL && strncmp(how->key_type, "ED", 2) == 0;
    const char *digest = how->digest == NULL ? "SHA256" : how->digest;
    check(X509_sign(x509, signer, eddsa ? NULL : EVP_get_digestbyname(digest)) > 0);
    uint8_t *at = out;
    int len = i2d_X509(x509, NULL);
    check(len > 0 && (size_t)len <= cap && i2d_X509(x509, &at) == len);
    if (how->version_1)
        len = sign_version_1(x509, signer, out, cap);
    X509_free(x509);
    if (signer != key)
        EVP_PKEY_free(signer);
    if (take_key != NULL)
        *take_key = key;
    else
        EVP_PKEY_free(key);
    return (size_t)len;
}
