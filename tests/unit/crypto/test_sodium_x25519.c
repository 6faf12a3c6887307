/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include <openssl/err.h>

#include "support/check.h"

/* RFC 7748 §5.2, first vector. */
static void scalar_multiplication(void **state) {
    (void)state;
    uint8_t scalar[32];
    uint8_t u[32];
    uint8_t out[32];
    from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", scalar, 32);
    from_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u, 32);
    check_ok(p2p_x25519(out, scalar, u));
    check_bytes(
        p2p_bytes_of(out, 32), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

/* RFC 7748 §6.1. */
static void both_sides_agree(void **state) {
    (void)state;
    uint8_t alice[32];
    uint8_t bob[32];
    uint8_t public_key[32];
    uint8_t shared[32];
    from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice, 32);
    from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob, 32);
    check_ok(p2p_x25519_public(public_key, alice));
    check_bytes(p2p_bytes_of(public_key, 32),
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    check_ok(p2p_x25519(shared, bob, public_key));
    check_bytes(p2p_bytes_of(shared, 32),
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    check_ok(p2p_x25519_public(public_key, bob));
    check_bytes(p2p_bytes_of(public_key, 32),
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    check_ok(p2p_x25519(shared, alice, public_key));
    check_bytes(p2p_bytes_of(shared, 32),
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* 0, 1, and the two points of order 8, as listed with the curve. */
static void points_of_small_order_are_refused(void **state) {
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    };
    const uint8_t private_key[32] = {7};
    for (size_t i = 0; i < P2P_COUNT(points); i++) {
        uint8_t u[32];
        uint8_t shared[32];
        from_hex(points[i], u, sizeof u);
        check_err(P2P_ERR_VIOLATION, p2p_x25519(shared, private_key, u));
    }
    check(ERR_peek_error() == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_multiplication),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(points_of_small_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
