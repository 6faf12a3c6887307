/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * P-256 with OpenSSL's numbers (FIPS 186-5 §6.4, RFC 6979 §3.2).
 *
 * OpenSSL 3.0 signs with random nonces only, so the few lines of ECDSA stand here. The signing ones
 * sign a certificate at start-up and at its renewal, nothing that a peer asks for: nobody can have
 * them run often enough to measure them. Numbers that depend on the key carry the constant-time
 * flag.
 */
#include "crypto/p256.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

enum { SCALAR = 32, POINT = 65 };

/* What every function here needs, made and freed together. */
typedef struct workspace {
    EC_GROUP *group;
    BN_CTX *ctx;
    EC_POINT *point;
    BIGNUM *d, *k, *e, *r, *s;
    const BIGNUM *order;
    bool good;
} workspace;

static BIGNUM *secret_number(void) {
    BIGNUM *number = BN_secure_new();
    if (number != NULL)
        BN_set_flags(number, BN_FLG_CONSTTIME);
    return number;
}

static void workspace_init(workspace *ws) {
    *ws = (workspace){
        .group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1),
        .ctx = BN_CTX_secure_new(),
        .d = secret_number(),
        .k = secret_number(),
        .e = BN_new(),
        .r = BN_new(),
        .s = secret_number(),
    };
    if (ws->group == NULL)
        return;
    ws->point = EC_POINT_new(ws->group);
    ws->order = EC_GROUP_get0_order(ws->group);
    ws->good = ws->ctx != NULL && ws->point != NULL && ws->d != NULL && ws->k != NULL &&
               ws->e != NULL && ws->r != NULL && ws->s != NULL;
}

static void workspace_deinit(workspace *ws) {
    BN_clear_free(ws->d);
    BN_clear_free(ws->k);
    BN_clear_free(ws->s);
    BN_free(ws->e);
    BN_free(ws->r);
    EC_POINT_free(ws->point);
    BN_CTX_free(ws->ctx);
    EC_GROUP_free(ws->group);
}

/* Reads a number and says whether it lies in 1 .. order - 1. */
static bool load_number(const workspace *ws, BIGNUM *number, p2p_bytes raw) {
    return raw.len <= SCALAR && BN_bin2bn(raw.ptr, (int)raw.len, number) != NULL &&
           !BN_is_zero(number) && BN_cmp(number, ws->order) < 0;
}

static bool load_scalar(const workspace *ws, BIGNUM *number, const uint8_t raw[SCALAR]) {
    return load_number(ws, number, p2p_bytes_of(raw, SCALAR));
}

p2p_err p2p_p256_scalar(uint8_t scalar[32], const uint8_t wide[P2P_P256_WIDE]) {
    workspace ws;
    workspace_init(&ws);
    bool good = ws.good && BN_bin2bn(wide, P2P_P256_WIDE, ws.k) != NULL &&
                BN_copy(ws.e, ws.order) != NULL && BN_sub_word(ws.e, 1) == 1 &&
                BN_mod(ws.d, ws.k, ws.e, ws.ctx) == 1 && BN_add_word(ws.d, 1) == 1 &&
                BN_bn2binpad(ws.d, scalar, SCALAR) == SCALAR;
    workspace_deinit(&ws);
    return good ? P2P_OK : P2P_ERR_CRYPTO;
}

p2p_err p2p_p256_public(uint8_t point[65], const uint8_t scalar[32]) {
    workspace ws;
    p2p_err err = P2P_ERR_CRYPTO;
    workspace_init(&ws);
    if (ws.good && !load_scalar(&ws, ws.d, scalar))
        err = P2P_ERR_INVALID;
    else if (ws.good && EC_POINT_mul(ws.group, ws.point, ws.d, NULL, NULL, ws.ctx) == 1 &&
             EC_POINT_point2oct(
                 ws.group, ws.point, POINT_CONVERSION_UNCOMPRESSED, point, POINT, ws.ctx) == POINT)
        err = P2P_OK;
    workspace_deinit(&ws);
    return err;
}

/* The generator of RFC 6979 §3.2: K and V, and what both steps d and f do to them. */
typedef struct nonces {
    uint8_t key[32];
    uint8_t value[32];
} nonces;

static void nonces_stir(nonces *n, uint8_t separator, p2p_bytes extra) {
    uint8_t data[32 + 1 + 64];
    memcpy(data, n->value, 32);
    data[32] = separator;
    p2p_copy(data + 33, extra.ptr, extra.len);
    p2p_hmac_sha256(n->key, p2p_bytes_of(n->key, 32), p2p_bytes_of(data, 33 + extra.len));
    p2p_hmac_sha256(n->value, p2p_bytes_of(n->key, 32), p2p_bytes_of(n->value, 32));
    p2p_wipe(data, sizeof data);
}

static void nonces_init(nonces *n, const uint8_t scalar[32], const uint8_t digest[32]) {
    uint8_t seed[64];
    memcpy(seed, scalar, 32);
    memcpy(seed + 32, digest, 32);
    memset(n->key, 0, sizeof n->key);
    memset(n->value, 1, sizeof n->value);
    nonces_stir(n, 0, p2p_bytes_of(seed, sizeof seed));
    nonces_stir(n, 1, p2p_bytes_of(seed, sizeof seed));
    p2p_wipe(seed, sizeof seed);
}

static void nonces_next(nonces *n, uint8_t candidate[32]) {
    p2p_hmac_sha256(n->value, p2p_bytes_of(n->key, 32), p2p_bytes_of(n->value, 32));
    memcpy(candidate, n->value, 32);
}

/* r = (k × G).x, s = k⁻¹ (e + r d); 0 when this k does not serve, -1 on failure. */
static int sign_with(workspace *ws) {
    if (EC_POINT_mul(ws->group, ws->point, ws->k, NULL, NULL, ws->ctx) != 1 ||
        EC_POINT_get_affine_coordinates(ws->group, ws->point, ws->s, NULL, ws->ctx) != 1 ||
        BN_nnmod(ws->r, ws->s, ws->order, ws->ctx) != 1 ||
        BN_mod_mul(ws->s, ws->r, ws->d, ws->order, ws->ctx) != 1 ||
        BN_mod_add(ws->s, ws->s, ws->e, ws->order, ws->ctx) != 1 ||
        BN_mod_inverse(ws->k, ws->k, ws->order, ws->ctx) == NULL ||
        BN_mod_mul(ws->s, ws->s, ws->k, ws->order, ws->ctx) != 1)
        return -1;
    return !BN_is_zero(ws->r) && !BN_is_zero(ws->s);
}

p2p_err p2p_p256_sign(
    uint8_t r[32], uint8_t s[32], const uint8_t scalar[32], const uint8_t digest[32]) {
    workspace ws;
    nonces n;
    uint8_t reduced[SCALAR];
    uint8_t candidate[SCALAR];
    p2p_err err = P2P_ERR_CRYPTO;
    workspace_init(&ws);
    if (!ws.good || BN_bin2bn(digest, SCALAR, ws.k) == NULL ||
        BN_nnmod(ws.e, ws.k, ws.order, ws.ctx) != 1 ||
        BN_bn2binpad(ws.e, reduced, SCALAR) != SCALAR)
        goto out;
    if (!load_scalar(&ws, ws.d, scalar)) {
        err = P2P_ERR_INVALID;
        goto out;
    }
    nonces_init(&n, scalar, reduced);
    for (int done = 0; done == 0;) {
        nonces_next(&n, candidate);
        if (load_scalar(&ws, ws.k, candidate))
            done = sign_with(&ws);
        if (done < 0)
            goto out;
        if (done == 0)
            nonces_stir(&n, 0, (p2p_bytes){0});
    }
    if (BN_bn2binpad(ws.r, r, SCALAR) == SCALAR && BN_bn2binpad(ws.s, s, SCALAR) == SCALAR)
        err = P2P_OK;
out:
    p2p_wipe(&n, sizeof n);
    p2p_wipe(candidate, sizeof candidate);
    workspace_deinit(&ws);
    return err;
}

/* FIPS 186-5 §6.4.2: w = s⁻¹, and the x of (e w) × G + (r w) × Q is r, modulo the order. */
bool p2p_p256_verify(
    const uint8_t point[P2P_P256_POINT_LEN], const uint8_t digest[32], p2p_bytes r, p2p_bytes s) {
    workspace ws;
    workspace_init(&ws);
    EC_POINT *key = ws.good ? EC_POINT_new(ws.group) : NULL;
    bool good = key != NULL && load_number(&ws, ws.r, r) && load_number(&ws, ws.s, s) &&
                EC_POINT_oct2point(ws.group, key, point, P2P_P256_POINT_LEN, ws.ctx) == 1 &&
                BN_bin2bn(digest, SCALAR, ws.e) != NULL &&
                BN_mod_inverse(ws.s, ws.s, ws.order, ws.ctx) != NULL &&
                BN_mod_mul(ws.e, ws.e, ws.s, ws.order, ws.ctx) == 1 &&
                BN_mod_mul(ws.k, ws.r, ws.s, ws.order, ws.ctx) == 1 &&
                EC_POINT_mul(ws.group, ws.point, ws.e, key, ws.k, ws.ctx) == 1 &&
                EC_POINT_get_affine_coordinates(ws.group, ws.point, ws.d, NULL, ws.ctx) == 1 &&
                BN_nnmod(ws.d, ws.d, ws.order, ws.ctx) == 1 && BN_cmp(ws.d, ws.r) == 0;
    EC_POINT_free(key);
    workspace_deinit(&ws);
    return good;
}
