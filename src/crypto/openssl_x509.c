/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A certificate's signature by its own key. P-256 and Ed25519, which nearly all peers use, are
 * checked on plain numbers; the rest goes the long way through OpenSSL's keys.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/der.h"
#include "crypto/crypto.h"
#include "crypto/ed25519.h"
#include "crypto/openssl_key.h"
#include "crypto/p256.h"
#include "crypto/x509.h"

/* --- P-256 --- */

/* SubjectPublicKeyInfo of an uncompressed point: this, then the point. */
static const uint8_t p256_key_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

static bool starts_with(p2p_bytes bytes, const uint8_t *head, size_t len) {
    return bytes.len >= len && memcmp(bytes.ptr, head, len) == 0;
}

/* An INTEGER of an ECDSA signature: positive, without needless zeros, at most 32 bytes. */
static p2p_bytes read_number(p2p_cursor *c) {
    p2p_bytes number = p2p_der_content(c, P2P_DER_INTEGER);
    if (number.len > 1 && number.ptr[0] == 0 && number.ptr[1] >= 0x80)
        return p2p_bytes_of(number.ptr + 1, number.len - 1);
    if (number.len == 0 || number.ptr[0] >= 0x80 || (number.ptr[0] == 0 && number.len > 1))
        p2p_cursor_fail(c);
    return number;
}

static bool p256(const p2p_x509 *x509, const char *digest_name, int padding) {
    (void)digest_name;
    (void)padding;
    uint8_t digest[P2P_SHA256_LEN];
    size_t head = sizeof p256_key_head;
    p2p_cursor outer = p2p_cursor_of(x509->signature);
    p2p_cursor inner = p2p_der_open(&outer, P2P_DER_SEQUENCE);
    p2p_bytes r = read_number(&inner);
    p2p_bytes s = read_number(&inner);
    if (p2p_cursor_end(&outer) != P2P_OK || p2p_cursor_end(&inner) != P2P_OK ||
        x509->key.len != head + P2P_P256_POINT_LEN || !starts_with(x509->key, p256_key_head, head))
        return false;
    p2p_sha256(digest, x509->to_be_signed);
    return p2p_p256_verify(x509->key.ptr + head, digest, r, s);
}

/* --- Ed25519 --- */

static const uint8_t ed25519_key_head[] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static bool ed25519(const p2p_x509 *x509, const char *digest, int padding) {
    (void)digest;
    (void)padding;
    size_t head = sizeof ed25519_key_head;
    return x509->key.len == head + P2P_ED25519_LEN &&
           starts_with(x509->key, ed25519_key_head, head) &&
           p2p_ed25519_verify(x509->key.ptr + head, x509->to_be_signed, x509->signature);
}

/* --- the others --- */

static EVP_PKEY *parse_key(const p2p_x509 *x509) {
    const uint8_t *at = x509->key.ptr;
    return d2i_PUBKEY(NULL, &at, (long)x509->key.len);
}

static bool verify(EVP_PKEY *key, const p2p_x509 *x509, const char *digest, int padding) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how;
    bool good = ctx != NULL &&
                EVP_DigestVerifyInit_ex(ctx, &how, digest, NULL, NULL, key, NULL) == 1 &&
                (padding == 0 || EVP_PKEY_CTX_set_rsa_padding(how, padding) == 1) &&
                EVP_DigestVerify(ctx, x509->signature.ptr, x509->signature.len,
                    x509->to_be_signed.ptr, x509->to_be_signed.len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool p384(const p2p_x509 *x509, const char *digest, int padding) {
    EVP_PKEY *key = parse_key(x509);
    bool good = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
                p2p_openssl_curve_is(key, SN_secp384r1) && verify(key, x509, digest, padding);
    EVP_PKEY_free(key);
    return good;
}

static bool rsa(const p2p_x509 *x509, const char *digest, int padding) {
    EVP_PKEY *key = parse_key(x509);
    bool good = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
                p2p_openssl_rsa_check(key) == P2P_OK && verify(key, x509, digest, padding);
    EVP_PKEY_free(key);
    return good;
}

/* --- which --- */

/* AlgorithmIdentifiers as RFC 5758 §3.2, RFC 8410 §3 and RFC 4055 §5 and §6 have them written. */
#define ECDSA_SHA2(n) \
    { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, n }
#define RSA_SHA2(n) \
    { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, n, 0x05, 0x00 }
#define SHA2(n) \
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, n, 0x05, 0x00
/* With the hash's own length of salt, as TLS 1.3 demands. */
#define PSS_SHA2(n, salt)                                                                          \
    {                                                                                              \
        0x30, 0x41, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x34,  \
            0xa0, 0x0f, SHA2(n), 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, \
            0x0d, 0x01, 0x01, 0x08, SHA2(n), 0xa2, 0x03, 0x02, 0x01, salt                          \
    }

static const uint8_t id_p256_sha256[] = ECDSA_SHA2(0x02);
static const uint8_t id_p384_sha384[] = ECDSA_SHA2(0x03);
static const uint8_t id_ed25519[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
static const uint8_t id_rsa_sha256[] = RSA_SHA2(0x0b);
static const uint8_t id_rsa_sha384[] = RSA_SHA2(0x0c);
static const uint8_t id_rsa_sha512[] = RSA_SHA2(0x0d);
static const uint8_t id_pss_sha256[] = PSS_SHA2(0x01, 32);
static const uint8_t id_pss_sha384[] = PSS_SHA2(0x02, 48);
static const uint8_t id_pss_sha512[] = PSS_SHA2(0x03, 64);

static const struct scheme {
    p2p_bytes algorithm;
    bool (*good)(const p2p_x509 *x509, const char *digest, int padding);
    const char *digest;
    int padding;
} schemes[] = {
    {{id_p256_sha256, sizeof id_p256_sha256}, p256, "SHA256", 0},
    {{id_ed25519, sizeof id_ed25519}, ed25519, NULL, 0},
    {{id_p384_sha384, sizeof id_p384_sha384}, p384, "SHA384", 0},
    {{id_rsa_sha256, sizeof id_rsa_sha256}, rsa, "SHA256", RSA_PKCS1_PADDING},
    {{id_rsa_sha384, sizeof id_rsa_sha384}, rsa, "SHA384", RSA_PKCS1_PADDING},
    {{id_rsa_sha512, sizeof id_rsa_sha512}, rsa, "SHA512", RSA_PKCS1_PADDING},
    {{id_pss_sha256, sizeof id_pss_sha256}, rsa, "SHA256", RSA_PKCS1_PSS_PADDING},
    {{id_pss_sha384, sizeof id_pss_sha384}, rsa, "SHA384", RSA_PKCS1_PSS_PADDING},
    {{id_pss_sha512, sizeof id_pss_sha512}, rsa, "SHA512", RSA_PKCS1_PSS_PADDING},
};

p2p_err p2p_x509_signed_itself(const p2p_x509 *x509) {
    size_t i = 0;
    while (i < P2P_COUNT(schemes) && !p2p_bytes_equal(schemes[i].algorithm, x509->algorithm))
        i++;
    if (i == P2P_COUNT(schemes))
        return P2P_ERR_BAD_SIGNATURE;
    ERR_set_mark();
    bool good = schemes[i].good(x509, schemes[i].digest, schemes[i].padding);
    ERR_pop_to_mark();
    return good ? P2P_OK : P2P_ERR_BAD_SIGNATURE;
}
