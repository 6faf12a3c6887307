/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signing keys: making, reading and writing them (peer-ids spec #keys).
 *
 * Public keys come from strangers. Their DER is accepted only if writing the parsed key gives the
 * same bytes again, because a peer id is a hash over those bytes. RSA keys are bounded in size and
 * exponent, which bounds the work of a verification. Private keys are the owner's own; those whose
 * two halves could differ are tried out once by signing.
 *
 * Left out: curves other than P-256 in ECDSA keys, multi-prime RSA, encrypted key files.
 */
#include "crypto/openssl_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/bytes.h"

enum {
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192,
    RSA_BITS_NEW = 2048,
    RSA_EXPONENT_BITS_MAX = 32, /* everybody uses 65537; a long one makes verifying slow */
    DER_MAX = 8192,
    DRAWS_MAX = 64 /* one redraw has a chance of 2^-32: a source that fails so often is broken */
};

static p2p_err wrap(p2p_sigkey **out, EVP_PKEY *take_pkey, p2p_key_type type, bool has_private) {
    p2p_sigkey *key = OPENSSL_zalloc(sizeof *key);
    if (key == NULL) {
        EVP_PKEY_free(take_pkey);
        return P2P_ERR_CRYPTO;
    }
    *key = (p2p_sigkey){.pkey = take_pkey, .type = type, .has_private = has_private};
    *out = key;
    return P2P_OK;
}

/* `seed` is NULL for a verifier. */
static p2p_err wrap_ed25519(p2p_sigkey **out, const uint8_t seed[P2P_ED25519_LEN],
    const uint8_t public_key[P2P_ED25519_LEN]) {
    p2p_err err = wrap(out, NULL, P2P_KEY_ED25519, seed != NULL);
    if (err != P2P_OK)
        return err;
    if (seed != NULL)
        memcpy((*out)->ed25519, seed, P2P_ED25519_LEN);
    memcpy((*out)->ed25519 + P2P_ED25519_LEN, public_key, P2P_ED25519_LEN);
    return P2P_OK;
}

void p2p_sigkey_free(p2p_sigkey *key) {
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    OPENSSL_clear_free(key, sizeof *key);
}

/* --- reading --- */

p2p_err p2p_openssl_rsa_check(const EVP_PKEY *pkey) {
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return P2P_ERR_UNSUPPORTED;
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        return P2P_ERR_CRYPTO;
    bool sane = BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;
    BN_free(e);
    return sane ? P2P_OK : P2P_ERR_MALFORMED;
}

static p2p_err check_ecdsa(const EVP_PKEY *pkey) {
    return p2p_openssl_curve_is(pkey, SN_X9_62_prime256v1) ? P2P_OK : P2P_ERR_UNSUPPORTED;
}

static p2p_err check_kind(const EVP_PKEY *pkey, p2p_key_type type) {
    if (EVP_PKEY_get_base_id(pkey) != (type == P2P_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC))
        return P2P_ERR_MALFORMED;
    return type == P2P_KEY_RSA ? p2p_openssl_rsa_check(pkey) : check_ecdsa(pkey);
}

static bool public_der_is(EVP_PKEY *pkey, p2p_bytes want) {
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    bool same = len > 0 && p2p_bytes_equal(p2p_bytes_of(der, (size_t)len), want);
    OPENSSL_free(der);
    return same;
}

static p2p_err read_public_der(EVP_PKEY **out, p2p_key_type type, p2p_bytes encoded) {
    if (encoded.len == 0 || encoded.len > DER_MAX)
        return P2P_ERR_MALFORMED;
    const uint8_t *at = encoded.ptr;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)encoded.len);
    if (pkey == NULL)
        return P2P_ERR_MALFORMED;
    p2p_err err = check_kind(pkey, type);
    if (err == P2P_OK && !public_der_is(pkey, encoded))
        err = P2P_ERR_MALFORMED;
    if (err == P2P_OK)
        *out = pkey;
    else
        EVP_PKEY_free(pkey);
    return err;
}

static p2p_err read_public(EVP_PKEY **out, p2p_key_type type, p2p_bytes encoded) {
    switch (type) {
    case P2P_KEY_SECP256K1:
        if (encoded.len != P2P_CURVE_POINT_LEN)
            return P2P_ERR_MALFORMED;
        return p2p_openssl_curve_public(out, type, encoded.ptr);
    case P2P_KEY_ECDSA:
    case P2P_KEY_RSA:
        return read_public_der(out, type, encoded);
    case P2P_KEY_ED25519:
        break;
    }
    return P2P_ERR_UNSUPPORTED;
}

p2p_err p2p_sigkey_new_public(p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded) {
    *out = NULL;
    if (type == P2P_KEY_ED25519)
        return encoded.len == P2P_ED25519_LEN ? wrap_ed25519(out, NULL, encoded.ptr)
                                              : P2P_ERR_MALFORMED;
    EVP_PKEY *pkey = NULL;
    ERR_set_mark();
    p2p_err err = read_public(&pkey, type, encoded);
    if (err == P2P_OK)
        err = wrap(out, pkey, type, false);
    ERR_pop_to_mark();
    return err;
}

static p2p_err new_ed25519(p2p_sigkey **out, p2p_bytes encoded) {
    uint8_t derived[P2P_ED25519_LEN];
    if (encoded.len != 2 * P2P_ED25519_LEN)
        return P2P_ERR_MALFORMED;
    p2p_ed25519_public(derived, encoded.ptr);
    if (memcmp(derived, encoded.ptr + P2P_ED25519_LEN, P2P_ED25519_LEN) != 0)
        return P2P_ERR_INVALID;
    return wrap_ed25519(out, encoded.ptr, derived);
}

/* Signs something: the cheap way to see that the halves of a DER key belong together. */
static p2p_err try_out(EVP_PKEY *pkey, p2p_key_type type) {
    const p2p_sigkey key = {.pkey = pkey, .type = type, .has_private = true};
    uint8_t sig[P2P_SIGNATURE_MAX];
    size_t len;
    p2p_bytes message = P2P_LITERAL("libp2p");
    if (p2p_sigkey_sign(&key, message, sig, &len) != P2P_OK ||
        p2p_sigkey_verify(&key, message, p2p_bytes_of(sig, len)) != P2P_OK)
        return P2P_ERR_INVALID;
    return P2P_OK;
}

static p2p_err read_private_der(EVP_PKEY **out, p2p_key_type type, p2p_bytes encoded) {
    if (encoded.len == 0 || encoded.len > DER_MAX)
        return P2P_ERR_MALFORMED;
    const uint8_t *at = encoded.ptr;
    int id = type == P2P_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC;
    EVP_PKEY *pkey = d2i_PrivateKey(id, NULL, &at, (long)encoded.len);
    if (pkey == NULL)
        return P2P_ERR_MALFORMED;
    p2p_err err = at == encoded.ptr + encoded.len ? check_kind(pkey, type) : P2P_ERR_MALFORMED;
    if (err == P2P_OK)
        err = try_out(pkey, type);
    if (err == P2P_OK)
        *out = pkey;
    else
        EVP_PKEY_free(pkey);
    return err;
}

static p2p_err read_private(EVP_PKEY **out, p2p_key_type type, p2p_bytes encoded) {
    switch (type) {
    case P2P_KEY_SECP256K1:
        if (encoded.len != P2P_CURVE_SCALAR_LEN)
            return P2P_ERR_MALFORMED;
        return p2p_openssl_curve_private(out, type, encoded.ptr);
    case P2P_KEY_ECDSA:
    case P2P_KEY_RSA:
        return read_private_der(out, type, encoded);
    case P2P_KEY_ED25519:
        break;
    }
    return P2P_ERR_UNSUPPORTED;
}

p2p_err p2p_sigkey_new_private(p2p_sigkey **out, p2p_key_type type, p2p_bytes encoded) {
    *out = NULL;
    if (type == P2P_KEY_ED25519)
        return new_ed25519(out, encoded);
    EVP_PKEY *pkey = NULL;
    ERR_set_mark();
    p2p_err err = read_private(&pkey, type, encoded);
    if (err == P2P_OK)
        err = wrap(out, pkey, type, true);
    ERR_pop_to_mark();
    return err;
}

/* --- making --- */

static p2p_err draw_curve_key(EVP_PKEY **out, p2p_key_type type, const p2p_random *random) {
    uint8_t scalar[P2P_CURVE_SCALAR_LEN];
    p2p_err err = P2P_ERR_INVALID;
    for (int draws = 0; err == P2P_ERR_INVALID && draws < DRAWS_MAX; draws++) {
        random->fill(random->ctx, scalar, sizeof scalar);
        err = p2p_openssl_curve_private(out, type, scalar);
    }
    p2p_wipe(scalar, sizeof scalar);
    return err == P2P_ERR_INVALID ? P2P_ERR_CRYPTO : err;
}

static p2p_err draw_ed25519(p2p_sigkey **out, const p2p_random *random) {
    uint8_t seed[P2P_ED25519_LEN];
    uint8_t public_key[P2P_ED25519_LEN];
    random->fill(random->ctx, seed, sizeof seed);
    p2p_ed25519_public(public_key, seed);
    p2p_err err = wrap_ed25519(out, seed, public_key);
    p2p_wipe(seed, sizeof seed);
    return err;
}

p2p_err p2p_sigkey_generate(p2p_sigkey **out, p2p_key_type type, const p2p_random *random) {
    *out = NULL;
    EVP_PKEY *pkey = NULL;
    p2p_err err = P2P_ERR_UNSUPPORTED;
    switch (type) {
    case P2P_KEY_ED25519:
        return draw_ed25519(out, random);
    case P2P_KEY_SECP256K1:
    case P2P_KEY_ECDSA:
        err = draw_curve_key(&pkey, type, random);
        break;
    case P2P_KEY_RSA:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS_NEW);
        err = pkey != NULL ? P2P_OK : P2P_ERR_CRYPTO;
        break;
    }
    return err == P2P_OK ? wrap(out, pkey, type, true) : err;
}

/* --- writing --- */

/* Copies what an i2d function made, and frees it. */
static p2p_err put_der(uint8_t *take_der, int der_len, uint8_t *out, size_t cap, size_t *len) {
    if (der_len <= 0)
        return P2P_ERR_CRYPTO;
    *len = (size_t)der_len;
    if (*len <= cap)
        memcpy(out, take_der, *len);
    OPENSSL_clear_free(take_der, *len);
    return *len <= cap ? P2P_OK : P2P_ERR_TOO_BIG;
}

static bool has_room(size_t need, size_t cap, size_t *len) {
    *len = need;
    return need <= cap;
}

p2p_err p2p_sigkey_public(const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len) {
    switch (key->type) {
    case P2P_KEY_ED25519:
        if (!has_room(P2P_ED25519_LEN, cap, len))
            return P2P_ERR_TOO_BIG;
        memcpy(out, key->ed25519 + P2P_ED25519_LEN, P2P_ED25519_LEN);
        return P2P_OK;
    case P2P_KEY_SECP256K1:
        if (!has_room(P2P_CURVE_POINT_LEN, cap, len))
            return P2P_ERR_TOO_BIG;
        return p2p_openssl_curve_get_point(out, key->pkey) ? P2P_OK : P2P_ERR_CRYPTO;
    case P2P_KEY_ECDSA:
    case P2P_KEY_RSA:
        break;
    }
    uint8_t *der = NULL;
    int der_len = i2d_PUBKEY(key->pkey, &der);
    return put_der(der, der_len, out, cap, len);
}

p2p_err p2p_sigkey_private(const p2p_sigkey *key, uint8_t *out, size_t cap, size_t *len) {
    *len = 0;
    if (!key->has_private)
        return P2P_ERR_UNSUPPORTED;
    switch (key->type) {
    case P2P_KEY_ED25519:
        if (!has_room(sizeof key->ed25519, cap, len))
            return P2P_ERR_TOO_BIG;
        memcpy(out, key->ed25519, sizeof key->ed25519);
        return P2P_OK;
    case P2P_KEY_SECP256K1:
        if (!has_room(P2P_CURVE_SCALAR_LEN, cap, len))
            return P2P_ERR_TOO_BIG;
        return p2p_openssl_curve_get_scalar(out, key->pkey) ? P2P_OK : P2P_ERR_CRYPTO;
    case P2P_KEY_ECDSA:
    case P2P_KEY_RSA:
        break;
    }
    uint8_t *der = NULL;
    int der_len = i2d_PrivateKey(key->pkey, &der); /* SEC 1 and PKCS#1, the types' own forms */
    return put_der(der, der_len, out, cap, len);
}
