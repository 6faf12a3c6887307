/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Checking a peer's libp2p certificate (specs/tls #peer-authentication). There is no chain and no
 * authority: the certificate signs itself, and what makes it somebody's is the extension in which
 * an identity key has signed the certificate's key.
 *
 * OpenSSL takes the certificate apart and checks the outer signature; the rules are here. Accepted
 * are the keys and hashes that other implementations write and that are sound: P-256 with SHA-256,
 * P-384 with SHA-384, Ed25519, and RSA of 2048 to 8192 bits with SHA-2, PKCS #1 or PSS. As in
 * rust-libp2p, P-521, Ed448, SHA-1 and a curve with another curve's hash are not.
 */
#include "secure/certificate.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "secure/certificate_form.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, RSA_EXPONENT_BITS_MAX = 32 };

/* --- dates --- */

/* spec: tls #peer-authentication: abort if the certificate is not yet valid or expired. */
static bool dates_hold(const X509 *x509, uint64_t wall_ms) {
    time_t at = (time_t)(wall_ms / 1000);
    /* 0 is an unreadable date; the comparison takes "equal" as earlier. */
    return X509_cmp_time(X509_get0_notBefore(x509), &at) < 0 &&
           X509_cmp_time(X509_get0_notAfter(x509), &at) > 0;
}

/* --- the key and the signature by it --- */

static bool is_curve(const EVP_PKEY *key, const char *want) {
    char name[32];
    int explicit_curve = 0;
    (void)EVP_PKEY_get_int_param(
        key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_curve);
    return explicit_curve == 0 &&
           EVP_PKEY_get_utf8_string_param(
               key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, NULL) == 1 &&
           strcmp(name, want) == 0;
}

/* Bounds on what a verification costs. */
static bool is_sane_rsa(const EVP_PKEY *key) {
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(key);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        return false;
    bool sane = BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;
    BN_free(e);
    return sane;
}

static bool is_sha2(int digest) {
    return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

static bool algorithms_fit(X509 *x509, const EVP_PKEY *key) {
    int digest;
    int signature;
    if (X509_get_signature_info(x509, &digest, &signature, NULL, NULL) != 1)
        return false;
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        return signature == NID_X9_62_id_ecPublicKey &&
               ((digest == NID_sha256 && is_curve(key, SN_X9_62_prime256v1)) ||
                   (digest == NID_sha384 && is_curve(key, SN_secp384r1)));
    case EVP_PKEY_ED25519:
        return signature == NID_ED25519;
    case EVP_PKEY_RSA:
        return (signature == NID_rsaEncryption || signature == NID_rsassaPss) && is_sha2(digest) &&
               is_sane_rsa(key);
    default:
        return false;
    }
}

/* spec: tls #peer-authentication: abort if the self-signature is not valid. */
static bool signed_itself(X509 *x509) {
    EVP_PKEY *key = X509_get0_pubkey(x509);
    return key != NULL && algorithms_fit(x509, key) && X509_verify(x509, key) == 1;
}

/* --- extensions --- */

static bool is_ours(X509_EXTENSION *extension) {
    const ASN1_OBJECT *object = X509_EXTENSION_get_object(extension);
    return p2p_bytes_equal(
        p2p_bytes_of(OBJ_get0_data(object), OBJ_length(object)), P2P_CERT_EXTENSION_OID);
}

/*
 * spec: tls #peer-authentication: abort if the extension is missing, or if there is a critical one
 * that is not understood. No other one is understood: none has a meaning here.
 */
static bool find_extension(p2p_bytes *value, const X509 *x509) {
    *value = p2p_bytes_of(NULL, 0);
    for (int i = 0; i < X509_get_ext_count(x509); i++) {
        X509_EXTENSION *extension = X509_get_ext(x509, i);
        if (is_ours(extension)) {
            const ASN1_OCTET_STRING *octets = X509_EXTENSION_get_data(extension);
            if (value->ptr != NULL)
                return false;
            *value =
                p2p_bytes_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets));
        } else if (X509_EXTENSION_get_critical(extension)) {
            return false;
        }
    }
    return value->ptr != NULL;
}

/* The content of the next element, which must have this tag: definite, shortest length. */
static p2p_bytes take_element(p2p_cursor *c, uint8_t tag) {
    if (p2p_cursor_u8(c) != tag)
        p2p_cursor_fail(c);
    size_t len = p2p_cursor_u8(c);
    if (len == 0x81) {
        len = p2p_cursor_u8(c);
        if (len < 0x80)
            p2p_cursor_fail(c);
    } else if (len == 0x82) {
        len = p2p_cursor_u16(c);
        if (len < 0x100)
            p2p_cursor_fail(c);
    } else if (len >= 0x80) {
        p2p_cursor_fail(c);
    }
    return p2p_cursor_take(c, len);
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static p2p_err read_signed_key(p2p_bytes *public_key, p2p_bytes *signature, p2p_bytes value) {
    p2p_cursor outer = p2p_cursor_of(value);
    p2p_cursor inner = p2p_cursor_of(take_element(&outer, V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED));
    *public_key = take_element(&inner, V_ASN1_OCTET_STRING);
    *signature = take_element(&inner, V_ASN1_OCTET_STRING);
    p2p_err err = p2p_cursor_end(&outer);
    return err == P2P_OK ? p2p_cursor_end(&inner) : err;
}

/* --- the identity --- */

static bool statement(uint8_t out[P2P_CERT_STATEMENT_MAX], size_t *len, const X509 *x509) {
    uint8_t *der = NULL;
    int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
    if (der_len <= 0)
        return false;
    p2p_writer w = p2p_writer_of(out, P2P_CERT_STATEMENT_MAX);
    p2p_writer_bytes(&w, P2P_LITERAL(P2P_CERT_STATEMENT));
    p2p_writer_bytes(&w, p2p_bytes_of(der, (size_t)der_len));
    OPENSSL_free(der);
    *len = w.len;
    return p2p_writer_end(&w) == P2P_OK;
}

/* spec: tls #libp2p-public-key-extension: peers MUST verify the signature. */
static bool identity_vouches(p2p_cert_owner *owner, const X509 *x509, p2p_bytes extension) {
    uint8_t message[P2P_CERT_STATEMENT_MAX];
    size_t len;
    p2p_bytes public_key;
    p2p_bytes signature;
    if (read_signed_key(&public_key, &signature, extension) != P2P_OK ||
        public_key.len > sizeof owner->public_key || !statement(message, &len, x509))
        return false;
    if (p2p_peer_id_of_key(&owner->peer, public_key) != P2P_OK ||
        p2p_verify(public_key, p2p_bytes_of(message, len), signature) != P2P_OK)
        return false;
    p2p_copy(owner->public_key, public_key.ptr, public_key.len);
    owner->public_key_len = public_key.len;
    return true;
}

static bool is_acceptable(p2p_cert_owner *owner, X509 *x509, uint64_t wall_ms) {
    const ASN1_BIT_STRING *issuer_uid;
    const ASN1_BIT_STRING *subject_uid;
    p2p_bytes extension;
    X509_get0_uids(x509, &issuer_uid, &subject_uid);
    return X509_get_version(x509) == X509_VERSION_3 && issuer_uid == NULL && subject_uid == NULL &&
           find_extension(&extension, x509) && dates_hold(x509, wall_ms) && signed_itself(x509) &&
           identity_vouches(owner, x509, extension);
}

p2p_err p2p_cert_verify_x509(p2p_cert_owner *owner, X509 *x509, uint64_t wall_ms) {
    ERR_set_mark();
    bool good = is_acceptable(owner, x509, wall_ms);
    ERR_pop_to_mark();
    return good ? P2P_OK : P2P_ERR_BAD_CERTIFICATE;
}

p2p_err p2p_cert_verify(p2p_cert_owner *owner, p2p_bytes der, uint64_t wall_ms) {
    if (der.len == 0 || der.len > P2P_CERT_DER_MAX)
        return P2P_ERR_BAD_CERTIFICATE;
    const uint8_t *at = der.ptr;
    ERR_set_mark();
    X509 *x509 = d2i_X509(NULL, &at, (long)der.len);
    ERR_pop_to_mark();
    p2p_err err = P2P_ERR_BAD_CERTIFICATE;
    if (x509 != NULL && at == der.ptr + der.len)
        err = p2p_cert_verify_x509(owner, x509, wall_ms);
    X509_free(x509);
    return err;
}
