/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "crypto/certificate.h"
#include "crypto/x509.h"

static p2p_certificate made(int64_t not_before, int64_t not_after) {
    p2p_certificate certificate;
    const p2p_certificate_subject subject = {P2P_LITERAL("a test"), not_before, not_after};
    check_ok(p2p_certificate_derive(
        &certificate, P2P_LITERAL("secret"), (p2p_bytes){0}, P2P_LITERAL("info"), &subject));
    return certificate;
}

static p2p_x509 taken_apart(const p2p_certificate *certificate) {
    p2p_x509 x509;
    check_ok(p2p_x509_read(&x509, p2p_bytes_of(certificate->der, certificate->der_len)));
    return x509;
}

/* 1950, 1970, a leap day, the last second of UTCTime, the first of GeneralizedTime, 9999. */
static void dates_are_read_as_they_were_written(void **state) {
    (void)state;
    static const int64_t dates[] = {-631152000, -1, 0, 951782400, 951868799, 951868800, 1709164800,
        INT64_C(2524607999), INT64_C(2524608000), INT64_C(4107542400), INT64_C(253402300799)};
    for (size_t i = 0; i + 1 < P2P_COUNT(dates); i++) {
        p2p_certificate certificate = made(dates[i], dates[i + 1]);
        p2p_x509 x509 = taken_apart(&certificate);
        check(x509.not_before == dates[i] && x509.not_after == dates[i + 1]);
    }
}

static void the_signature_covers_everything(void **state) {
    (void)state;
    p2p_certificate certificate = made(0, 1000000000);
    for (size_t i = 0; i < certificate.der_len; i++) {
        p2p_x509 x509;
        p2p_bytes der = p2p_bytes_of(certificate.der, certificate.der_len);
        certificate.der[i] ^= 1;
        check(p2p_x509_read(&x509, der) != P2P_OK || p2p_x509_signed_itself(&x509) != P2P_OK);
        certificate.der[i] ^= 1;
    }
    p2p_x509 x509 = taken_apart(&certificate);
    check_ok(p2p_x509_signed_itself(&x509));
}

static void cut_and_lengthened_it_is_refused(void **state) {
    (void)state;
    uint8_t longer[P2P_CERTIFICATE_MAX + 1] = {0};
    p2p_x509 x509;
    p2p_certificate certificate = made(0, 1000000000);
    memcpy(longer, certificate.der, certificate.der_len);
    for (size_t len = 0; len <= certificate.der_len + 1; len++)
        check(len == certificate.der_len ||
              p2p_x509_read(&x509, p2p_bytes_of(longer, len)) == P2P_ERR_BAD_CERTIFICATE);
}

static void extensions_come_one_by_one(void **state) {
    (void)state;
    p2p_certificate certificate = made(0, 1000000000);
    p2p_x509 x509 = taken_apart(&certificate);
    p2p_x509_extension extension;
    p2p_cursor at = p2p_cursor_of(x509.extensions);
    check(p2p_x509_extension_next(&at, &extension));
    check_same(extension.oid, P2P_LITERAL("\x55\x1d\x0f")); /* keyUsage */
    check_same(extension.value, P2P_LITERAL("\x03\x02\x07\x80"));
    check(extension.critical);
    check(p2p_x509_extension_next(&at, &extension));
    check_same(extension.oid, P2P_LITERAL("\x55\x1d\x25")); /* extKeyUsage */
    check(!extension.critical && extension.value.len == 22);
    check(!p2p_x509_extension_next(&at, &extension));
    check_ok(p2p_cursor_end(&at));
}

/* X.690 §11.1 and §11.5: TRUE is 0xff, and a default is left out. */
static void a_critical_mark_is_true_or_absent(void **state) {
    (void)state;
    static const char *const bad[] = {"300b0603551d0f01010004010a", "300b0603551d0f01010104010a",
        "300a0603551d0f010004010a", "300c0603551d0f0101ff04010a00", "30050603551d0f"};
    for (size_t i = 0; i < P2P_COUNT(bad); i++) {
        uint8_t bytes[32];
        p2p_x509_extension extension;
        p2p_cursor at = p2p_cursor_of(p2p_bytes_of(bytes, from_hex(bad[i], bytes, sizeof bytes)));
        check(!p2p_x509_extension_next(&at, &extension));
        check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&at));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read_as_they_were_written),
        cmocka_unit_test(the_signature_covers_everything),
        cmocka_unit_test(cut_and_lengthened_it_is_refused),
        cmocka_unit_test(extensions_come_one_by_one),
        cmocka_unit_test(a_critical_mark_is_true_or_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
