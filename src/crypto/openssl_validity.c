/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The dates of a certificate, read by OpenSSL. */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "crypto/certificate.h"

enum { DAY = 24 * 3600 };

static bool seconds_of(const ASN1_TIME *time, int64_t *seconds) {
    int days, rest;
    ASN1_TIME *epoch = ASN1_TIME_new();
    bool ok = epoch != NULL && ASN1_TIME_set_string(epoch, "19700101000000Z") == 1 &&
              ASN1_TIME_diff(&days, &rest, epoch, time) == 1;
    if (ok)
        *seconds = (int64_t)days * DAY + rest;
    ASN1_TIME_free(epoch);
    return ok;
}

p2p_err p2p_certificate_validity(p2p_bytes der, int64_t *not_before, int64_t *not_after) {
    const unsigned char *at = der.ptr;
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    bool ok = x509 != NULL && at == der.ptr + der.len &&
              seconds_of(X509_get0_notBefore(x509), not_before) &&
              seconds_of(X509_get0_notAfter(x509), not_after);
    X509_free(x509);
    ERR_clear_error();
    return ok ? P2P_OK : P2P_ERR_BAD_CERTIFICATE;
}
