/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/certificate.h"

#define SECRET P2P_LITERAL("the secret of a host, 32 bytes..")
#define INFO P2P_LITERAL("a test's info")

static p2p_certificate_subject century(void) {
    return (p2p_certificate_subject){
        P2P_LITERAL("libp2p-webrtc-direct"), P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
}

static X509 *parse(const p2p_certificate *certificate) {
    const uint8_t *at = certificate->der;
    X509 *x509 = d2i_X509(NULL, &at, (long)certificate->der_len);
    check(x509 != NULL && at == certificate->der + certificate->der_len);
    return x509;
}

static void check_time(const ASN1_TIME *time, const char *want, int type) {
    check(ASN1_STRING_type(time) == type);
    check_same(p2p_bytes_of(ASN1_STRING_get0_data(time), (size_t)ASN1_STRING_length(time)),
        p2p_bytes_text(want));
}

static void openssl_reads_and_verifies_it(void **state) {
    (void)state;
    p2p_certificate certificate;
    p2p_certificate_subject subject = century();
    check_ok(p2p_certificate_derive(&certificate, SECRET, (p2p_bytes){0}, INFO, &subject));
    X509 *x509 = parse(&certificate);
    const uint8_t *at = certificate.key;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)certificate.key_len);
    check(key != NULL && at == certificate.key + certificate.key_len);
    check(X509_check_private_key(x509, key) == 1);
    check(X509_verify(x509, key) == 1);
    check(X509_get_version(x509) == X509_VERSION_3);
    check(X509_get_key_usage(x509) == KU_DIGITAL_SIGNATURE);
    check(X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0);
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, (int)sizeof name);
    check(strcmp(name, "libp2p-webrtc-direct") == 0);
    check_time(X509_get0_notBefore(x509), "200101000000Z", V_ASN1_UTCTIME);
    check_time(X509_get0_notAfter(x509), "21200101000000Z", V_ASN1_GENERALIZEDTIME);
    uint8_t *again = NULL;
    int len = i2d_X509(x509, &again);
    check_same(
        p2p_bytes_of(again, (size_t)len), p2p_bytes_of(certificate.der, certificate.der_len));
    OPENSSL_free(again);
    EVP_PKEY_free(key);
    X509_free(x509);
    p2p_certificate_wipe(&certificate);
    check(certificate.der_len == 0 && certificate.key_len == 0);
}

static void the_same_secret_gives_the_same_bytes(void **state) {
    (void)state;
    p2p_certificate a;
    p2p_certificate b;
    p2p_certificate_subject subject = century();
    check_ok(p2p_certificate_derive(&a, SECRET, (p2p_bytes){0}, INFO, &subject));
    check_ok(p2p_certificate_derive(&b, SECRET, (p2p_bytes){0}, INFO, &subject));
    check(memcmp(&a, &b, sizeof a) == 0);
    /* The published address of a host with this secret; it must never change. */
    check_bytes(p2p_bytes_of(a.sha256, 32),
        "97c8a14a59678f1c5b92831c0912b101eb89740387411df7710bd352f1f0b617");
    check_ok(p2p_certificate_derive(&b, SECRET, P2P_LITERAL("salt"), INFO, &subject));
    check(memcmp(a.key, b.key, a.key_len) != 0);
    subject.not_after++;
    check_ok(p2p_certificate_derive(&b, SECRET, (p2p_bytes){0}, INFO, &subject));
    check(memcmp(a.sha256, b.sha256, 32) != 0);
}

static void every_date_is_written_as_openssl_reads_it(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 7);
    static const int64_t special[] = {-1, 0, 951782400 /* 2000-02-29 */, 2524607999 /* 2049 ends */,
        2524608000, 4107542399 /* 2100-02-28 ends: no leap year */, 4107542400, 253402300799};
    for (int i = 0; i < 300; i++) {
        p2p_certificate certificate;
        int64_t when = i < 8 ? special[i] : (int64_t)(seeded_random_next(&random) % 8000000000);
        p2p_certificate_subject subject = {P2P_LITERAL("x"), when, when};
        check_ok(p2p_certificate_derive(&certificate, SECRET, (p2p_bytes){0}, INFO, &subject));
        X509 *x509 = parse(&certificate);
        check(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x509), (time_t)when) == 0);
        check(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x509), (time_t)when) == 0);
        check(ASN1_STRING_type(X509_get0_notAfter(x509)) ==
              (when < 2524608000 ? V_ASN1_UTCTIME : V_ASN1_GENERALIZEDTIME));
        X509_free(x509);
    }
}

static void fresh_keys_differ_and_bad_subjects_are_invalid(void **state) {
    (void)state;
    seeded_random random;
    p2p_certificate a;
    p2p_certificate b;
    p2p_certificate_subject subject = century();
    seeded_random_init(&random, 7);
    check_ok(p2p_certificate_generate(&a, &subject, &random.random));
    check_ok(p2p_certificate_generate(&b, &subject, &random.random));
    check(memcmp(a.sha256, b.sha256, 32) != 0);
    char name[65];
    memset(name, 'n', sizeof name);
    subject.common_name = p2p_bytes_of(name, 64);
    check_ok(p2p_certificate_generate(&a, &subject, &random.random));
    X509_free(parse(&a));
    subject.common_name = p2p_bytes_of(name, 65);
    check_err(P2P_ERR_INVALID, p2p_certificate_generate(&a, &subject, &random.random));
    subject.common_name.len = 0;
    check_err(P2P_ERR_INVALID, p2p_certificate_generate(&a, &subject, &random.random));
    subject = century();
    subject.not_after = subject.not_before - 1;
    check_err(P2P_ERR_INVALID, p2p_certificate_generate(&a, &subject, &random.random));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_reads_and_verifies_it),
        cmocka_unit_test(the_same_secret_gives_the_same_bytes),
        cmocka_unit_test(every_date_is_written_as_openssl_reads_it),
        cmocka_unit_test(fresh_keys_differ_and_bad_subjects_are_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
