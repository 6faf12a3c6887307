/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Vectors: FIPS 180-4 examples, RFC 2202, RFC 4231, RFC 5869 appendix A. */
#include "crypto/crypto.h"

#include "support/check.h"

static void sha256_of_abc(void **state) {
    (void)state;
    uint8_t digest[32];
    p2p_sha256(digest, P2P_LITERAL("abc"));
    check_bytes(p2p_bytes_of(digest, 32),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    p2p_sha256(digest, (p2p_bytes){0});
    check_bytes(p2p_bytes_of(digest, 32),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void two_parts_hash_like_their_concatenation(void **state) {
    (void)state;
    uint8_t digest[32];
    const p2p_bytes whole = P2P_LITERAL("abc");
    for (size_t cut = 0; cut <= whole.len; cut++) {
        p2p_sha256_two(
            digest, p2p_bytes_of(whole.ptr, cut), p2p_bytes_of(whole.ptr + cut, whole.len - cut));
        check_bytes(p2p_bytes_of(digest, 32),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

static void sha1_of_abc(void **state) {
    (void)state;
    uint8_t digest[20];
    p2p_sha1(digest, P2P_LITERAL("abc"));
    check_bytes(p2p_bytes_of(digest, 20), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void hmac_vectors(void **state) {
    (void)state;
    uint8_t mac[32];
    uint8_t key[131];
    memset(key, 0x0b, 20);
    p2p_hmac_sha256(mac, p2p_bytes_of(key, 20), P2P_LITERAL("Hi There"));
    check_bytes(
        p2p_bytes_of(mac, 32), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    p2p_hmac_sha1(mac, p2p_bytes_of(key, 20), P2P_LITERAL("Hi There"));
    check_bytes(p2p_bytes_of(mac, 20), "b617318655057264e28bc0b6fb378c8ef146be00");

    p2p_bytes question = P2P_LITERAL("what do ya want for nothing?");
    p2p_hmac_sha256(mac, P2P_LITERAL("Jefe"), question);
    check_bytes(
        p2p_bytes_of(mac, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    p2p_hmac_sha1(mac, P2P_LITERAL("Jefe"), question);
    check_bytes(p2p_bytes_of(mac, 20), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");

    memset(key, 0xaa, sizeof key);
    p2p_hmac_sha256(mac, p2p_bytes_of(key, sizeof key),
        P2P_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"));
    check_bytes(
        p2p_bytes_of(mac, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hkdf_vectors(void **state) {
    (void)state;
    uint8_t secret[22];
    uint8_t salt[13];
    uint8_t info[10];
    uint8_t prk[32];
    uint8_t okm[42];
    memset(secret, 0x0b, sizeof secret);
    from_hex("000102030405060708090a0b0c", salt, sizeof salt);
    from_hex("f0f1f2f3f4f5f6f7f8f9", info, sizeof info);
    p2p_hkdf_extract(prk, p2p_bytes_of(salt, sizeof salt), p2p_bytes_of(secret, sizeof secret));
    check_bytes(
        p2p_bytes_of(prk, 32), "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    p2p_hkdf_expand(okm, sizeof okm, prk, p2p_bytes_of(info, sizeof info));
    check_bytes(p2p_bytes_of(okm, sizeof okm),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");

    p2p_hkdf_extract(prk, (p2p_bytes){0}, p2p_bytes_of(secret, sizeof secret));
    check_bytes(
        p2p_bytes_of(prk, 32), "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04");
    p2p_hkdf_expand(okm, sizeof okm, prk, (p2p_bytes){0});
    check_bytes(p2p_bytes_of(okm, sizeof okm),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

/* RFC 5869 §2.3: the longest output has 255 blocks, and a shorter one is its prefix. */
static void hkdf_outputs_of_all_lengths_share_their_prefix(void **state) {
    (void)state;
    static uint8_t longest[255 * 32];
    uint8_t prk[32] = {1};
    p2p_hkdf_expand(longest, sizeof longest, prk, P2P_LITERAL("x"));
    for (size_t len = 0; len < 100; len++) {
        uint8_t out[101];
        out[len] = 0x77;
        p2p_hkdf_expand(out, len, prk, P2P_LITERAL("x"));
        check_same(p2p_bytes_of(out, len), p2p_bytes_of(longest, len));
        check(out[len] == 0x77);
    }
}

/* Noise's Split derives keys from an empty secret. */
static void an_empty_secret_is_allowed(void **state) {
    (void)state;
    uint8_t prk[32];
    uint8_t mac[32];
    p2p_hkdf_extract(prk, P2P_LITERAL("salt"), (p2p_bytes){0});
    p2p_hmac_sha256(mac, P2P_LITERAL("salt"), P2P_LITERAL(""));
    check_same(p2p_bytes_of(prk, 32), p2p_bytes_of(mac, 32));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(two_parts_hash_like_their_concatenation),
        cmocka_unit_test(sha1_of_abc),
        cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(hkdf_vectors),
        cmocka_unit_test(hkdf_outputs_of_all_lengths_share_their_prefix),
        cmocka_unit_test(an_empty_secret_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
