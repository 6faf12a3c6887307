/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * X.509 v3 by hand (RFC 5280 §4.1, RFC 5480, RFC 5915).
 *
 * DER puts the length before the content, so the certificate is written from its end to its
 * beginning: content first, then the head that by then knows its length. Every value is shorter
 * than 65536 bytes. The serial number follows from the public key and the dates, because browsers
 * refuse two certificates of one issuer that share a number.
 */
#include "crypto/certificate.h"

#include "base/bytes.h"
#include "base/der.h"
#include "crypto/crypto.h"
#include "crypto/p256.h"

/* Whole DER values that never change. */
static const uint8_t ecdsa_with_sha256[] = {
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ec_public_key_p256[] = {0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_common_name[] = {0x06, 0x03, 0x55, 0x04, 0x03};
static const uint8_t version_3[] = {0xa0, 0x03, 0x02, 0x01, 0x02};
/* keyUsage, critical: digitalSignature; extKeyUsage: serverAuth, clientAuth. */
static const uint8_t extensions[] = {0x30, 0x0e, 0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff,
    0x04, 0x04, 0x03, 0x02, 0x07, 0x80, 0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x25, 0x04, 0x16, 0x30,
    0x14, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01, 0x06, 0x08, 0x2b, 0x06, 0x01,
    0x05, 0x05, 0x07, 0x03, 0x02};
static const uint8_t p256_name[] = {
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t ec_key_version[] = {0x02, 0x01, 0x01};

/* A block filled from its end; `at` is the first byte in use. */
typedef struct der {
    uint8_t block[P2P_CERTIFICATE_MAX];
    size_t at;
    bool full;
} der;

static void der_init(der *d) {
    d->at = sizeof d->block;
    d->full = false;
}

static void der_raw(der *d, const void *bytes, size_t len) {
    if (len > d->at) {
        d->full = true;
        return;
    }
    d->at -= len;
    p2p_copy(d->block + d->at, bytes, len);
}

static void der_byte(der *d, unsigned byte) {
    uint8_t one = (uint8_t)byte;
    der_raw(d, &one, 1);
}

/* The head for everything written since `end`, the value `at` had before. */
static void der_head(der *d, uint8_t tag, size_t end) {
    size_t len = end - d->at;
    der_byte(d, (unsigned)len & 0xff);
    if (len > 0xff)
        der_byte(d, (unsigned)(len >> 8));
    if (len > 0x7f)
        der_byte(d, len > 0xff ? 0x82 : 0x81);
    der_byte(d, tag);
}

/* A positive number without leading zeros. */
static void der_number(der *d, const uint8_t *bytes, size_t len) {
    size_t end = d->at;
    while (len > 1 && *bytes == 0) {
        bytes++;
        len--;
    }
    der_raw(d, bytes, len);
    if (*bytes & 0x80)
        der_byte(d, 0);
    der_head(d, P2P_DER_INTEGER, end);
}

static void der_bits(der *d, const void *bytes, size_t len) {
    size_t end = d->at;
    der_raw(d, bytes, len);
    der_byte(d, 0); /* no unused bits */
    der_head(d, P2P_DER_BIT_STRING, end);
}

static void der_name(der *d, p2p_bytes common_name) {
    size_t end = d->at;
    der_raw(d, common_name.ptr, common_name.len);
    der_head(d, P2P_DER_UTF8, end);
    der_raw(d, oid_common_name, sizeof oid_common_name);
    der_head(d, P2P_DER_SEQUENCE, end);
    der_head(d, P2P_DER_SET, end);
    der_head(d, P2P_DER_SEQUENCE, end);
}

static void put_digits(char *dst, int64_t value, int digits) {
    while (digits-- > 0) {
        dst[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/*
 * Years are counted from March so that the leap day is a year's last; 719468 days lie between
 * 0000-03-01 and 1970-01-01, 146097 are four centuries.
 */
static int64_t format_time(char text[16], int64_t seconds) {
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t second = seconds - days * 86400;
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t of_era = shifted % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    put_digits(text, year, 4);
    put_digits(text + 4, month, 2);
    put_digits(text + 6, of_year - (153 * march_month + 2) / 5 + 1, 2);
    put_digits(text + 8, second / 3600, 2);
    put_digits(text + 10, second / 60 % 60, 2);
    put_digits(text + 12, second % 60, 2);
    text[14] = 'Z';
    return year;
}

/* RFC 5280 §4.1.2.5: two digits of the year up to 2049, four from 2050 on. */
static void der_time(der *d, int64_t seconds) {
    size_t end = d->at;
    char text[16];
    int64_t year = format_time(text, seconds);
    if (year < 2050)
        der_raw(d, text + 2, 13);
    else
        der_raw(d, text, 15);
    der_head(d, year < 2050 ? P2P_DER_UTC_TIME : P2P_DER_GENERALIZED_TIME, end);
}

/* The part that is signed. */
static void der_to_be_signed(
    der *d, const uint8_t point[65], const p2p_certificate_subject *subject) {
    uint8_t seed[65 + 16];
    uint8_t serial[32];
    memcpy(seed, point, 65);
    p2p_store64(seed + 65, (uint64_t)subject->not_before);
    p2p_store64(seed + 73, (uint64_t)subject->not_after);
    p2p_sha256(serial, p2p_bytes_of(seed, sizeof seed));
    serial[0] = (serial[0] & 0x7f) | 0x40;

    size_t end = d->at;
    der_raw(d, extensions, sizeof extensions);
    der_head(d, P2P_DER_SEQUENCE, end);
    der_head(d, P2P_DER_CONTEXT_3, end);
    size_t key_end = d->at;
    der_bits(d, point, 65);
    der_raw(d, ec_public_key_p256, sizeof ec_public_key_p256);
    der_head(d, P2P_DER_SEQUENCE, key_end);
    der_name(d, subject->common_name);
    size_t validity_end = d->at;
    der_time(d, subject->not_after);
    der_time(d, subject->not_before);
    der_head(d, P2P_DER_SEQUENCE, validity_end);
    der_name(d, subject->common_name);
    der_raw(d, ecdsa_with_sha256, sizeof ecdsa_with_sha256);
    der_number(d, serial, 16);
    der_raw(d, version_3, sizeof version_3);
    der_head(d, P2P_DER_SEQUENCE, end);
}

static p2p_err der_signature(der *d, p2p_bytes message, const uint8_t scalar[32]) {
    uint8_t digest[32];
    uint8_t r[32];
    uint8_t s[32];
    p2p_sha256(digest, message);
    p2p_err err = p2p_p256_sign(r, s, scalar, digest);
    if (err != P2P_OK)
        return err;
    size_t end = d->at;
    der_number(d, s, sizeof s);
    der_number(d, r, sizeof r);
    der_head(d, P2P_DER_SEQUENCE, end);
    der_byte(d, 0); /* no unused bits */
    der_head(d, P2P_DER_BIT_STRING, end);
    return P2P_OK;
}

static void der_take(const der *d, uint8_t *dst, size_t *len) {
    *len = sizeof d->block - d->at;
    memcpy(dst, d->block + d->at, *len);
}

static void write_key(p2p_certificate *out, const uint8_t scalar[32], const uint8_t point[65]) {
    der d;
    der_init(&d);
    size_t end = d.at;
    der_bits(&d, point, 65);
    der_head(&d, P2P_DER_CONTEXT_1, end);
    der_raw(&d, p256_name, sizeof p256_name);
    size_t scalar_end = d.at;
    der_raw(&d, scalar, 32);
    der_head(&d, P2P_DER_OCTET_STRING, scalar_end);
    der_raw(&d, ec_key_version, sizeof ec_key_version);
    der_head(&d, P2P_DER_SEQUENCE, end);
    der_take(&d, out->key, &out->key_len);
    p2p_wipe(&d, sizeof d);
}

static p2p_err write_certificate(p2p_certificate *out, const uint8_t scalar[32],
    const uint8_t point[65], const p2p_certificate_subject *subject) {
    der inner;
    der outer;
    der_init(&inner);
    der_init(&outer);
    der_to_be_signed(&inner, point, subject);
    p2p_bytes signed_part = {inner.block + inner.at, sizeof inner.block - inner.at};
    size_t end = outer.at;
    p2p_err err = der_signature(&outer, signed_part, scalar);
    if (err != P2P_OK)
        return err;
    der_raw(&outer, ecdsa_with_sha256, sizeof ecdsa_with_sha256);
    der_raw(&outer, signed_part.ptr, signed_part.len);
    der_head(&outer, P2P_DER_SEQUENCE, end);
    if (inner.full || outer.full)
        return P2P_ERR_INTERNAL;
    der_take(&outer, out->der, &out->der_len);
    p2p_sha256(out->sha256, p2p_bytes_of(out->der, out->der_len));
    return P2P_OK;
}

/* From 48 uniform bytes. */
static p2p_err make(
    p2p_certificate *out, uint8_t wide[P2P_P256_WIDE], const p2p_certificate_subject *subject) {
    uint8_t scalar[32];
    uint8_t point[65];
    static const int64_t year_1950 = INT64_C(-631152000);
    static const int64_t year_10000 = INT64_C(253402300800);
    memset(out, 0, sizeof *out);
    if (subject->common_name.len == 0 || subject->common_name.len > P2P_CERTIFICATE_NAME_MAX ||
        subject->not_before < year_1950 || subject->not_after >= year_10000 ||
        subject->not_after < subject->not_before)
        return P2P_ERR_INVALID;
    p2p_err err = p2p_p256_scalar(scalar, wide);
    if (err == P2P_OK)
        err = p2p_p256_public(point, scalar);
    if (err == P2P_OK)
        err = write_certificate(out, scalar, point, subject);
    if (err == P2P_OK)
        write_key(out, scalar, point);
    p2p_wipe(scalar, sizeof scalar);
    return err;
}

p2p_err p2p_certificate_derive(p2p_certificate *out, p2p_bytes secret, p2p_bytes salt,
    p2p_bytes info, const p2p_certificate_subject *subject) {
    uint8_t prk[32];
    uint8_t wide[P2P_P256_WIDE];
    p2p_hkdf_extract(prk, salt, secret);
    p2p_hkdf_expand(wide, sizeof wide, prk, info);
    p2p_err err = make(out, wide, subject);
    p2p_wipe(prk, sizeof prk);
    p2p_wipe(wide, sizeof wide);
    return err;
}

p2p_err p2p_certificate_generate(
    p2p_certificate *out, const p2p_certificate_subject *subject, const p2p_random *random) {
    uint8_t wide[P2P_P256_WIDE];
    random->fill(random->ctx, wide, sizeof wide);
    p2p_err err = make(out, wide, subject);
    p2p_wipe(wide, sizeof wide);
    return err;
}

void p2p_certificate_wipe(p2p_certificate *certificate) {
    p2p_wipe(certificate, sizeof *certificate);
}
