/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "crypto/crypto.h"
#include "crypto/p256.h"

/* RFC 6979 appendix A.2.5. */
static const char *const private_key =
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";

static void lower(char *dst, const char *hex) {
    for (; *hex != '\0'; hex++)
        *dst++ = (char)(*hex >= 'A' && *hex <= 'F' ? *hex + 32 : *hex);
    *dst = '\0';
}

static void load(uint8_t dst[32], const char *hex) {
    char text[65];
    lower(text, hex);
    check(from_hex(text, dst, 32) == 32);
}

static void the_signatures_of_rfc_6979_come_out(void **state) {
    (void)state;

    static const struct {
        const char *message, *r, *s;
    } vectors[] = {
        {"sample", "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
            "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
        {"test", "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
            "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
    };

    uint8_t scalar[32];
    load(scalar, private_key);
    for (size_t i = 0; i < P2P_COUNT(vectors); i++) {
        uint8_t digest[32];
        uint8_t r[32];
        uint8_t s[32];
        uint8_t want[32];
        p2p_sha256(digest, p2p_bytes_text(vectors[i].message));
        check_ok(p2p_p256_sign(r, s, scalar, digest));
        load(want, vectors[i].r);
        check_same(p2p_bytes_of(r, 32), p2p_bytes_of(want, 32));
        load(want, vectors[i].s);
        check_same(p2p_bytes_of(s, 32), p2p_bytes_of(want, 32));
    }
}

static void the_public_key_of_rfc_6979_comes_out(void **state) {
    (void)state;
    uint8_t scalar[32];
    uint8_t point[65];
    uint8_t want[32];
    load(scalar, private_key);
    check_ok(p2p_p256_public(point, scalar));
    check(point[0] == 4);
    load(want, "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
    check_same(p2p_bytes_of(point + 1, 32), p2p_bytes_of(want, 32));
    load(want, "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
    check_same(p2p_bytes_of(point + 33, 32), p2p_bytes_of(want, 32));
}

static void numbers_outside_the_range_are_no_keys(void **state) {
    (void)state;
    uint8_t scalar[32] = {0};
    uint8_t point[65];
    uint8_t digest[32] = {0};
    uint8_t r[32];
    uint8_t s[32];
    check_err(P2P_ERR_INVALID, p2p_p256_public(point, scalar));
    check_err(P2P_ERR_INVALID, p2p_p256_sign(r, s, scalar, digest));
    memset(scalar, 0xff, sizeof scalar);
    check_err(P2P_ERR_INVALID, p2p_p256_public(point, scalar));
}

static bool verifies(
    const uint8_t point[65], const uint8_t digest[32], const uint8_t r[32], const uint8_t s[32]) {
    return p2p_p256_verify(point, digest, p2p_bytes_of(r, 32), p2p_bytes_of(s, 32));
}

static void a_signature_holds_for_its_key_and_digest_alone(void **state) {
    (void)state;
    uint8_t scalar[32], point[65], digest[32], r[32], s[32];
    load(scalar, private_key);
    check_ok(p2p_p256_public(point, scalar));
    p2p_sha256(digest, p2p_bytes_text("sample"));
    check_ok(p2p_p256_sign(r, s, scalar, digest));
    check(verifies(point, digest, r, s));
    uint8_t *const parts[] = {point + 1, point + 33, digest, r, s};
    for (size_t i = 0; i < P2P_COUNT(parts); i++)
        for (size_t at = 0; at < 32; at++) {
            parts[i][at] ^= 0x10;
            check(!verifies(point, digest, r, s));
            parts[i][at] ^= 0x10;
        }
    check(verifies(point, digest, r, s));
}

/* FIPS 186-5 §6.4.2: both numbers lie between 1 and the order less one. */
static void numbers_outside_the_range_are_no_signature(void **state) {
    (void)state;
    uint8_t scalar[32], point[65], digest[32], r[32], s[32], order[32];
    uint8_t zero[32] = {0}, infinity[65] = {0};
    load(scalar, private_key);
    load(order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
    check_ok(p2p_p256_public(point, scalar));
    p2p_sha256(digest, p2p_bytes_text("sample"));
    check_ok(p2p_p256_sign(r, s, scalar, digest));
    check(!verifies(point, digest, zero, s));
    check(!verifies(point, digest, r, zero));
    check(!verifies(point, digest, order, s));
    check(!verifies(point, digest, r, order));
    check(!verifies(infinity, digest, r, s));
    check(!p2p_p256_verify(point, digest, (p2p_bytes){0}, (p2p_bytes){0}));
    check(!p2p_p256_verify(point, digest, p2p_bytes_of(point, 33), p2p_bytes_of(s, 32)));
}

static void any_48_bytes_make_a_key(void **state) {
    (void)state;
    for (int fill = 0; fill < 256; fill += 51) {
        uint8_t wide[P2P_P256_WIDE];
        uint8_t scalar[32];
        uint8_t point[65];
        memset(wide, fill, sizeof wide);
        check_ok(p2p_p256_scalar(scalar, wide));
        check_ok(p2p_p256_public(point, scalar));
        if (fill == 0)
            check(scalar[31] == 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signatures_of_rfc_6979_come_out),
        cmocka_unit_test(the_public_key_of_rfc_6979_comes_out),
        cmocka_unit_test(numbers_outside_the_range_are_no_keys),
        cmocka_unit_test(a_signature_holds_for_its_key_and_digest_alone),
        cmocka_unit_test(numbers_outside_the_range_are_no_signature),
        cmocka_unit_test(any_48_bytes_make_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
