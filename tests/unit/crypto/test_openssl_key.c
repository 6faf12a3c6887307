/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "support/check.h"

static const p2p_key_type TYPES[] = {
    P2P_KEY_ED25519, P2P_KEY_SECP256K1, P2P_KEY_ECDSA, P2P_KEY_RSA};

static p2p_sigkey *generated(p2p_key_type type, uint64_t seed) {
    seeded_random random;
    seeded_random_init(&random, seed);
    p2p_sigkey *key;
    check_ok(p2p_sigkey_generate(&key, type, &random.random));
    return key;
}

static void both_encodings_round_trip_and_sign(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(TYPES); i++) {
        uint8_t first[4096];
        uint8_t second[4096];
        uint8_t sig[P2P_SIGNATURE_MAX];
        size_t first_len;
        size_t second_len;
        size_t sig_len;
        p2p_sigkey *key = generated(TYPES[i], 1);
        p2p_sigkey *copy;
        check_ok(p2p_sigkey_private(key, first, sizeof first, &first_len));
        check_ok(p2p_sigkey_new_private(&copy, TYPES[i], p2p_bytes_of(first, first_len)));
        check_ok(p2p_sigkey_private(copy, second, sizeof second, &second_len));
        check_same(p2p_bytes_of(first, first_len), p2p_bytes_of(second, second_len));
        check_ok(p2p_sigkey_sign(copy, P2P_LITERAL("message"), sig, &sig_len));
        p2p_sigkey_free(copy);

        check_ok(p2p_sigkey_public(key, first, sizeof first, &first_len));
        check_ok(p2p_sigkey_new_public(&copy, TYPES[i], p2p_bytes_of(first, first_len)));
        check_ok(p2p_sigkey_public(copy, second, sizeof second, &second_len));
        check_same(p2p_bytes_of(first, first_len), p2p_bytes_of(second, second_len));
        p2p_bytes signature = p2p_bytes_of(sig, sig_len);
        check_ok(p2p_sigkey_verify(copy, P2P_LITERAL("message"), signature));
        check_err(
            P2P_ERR_BAD_SIGNATURE, p2p_sigkey_verify(copy, P2P_LITERAL("messagE"), signature));
        sig[sig_len - 1] ^= 1;
        check_err(
            P2P_ERR_BAD_SIGNATURE, p2p_sigkey_verify(copy, P2P_LITERAL("message"), signature));
        check_err(
            P2P_ERR_BAD_SIGNATURE, p2p_sigkey_verify(copy, P2P_LITERAL("message"), (p2p_bytes){0}));

        check_err(P2P_ERR_UNSUPPORTED, p2p_sigkey_sign(copy, P2P_LITERAL("x"), sig, &sig_len));
        check_err(
            P2P_ERR_UNSUPPORTED, p2p_sigkey_private(copy, second, sizeof second, &second_len));
        p2p_sigkey_free(copy);
        p2p_sigkey_free(key);
    }
    p2p_sigkey_free(NULL);
    check(ERR_peek_error() == 0);
}

static void the_needed_length_is_told(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(TYPES); i++) {
        uint8_t out[4096];
        size_t need;
        size_t len;
        p2p_sigkey *key = generated(TYPES[i], 1);
        check_ok(p2p_sigkey_public(key, out, sizeof out, &need));
        check_err(P2P_ERR_TOO_BIG, p2p_sigkey_public(key, out, need - 1, &len));
        check(len == need);
        check_ok(p2p_sigkey_public(key, out, need, &len));
        check_ok(p2p_sigkey_private(key, out, sizeof out, &need));
        check_err(P2P_ERR_TOO_BIG, p2p_sigkey_private(key, out, need - 1, &len));
        check(len == need);
        check_ok(p2p_sigkey_private(key, out, need, &len));
        p2p_sigkey_free(key);
    }
}

static void a_seed_decides_the_key(void **state) {
    (void)state;
    for (size_t i = 0; i + 1 < P2P_COUNT(TYPES); i++) { /* not RSA */
        uint8_t first[256];
        uint8_t second[256];
        size_t first_len;
        size_t second_len;
        p2p_sigkey *a = generated(TYPES[i], 7);
        p2p_sigkey *b = generated(TYPES[i], 7);
        check_ok(p2p_sigkey_public(a, first, sizeof first, &first_len));
        check_ok(p2p_sigkey_public(b, second, sizeof second, &second_len));
        check_same(p2p_bytes_of(first, first_len), p2p_bytes_of(second, second_len));
        p2p_sigkey_free(b);
        b = generated(TYPES[i], 8);
        check_ok(p2p_sigkey_public(b, second, sizeof second, &second_len));
        check(!p2p_bytes_equal(p2p_bytes_of(first, first_len), p2p_bytes_of(second, second_len)));
        p2p_sigkey_free(a);
        p2p_sigkey_free(b);
    }
}

typedef struct scripted_random {
    p2p_random random;
    const char *const *draws;
    size_t used;
} scripted_random;

static void scripted_fill(void *ctx, uint8_t *dst, size_t len) {
    scripted_random *scripted = ctx;
    check(from_hex(scripted->draws[scripted->used++], dst, len) == len);
}

/* Zero and the order itself are drawn and rejected; the third draw is one. */
static void scalars_out_of_range_are_drawn_again(void **state) {
    (void)state;
    static const char *const draws[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        "0000000000000000000000000000000000000000000000000000000000000001",
    };
    scripted_random scripted = {.random = {scripted_fill, &scripted}, .draws = draws};
    p2p_sigkey *key;
    uint8_t out[33];
    size_t len;
    check_ok(p2p_sigkey_generate(&key, P2P_KEY_SECP256K1, &scripted.random));
    check(scripted.used == 3);
    check_ok(p2p_sigkey_public(key, out, sizeof out, &len));
    check_bytes(p2p_bytes_of(out, len), /* the generator, SEC 2 §2.4.1 */
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    p2p_sigkey_free(key);
}

static void zero_fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    memset(dst, 0, len);
}

static void a_broken_random_source_is_an_error(void **state) {
    (void)state;
    const p2p_random zeros = {zero_fill, NULL};
    p2p_sigkey *key;
    check_err(P2P_ERR_CRYPTO, p2p_sigkey_generate(&key, P2P_KEY_ECDSA, &zeros));
    check(key == NULL);
}

/* RFC 8032 §7.1, tests 1 and 2. */
static void ed25519_vectors(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e1599"
            "6e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    };
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t pair[64];
        uint8_t message[8];
        uint8_t sig[P2P_SIGNATURE_MAX];
        size_t len;
        p2p_sigkey *key;
        from_hex(cases[i][0], pair, sizeof pair);
        size_t message_len = from_hex(cases[i][1], message, sizeof message);
        check_ok(p2p_sigkey_new_private(&key, P2P_KEY_ED25519, p2p_bytes_of(pair, 64)));
        check_ok(p2p_sigkey_sign(key, p2p_bytes_of(message, message_len), sig, &len));
        check_bytes(p2p_bytes_of(sig, len), cases[i][2]);
        p2p_sigkey_free(key);
        pair[63] ^= 1;
        check_err(
            P2P_ERR_INVALID, p2p_sigkey_new_private(&key, P2P_KEY_ED25519, p2p_bytes_of(pair, 64)));
        check(key == NULL);
    }
}

static const char HALF_ORDER[] = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

/* Both forms of s verify; only the lower one is made. */
static void secp256k1_signatures_have_a_low_s(void **state) {
    (void)state;
    p2p_sigkey *key = generated(P2P_KEY_SECP256K1, 3);
    BIGNUM *half = NULL;
    BIGNUM *order = NULL;
    BN_hex2bn(&half, HALF_ORDER);
    BN_hex2bn(&order, "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    for (uint8_t i = 0; i < 32; i++) {
        uint8_t sig[P2P_SIGNATURE_MAX];
        size_t len;
        p2p_bytes message = p2p_bytes_of(&i, 1);
        check_ok(p2p_sigkey_sign(key, message, sig, &len));
        check_ok(p2p_sigkey_verify(key, message, p2p_bytes_of(sig, len)));
        const uint8_t *at = sig;
        ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)len);
        check(parsed != NULL && BN_cmp(ECDSA_SIG_get0_s(parsed), half) <= 0);
        BIGNUM *high = BN_new();
        BN_sub(high, order, ECDSA_SIG_get0_s(parsed));
        ECDSA_SIG_set0(parsed, BN_dup(ECDSA_SIG_get0_r(parsed)), high);
        uint8_t *der = NULL;
        int der_len = i2d_ECDSA_SIG(parsed, &der);
        check_ok(p2p_sigkey_verify(key, message, p2p_bytes_of(der, (size_t)der_len)));
        OPENSSL_free(der);
        ECDSA_SIG_free(parsed);
    }
    BN_free(half);
    BN_free(order);
    p2p_sigkey_free(key);
}

static void wrong_lengths_and_points_are_malformed(void **state) {
    (void)state;
    uint8_t bytes[80] = {2};
    p2p_sigkey *key;
    for (size_t len = 0; len < sizeof bytes; len++) {
        p2p_bytes encoded = p2p_bytes_of(bytes, len);
        if (len != 32)
            check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_public(&key, P2P_KEY_ED25519, encoded));
        /* x = 0 is not on the curve: 7 has no square root there */
        check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_public(&key, P2P_KEY_SECP256K1, encoded));
        check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_public(&key, P2P_KEY_ECDSA, encoded));
        check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_public(&key, P2P_KEY_RSA, encoded));
        if (len != 64)
            check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_private(&key, P2P_KEY_ED25519, encoded));
        if (len != 32)
            check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_private(&key, P2P_KEY_SECP256K1, encoded));
        check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_private(&key, P2P_KEY_ECDSA, encoded));
        check_err(P2P_ERR_MALFORMED, p2p_sigkey_new_private(&key, P2P_KEY_RSA, encoded));
    }
    memset(bytes, 0xff, sizeof bytes);
    check_err(
        P2P_ERR_INVALID, p2p_sigkey_new_private(&key, P2P_KEY_SECP256K1, p2p_bytes_of(bytes, 32)));
    check_err(
        P2P_ERR_UNSUPPORTED, p2p_sigkey_new_public(&key, (p2p_key_type)4, p2p_bytes_of(bytes, 32)));
    check(ERR_peek_error() == 0);
}

/* A key of OpenSSL's making, as the public DER a peer would send. */
static p2p_err read_foreign(EVP_PKEY *take_pkey, p2p_key_type type) {
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(take_pkey, &der);
    p2p_sigkey *key;
    p2p_err err = p2p_sigkey_new_public(&key, type, p2p_bytes_of(der, (size_t)len));
    p2p_sigkey_free(key);
    OPENSSL_free(der);
    EVP_PKEY_free(take_pkey);
    return err;
}

static void other_curves_and_small_rsa_keys_are_unsupported(void **state) {
    (void)state;
    check_ok(read_foreign(EVP_EC_gen("P-256"), P2P_KEY_ECDSA));
    check_err(P2P_ERR_UNSUPPORTED, read_foreign(EVP_EC_gen("P-384"), P2P_KEY_ECDSA));
    check_err(P2P_ERR_UNSUPPORTED, read_foreign(EVP_EC_gen("secp256k1"), P2P_KEY_ECDSA));
    check_err(P2P_ERR_UNSUPPORTED, read_foreign(EVP_RSA_gen(1024), P2P_KEY_RSA));
    check_ok(read_foreign(EVP_RSA_gen(2048), P2P_KEY_RSA));
    check_err(P2P_ERR_MALFORMED, read_foreign(EVP_EC_gen("P-256"), P2P_KEY_RSA));
    check_err(P2P_ERR_MALFORMED, read_foreign(EVP_RSA_gen(2048), P2P_KEY_ECDSA));
}

/* The outer length written in long form: BER, not DER, and another peer id. */
static void der_that_is_not_minimal_is_malformed(void **state) {
    (void)state;
    uint8_t der[256];
    uint8_t loose[256];
    size_t len;
    p2p_sigkey *key = generated(P2P_KEY_ECDSA, 5);
    check_ok(p2p_sigkey_public(key, der, sizeof der, &len));
    p2p_sigkey_free(key);
    loose[0] = der[0];
    loose[1] = 0x81;
    memcpy(loose + 2, der + 1, len - 1);
    check_err(P2P_ERR_MALFORMED,
        p2p_sigkey_new_public(&key, P2P_KEY_ECDSA, p2p_bytes_of(loose, len + 1)));
    der[len] = 0;
    check_err(
        P2P_ERR_MALFORMED, p2p_sigkey_new_public(&key, P2P_KEY_ECDSA, p2p_bytes_of(der, len + 1)));
    check_ok(p2p_sigkey_new_public(&key, P2P_KEY_ECDSA, p2p_bytes_of(der, len)));
    p2p_sigkey_free(key);
}

/* The public half lies in the last bytes of the SEC 1 form: that of another key is put there. */
static void an_ecdsa_key_of_two_halves_is_invalid(void **state) {
    (void)state;
    uint8_t one[256];
    uint8_t other[256];
    size_t len;
    size_t other_len;
    p2p_sigkey *key = generated(P2P_KEY_ECDSA, 5);
    check_ok(p2p_sigkey_private(key, one, sizeof one, &len));
    p2p_sigkey_free(key);
    key = generated(P2P_KEY_ECDSA, 6);
    check_ok(p2p_sigkey_private(key, other, sizeof other, &other_len));
    p2p_sigkey_free(key);
    check(len == other_len);
    memcpy(one + len - 64, other + len - 64, 64);
    check_err(P2P_ERR_INVALID, p2p_sigkey_new_private(&key, P2P_KEY_ECDSA, p2p_bytes_of(one, len)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_encodings_round_trip_and_sign),
        cmocka_unit_test(the_needed_length_is_told),
        cmocka_unit_test(a_seed_decides_the_key),
        cmocka_unit_test(scalars_out_of_range_are_drawn_again),
        cmocka_unit_test(a_broken_random_source_is_an_error),
        cmocka_unit_test(ed25519_vectors),
        cmocka_unit_test(secp256k1_signatures_have_a_low_s),
        cmocka_unit_test(wrong_lengths_and_points_are_malformed),
        cmocka_unit_test(other_curves_and_small_rsa_keys_are_unsupported),
        cmocka_unit_test(der_that_is_not_minimal_is_malformed),
        cmocka_unit_test(an_ecdsa_key_of_two_halves_is_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
