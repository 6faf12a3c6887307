/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The form of a certificate. It is read here and not by OpenSSL because every inbound connection of
 * TLS and QUIC brings one, and OpenSSL 3.0 takes longer to look up its decoders than to check the
 * signature.
 */
#include "crypto/x509.h"

#include "base/bytes.h"
#include "base/der.h"

static const uint8_t version_3[] = {0x02, 0x01, 0x02};

/* --- dates --- */

static int digits(p2p_cursor *c, int count) {
    int value = 0;
    while (count-- > 0) {
        uint8_t digit = p2p_cursor_u8(c);
        if (digit < '0' || digit > '9')
            p2p_cursor_fail(c);
        value = value * 10 + (digit - '0');
    }
    return c->err == P2P_OK ? value : 0;
}

/* What lies between `low` and `high`, in two digits. */
static int two_digits(p2p_cursor *c, int low, int high) {
    int value = digits(c, 2);
    if (value < low || value > high)
        p2p_cursor_fail(c);
    return value;
}

/* Days from 1970-01-01. Years are counted from March, so that the leap day is a year's last. */
static int64_t days_from(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t march_month = (month + 9) % 12;
    int64_t of_year = (153 * march_month + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

/* UTCTime for 1950 to 2049, GeneralizedTime else; always with seconds and in Zulu time. */
static int64_t read_time(p2p_cursor *c) {
    bool is_short = p2p_der_is_next(c, P2P_DER_UTC_TIME);
    p2p_cursor text = p2p_der_open(c, is_short ? P2P_DER_UTC_TIME : P2P_DER_GENERALIZED_TIME);
    int year = digits(&text, is_short ? 2 : 4);
    if (is_short)
        year += year < 50 ? 2000 : 1900;
    int month = two_digits(&text, 1, 12);
    int day = two_digits(&text, 1, 31);
    int hour = two_digits(&text, 0, 23);
    int minute = two_digits(&text, 0, 59);
    int second = two_digits(&text, 0, 59);
    if (p2p_cursor_u8(&text) != 'Z' || p2p_cursor_end(&text) != P2P_OK)
        p2p_cursor_fail(c);
    return ((days_from(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/* --- the certificate --- */

static void read_to_be_signed(p2p_x509 *out, p2p_cursor *c, p2p_bytes *algorithm) {
    p2p_bytes version = p2p_der_content(c, P2P_DER_CONTEXT_0);
    if (!p2p_bytes_equal(version, p2p_bytes_of(version_3, sizeof version_3)))
        p2p_cursor_fail(c);
    (void)p2p_der_content(c, P2P_DER_INTEGER); /* serial number */
    *algorithm = p2p_der_element(c, P2P_DER_SEQUENCE);
    (void)p2p_der_content(c, P2P_DER_SEQUENCE); /* issuer */
    p2p_cursor validity = p2p_der_open(c, P2P_DER_SEQUENCE);
    out->not_before = read_time(&validity);
    out->not_after = read_time(&validity);
    if (p2p_cursor_end(&validity) != P2P_OK)
        p2p_cursor_fail(c);
    (void)p2p_der_content(c, P2P_DER_SEQUENCE); /* subject */
    out->key = p2p_der_element(c, P2P_DER_SEQUENCE);
    if (c->left == 0)
        return;
    p2p_cursor extensions = p2p_der_open(c, P2P_DER_CONTEXT_3);
    out->extensions = p2p_der_content(&extensions, P2P_DER_SEQUENCE);
    if (p2p_cursor_end(&extensions) != P2P_OK)
        p2p_cursor_fail(c);
}

/* A BIT STRING of whole bytes. */
static p2p_bytes read_signature(p2p_cursor *c) {
    p2p_cursor bits = p2p_der_open(c, P2P_DER_BIT_STRING);
    if (p2p_cursor_u8(&bits) != 0 || bits.err != P2P_OK)
        p2p_cursor_fail(c);
    return p2p_cursor_rest(&bits);
}

p2p_err p2p_x509_read(p2p_x509 *out, p2p_bytes der) {
    p2p_cursor all = p2p_cursor_of(der);
    p2p_cursor certificate = p2p_der_open(&all, P2P_DER_SEQUENCE);
    p2p_cursor body = certificate;
    p2p_bytes algorithm;
    *out = (p2p_x509){.to_be_signed = p2p_der_element(&certificate, P2P_DER_SEQUENCE)};
    out->algorithm = p2p_der_element(&certificate, P2P_DER_SEQUENCE);
    out->signature = read_signature(&certificate);
    body = p2p_der_open(&body, P2P_DER_SEQUENCE);
    read_to_be_signed(out, &body, &algorithm);
    bool good = p2p_cursor_end(&all) == P2P_OK && p2p_cursor_end(&certificate) == P2P_OK &&
                p2p_cursor_end(&body) == P2P_OK && p2p_bytes_equal(algorithm, out->algorithm);
    return good ? P2P_OK : P2P_ERR_BAD_CERTIFICATE;
}

bool p2p_x509_extension_next(p2p_cursor *at, p2p_x509_extension *out) {
    if (at->err != P2P_OK || at->left == 0)
        return false;
    p2p_cursor extension = p2p_der_open(at, P2P_DER_SEQUENCE);
    *out = (p2p_x509_extension){.oid = p2p_der_content(&extension, P2P_DER_OID)};
    if (p2p_der_is_next(&extension, P2P_DER_BOOLEAN)) {
        p2p_bytes critical = p2p_der_content(&extension, P2P_DER_BOOLEAN);
        out->critical = true; /* FALSE is the default, which DER leaves out */
        if (critical.len != 1 || critical.ptr[0] != 0xff)
            p2p_cursor_fail(&extension);
    }
    out->value = p2p_der_content(&extension, P2P_DER_OCTET_STRING);
    if (p2p_cursor_end(&extension) != P2P_OK)
        p2p_cursor_fail(at);
    return at->err == P2P_OK;
}
