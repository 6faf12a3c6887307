/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/crypto.h"

#include <openssl/err.h>

#include "support/check.h"

static const char SUNSCREEN[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
                                "only one tip for the future, sunscreen would be it.";

static p2p_aead *keyed(uint8_t first) {
    uint8_t key[32];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(first + i);
    p2p_aead *aead;
    check_ok(p2p_aead_new(&aead, key));
    return aead;
}

/* RFC 8439 §2.8.2, three times over the same context: a message leaves nothing behind. */
static void rfc8439_example(void **state) {
    (void)state;
    p2p_aead *aead = keyed(0x80);
    uint8_t nonce[12];
    uint8_t associated[12];
    uint8_t data[sizeof SUNSCREEN - 1 + P2P_AEAD_TAG_LEN];
    size_t len = sizeof SUNSCREEN - 1;
    from_hex("070000004041424344454647", nonce, sizeof nonce);
    from_hex("50515253c0c1c2c3c4c5c6c7", associated, sizeof associated);
    for (int round = 0; round < 3; round++) {
        memcpy(data, SUNSCREEN, len);
        check_ok(p2p_aead_seal(aead, data, len, nonce, p2p_bytes_of(associated, 12)));
        check_bytes(p2p_bytes_of(data, sizeof data),
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
            "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
            "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
            "3ff4def08e4b7a9de576d26586cec64b6116"
            "1ae10b594f09e26a7e902ecbd0600691");
        check_ok(p2p_aead_open(aead, data, sizeof data, nonce, p2p_bytes_of(associated, 12)));
        check_same(p2p_bytes_of(data, len), P2P_LITERAL(SUNSCREEN));
    }
    p2p_aead_free(aead);
}

static void every_length_round_trips(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1200, 16384, 65519};
    static uint8_t data[65519 + P2P_AEAD_TAG_LEN + 1];
    p2p_aead *sender = keyed(1);
    p2p_aead *receiver = keyed(1);
    for (size_t i = 0; i < P2P_COUNT(lengths); i++) {
        uint8_t nonce[12] = {(uint8_t)i};
        size_t len = lengths[i];
        for (size_t with = 0; with < 2; with++) {
            p2p_bytes associated = p2p_bytes_of(SUNSCREEN, with * 20);
            memset(data, 0x5a, sizeof data);
            check_ok(p2p_aead_seal(sender, data, len, nonce, associated));
            check(data[len + P2P_AEAD_TAG_LEN] == 0x5a);
            check_ok(p2p_aead_open(receiver, data, len + P2P_AEAD_TAG_LEN, nonce, associated));
            for (size_t at = 0; at < len; at++)
                check(data[at] == 0x5a);
        }
    }
    p2p_aead_free(sender);
    p2p_aead_free(receiver);
}

static void a_flipped_bit_is_refused(void **state) {
    (void)state;
    p2p_aead *aead = keyed(1);
    const uint8_t nonce[12] = {9};
    uint8_t sealed[5 + P2P_AEAD_TAG_LEN] = "hello";
    check_ok(p2p_aead_seal(aead, sealed, 5, nonce, P2P_LITERAL("ad")));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        uint8_t forged[sizeof sealed];
        memcpy(forged, sealed, sizeof sealed);
        forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_err(
            P2P_ERR_DECRYPT, p2p_aead_open(aead, forged, sizeof forged, nonce, P2P_LITERAL("ad")));
    }
    check(ERR_peek_error() == 0);
    uint8_t copy[sizeof sealed];
    memcpy(copy, sealed, sizeof sealed);
    check_err(P2P_ERR_DECRYPT, p2p_aead_open(aead, copy, sizeof copy, nonce, P2P_LITERAL("aD")));
    check_ok(p2p_aead_open(aead, sealed, sizeof sealed, nonce, P2P_LITERAL("ad")));
    check_same(p2p_bytes_of(sealed, 5), P2P_LITERAL("hello"));
    p2p_aead_free(aead);
}

static void a_message_shorter_than_a_tag_is_refused(void **state) {
    (void)state;
    p2p_aead *aead = keyed(1);
    const uint8_t nonce[12] = {0};
    uint8_t data[P2P_AEAD_TAG_LEN] = {0};
    for (size_t len = 0; len < P2P_AEAD_TAG_LEN; len++)
        check_err(P2P_ERR_DECRYPT, p2p_aead_open(aead, data, len, nonce, (p2p_bytes){0}));
    p2p_aead_free(aead);
    p2p_aead_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc8439_example),
        cmocka_unit_test(every_length_round_trips),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(a_message_shorter_than_a_tag_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
