/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Keys on the two Weierstrass curves as plain numbers: a 32-byte scalar, a 33-byte compressed point
 * (SEC 1 §2.3.3). OpenSSL builds a private key only from scalar and point together, so the point is
 * computed here.
 */
#include "crypto/openssl_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

static int curve_id(p2p_key_type type) {
    return type == P2P_KEY_SECP256K1 ? NID_secp256k1 : NID_X9_62_prime256v1;
}

static const char *curve_name(p2p_key_type type) {
    return type == P2P_KEY_SECP256K1 ? SN_secp256k1 : SN_X9_62_prime256v1;
}

bool p2p_openssl_curve_is(const EVP_PKEY *pkey, const char *name) {
    char found[64];
    int explicit_curve = 0;
    (void)EVP_PKEY_get_int_param(
        pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_curve);
    return explicit_curve == 0 &&
           EVP_PKEY_get_utf8_string_param(
               pkey, OSSL_PKEY_PARAM_GROUP_NAME, found, sizeof found, NULL) == 1 &&
           strcmp(found, name) == 0;
}

/* A key from its numbers; scalar is NULL for a public key. NULL if OpenSSL refuses them. */
static EVP_PKEY *assemble(p2p_key_type type, const BIGNUM *scalar, const uint8_t *point) {
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    bool good = ctx != NULL && build != NULL &&
                OSSL_PARAM_BLD_push_utf8_string(
                    build, OSSL_PKEY_PARAM_GROUP_NAME, curve_name(type), 0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(
                    build, OSSL_PKEY_PARAM_PUB_KEY, point, P2P_CURVE_POINT_LEN) == 1;
    if (good && scalar != NULL)
        good = OSSL_PARAM_BLD_push_BN_pad(
                   build, OSSL_PKEY_PARAM_PRIV_KEY, scalar, P2P_CURVE_SCALAR_LEN) == 1;
    if (good)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params != NULL && EVP_PKEY_fromdata_init(ctx) == 1) {
        int parts = scalar != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
        if (EVP_PKEY_fromdata(ctx, &pkey, parts, params) != 1)
            pkey = NULL;
    }
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* scalar × generator, compressed. */
static bool multiply(
    uint8_t point[P2P_CURVE_POINT_LEN], const EC_GROUP *group, const BIGNUM *scalar) {
    EC_POINT *product = EC_POINT_new(group);
    bool good = product != NULL && EC_POINT_mul(group, product, scalar, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(group, product, POINT_CONVERSION_COMPRESSED, point,
                    P2P_CURVE_POINT_LEN, NULL) == P2P_CURVE_POINT_LEN;
    EC_POINT_free(product);
    return good;
}

p2p_err p2p_openssl_curve_private(
    EVP_PKEY **out, p2p_key_type type, const uint8_t scalar[P2P_CURVE_SCALAR_LEN]) {
    *out = NULL;
    p2p_err err = P2P_ERR_CRYPTO;
    uint8_t point[P2P_CURVE_POINT_LEN];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve_id(type));
    BIGNUM *number = BN_secure_new();
    if (group == NULL || number == NULL || BN_bin2bn(scalar, P2P_CURVE_SCALAR_LEN, number) == NULL)
        goto out;
    BN_set_flags(number, BN_FLG_CONSTTIME);
    if (BN_is_zero(number) || BN_cmp(number, EC_GROUP_get0_order(group)) >= 0) {
        err = P2P_ERR_INVALID;
        goto out;
    }
    if (multiply(point, group, number))
        *out = assemble(type, number, point);
    if (*out != NULL)
        err = P2P_OK;
out:
    BN_clear_free(number);
    EC_GROUP_free(group);
    return err;
}

p2p_err p2p_openssl_curve_public(
    EVP_PKEY **out, p2p_key_type type, const uint8_t point[P2P_CURVE_POINT_LEN]) {
    *out = NULL;
    if (point[0] != 2 && point[0] != 3)
        return P2P_ERR_MALFORMED;
    *out = assemble(type, NULL, point);
    return *out != NULL ? P2P_OK : P2P_ERR_MALFORMED;
}

bool p2p_openssl_curve_get_scalar(uint8_t scalar[P2P_CURVE_SCALAR_LEN], const EVP_PKEY *pkey) {
    BIGNUM *number = NULL;
    bool good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
                BN_bn2binpad(number, scalar, P2P_CURVE_SCALAR_LEN) == P2P_CURVE_SCALAR_LEN;
    BN_clear_free(number);
    return good;
}

/* By coordinates, because the form in which OpenSSL hands out the point itself depends on how it
 * came in. */
bool p2p_openssl_curve_get_point(uint8_t point[P2P_CURVE_POINT_LEN], const EVP_PKEY *pkey) {
    BIGNUM *x = NULL;
    BIGNUM *y = NULL;
    bool good = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1 &&
                BN_bn2binpad(x, point + 1, P2P_CURVE_POINT_LEN - 1) == P2P_CURVE_POINT_LEN - 1;
    if (good)
        point[0] = BN_is_odd(y) ? 3 : 2;
    BN_free(x);
    BN_free(y);
    return good;
}

/* r and s with s replaced by order - s. Takes nothing, gives a new signature or NULL. */
static ECDSA_SIG *mirrored(const ECDSA_SIG *sig, const BIGNUM *order) {
    ECDSA_SIG *mirror = ECDSA_SIG_new();
    BIGNUM *r = BN_dup(ECDSA_SIG_get0_r(sig));
    BIGNUM *s = BN_new();
    if (mirror != NULL && r != NULL && s != NULL && BN_sub(s, order, ECDSA_SIG_get0_s(sig)) == 1 &&
        ECDSA_SIG_set0(mirror, r, s) == 1)
        return mirror;
    ECDSA_SIG_free(mirror);
    BN_free(r);
    BN_free(s);
    return NULL;
}

p2p_err p2p_openssl_curve_low_s(uint8_t *sig, size_t *len) {
    p2p_err err = P2P_ERR_CRYPTO;
    ECDSA_SIG *low = NULL;
    BIGNUM *half = BN_new();
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp256k1);
    const uint8_t *from = sig;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &from, (long)*len);
    if (half == NULL || group == NULL || parsed == NULL ||
        BN_rshift1(half, EC_GROUP_get0_order(group)) != 1)
        goto out;
    if (BN_cmp(ECDSA_SIG_get0_s(parsed), half) <= 0) {
        err = P2P_OK;
        goto out;
    }
    low = mirrored(parsed, EC_GROUP_get0_order(group));
    if (low == NULL)
        goto out;
    uint8_t *to = sig; /* never longer than before: s has become smaller */
    int written = i2d_ECDSA_SIG(low, &to);
    if (written > 0) {
        *len = (size_t)written;
        err = P2P_OK;
    }
out:
    ECDSA_SIG_free(low);
    ECDSA_SIG_free(parsed);
    EC_GROUP_free(group);
    BN_free(half);
    return err;
}
