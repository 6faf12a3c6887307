/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A P-256 key and a certificate signed by itself, as libp2p's peers show, for the ceilings on
 * GnuTLS. */
#ifndef P2P_BENCH_CREDENTIALS_H
#define P2P_BENCH_CREDENTIALS_H

#include <stdbool.h>
#include <time.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

static inline bool make_credentials(gnutls_certificate_credentials_t *credentials) {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
    return gnutls_x509_privkey_init(&key) == 0 &&
           gnutls_x509_privkey_generate(
               key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0 &&
           gnutls_x509_crt_init(&cert) == 0 && gnutls_x509_crt_set_version(cert, 3) == 0 &&
           gnutls_x509_crt_set_serial(cert, "1", 1) == 0 &&
           gnutls_x509_crt_set_activation_time(cert, time(NULL) - 60) == 0 &&
           gnutls_x509_crt_set_expiration_time(cert, time(NULL) + 3600) == 0 &&
           gnutls_x509_crt_set_key(cert, key) == 0 &&
           gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0) == 0 &&
           gnutls_certificate_allocate_credentials(credentials) == 0 &&
           gnutls_certificate_set_x509_key(*credentials, &cert, 1, key) == 0;
}

#endif
