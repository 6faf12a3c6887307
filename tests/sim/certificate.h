/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server of WebSocket over TLS shows: a certificate that nobody vouches for. */
#ifndef P2P_SIM_CERTIFICATE_H
#define P2P_SIM_CERTIFICATE_H

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <p2p/websocket.h>

#include "sim/world.h"

typedef struct pem {
    char cert[4096], key[4096];
    size_t cert_len, key_len;
} pem;

static void make_pem(pem *out, const char *name) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    ASN1_TIME_set(X509_getm_notBefore(cert), 1700000000);
    ASN1_TIME_set(X509_getm_notAfter(cert), 1900000000);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    char alt[80];
    snprintf(alt, sizeof alt, "DNS:%s", name);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    X509_sign(cert, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    out->cert_len = (size_t)BIO_read(bio, out->cert, sizeof out->cert);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    out->key_len = (size_t)BIO_read(bio, out->key, sizeof out->key);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* One for example.org. */
static void give_certificate(node *n) {
    pem p;
    make_pem(&p, "example.org");
    check_ok(p2p_websocket_set_certificate(
        n->host, p2p_bytes_of(p.cert, p.cert_len), p2p_bytes_of(p.key, p.key_len)));
}

#endif
