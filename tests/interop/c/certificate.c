/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "certificate.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <p2p/websocket.h>

p2p_err show_certificate(p2p_host *host) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 7 * 24 * 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
        (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(cert, key, EVP_sha256());
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert_pem, cert);
    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    char *cert_text, *key_text;
    long cert_len = BIO_get_mem_data(cert_pem, &cert_text);
    long key_len = BIO_get_mem_data(key_pem, &key_text);
    p2p_err err =
        p2p_websocket_set_certificate(host, (p2p_bytes){(uint8_t *)cert_text, (size_t)cert_len},
            (p2p_bytes){(uint8_t *)key_text, (size_t)key_len});
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return err;
}
