/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/identity.h>

#include "secure/certificate.h"
#include "support/forged_cert.h"

static const uint64_t JUNE_2023 = UINT64_C(1686000000000);

static void check_line(char *line) {
    static uint8_t der[4096];
    char *save = NULL;
    const char *name = strtok_r(line, " ", &save);
    bool good = strcmp(strtok_r(NULL, " ", &save), "good") == 0;
    uint64_t seconds = strtoull(strtok_r(NULL, " ", &save), NULL, 10);
    const char *peer = strtok_r(NULL, " ", &save);
    size_t len = from_hex(strtok_r(NULL, " ", &save), der, sizeof der);
    p2p_cert_owner owner;
    p2p_err err = p2p_cert_verify(&owner, p2p_bytes_of(der, len), seconds * 1000);
    if (err != (good ? P2P_OK : P2P_ERR_BAD_CERTIFICATE))
        fail_msg("%s: %s", name, p2p_err_name(err));
    if (strcmp(peer, "-") != 0) {
        p2p_peer_id want;
        check_ok(p2p_peer_id_parse(&want, peer));
        check(p2p_peer_id_equal(&owner.peer, &want));
        check_ok(p2p_peer_id_of_key(&want, p2p_bytes_of(owner.public_key, owner.public_key_len)));
        check(p2p_peer_id_equal(&owner.peer, &want));
    }
}

static void certificates_of_others(void **state) {
    (void)state;
    size_t len;
    char *text = (char *)read_vector_file("tls/certificates.txt", &len);
    int lines = 0;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#')
            continue;
        check_line(line);
        lines++;
    }
    check(lines == 19);
    free(text);
}

static p2p_err try_at(const forged_cert *how, uint64_t wall_ms) {
    uint8_t der[4096];
    p2p_cert_owner owner;
    size_t len = forge_cert(how, der, sizeof der, NULL);
    return p2p_cert_verify(&owner, p2p_bytes_of(der, len), wall_ms);
}

static p2p_err try_cert(const forged_cert *how) {
    return try_at(how, JUNE_2023);
}

static void sound_keys_are_accepted(void **state) {
    (void)state;
    const forged_cert good[] = {
        {0},
        {.curve = "P-384", .digest = "SHA384"},
        {.key_type = "ED25519"},
        {.key_type = "RSA"},
        {.key_type = "RSA", .digest = "SHA384"},
        {.key_type = "RSA", .digest = "SHA512"},
    };
    for (size_t i = 0; i < P2P_COUNT(good); i++)
        check_ok(try_cert(&good[i]));
}

static void weak_or_unusual_keys_are_refused(void **state) {
    (void)state;
    const forged_cert bad[] = {
        {.curve = "P-521", .digest = "SHA512"},
        {.curve = "secp256k1"},
        {.curve = "P-384", .digest = "SHA256"},
        {.curve = "P-256", .digest = "SHA384"},
        {.curve = "P-256", .digest = "SHA1"},
        {.key_type = "ED448"},
        {.key_type = "RSA", .digest = "SHA1"},
        {.key_type = "RSA", .rsa_bits = 1024},
    };
    for (size_t i = 0; i < P2P_COUNT(bad); i++)
        check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&bad[i]));
}

/* spec: tls #peer-authentication: abort if the extension is missing, or if there is a critical one
 * that is not understood. */
static void extensions_are_held_to_the_rules(void **state) {
    (void)state;
    check_ok(try_cert(&(forged_cert){.critical = true}));
    check_ok(try_cert(&(forged_cert){.other = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.other_critical = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.no_extension = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.twice = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.extension_cut = 1}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.extension_cut = 100}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.extension_more = true}));
}

/* spec: tls #peer-authentication: abort if the self-signature is not valid. */
static void signatures_are_checked(void **state) {
    (void)state;
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.other_signer = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.other_statement = true}));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_cert(&(forged_cert){.version_1 = true}));
}

/* spec: tls #peer-authentication: abort if the certificate is not yet valid or expired. */
static void dates_are_checked(void **state) {
    (void)state;
    const forged_cert plain = {0};
    const forged_cert long_lived = {
        .not_before = "19750101000000Z", .not_after = "40960101000000Z"};
    check_err(P2P_ERR_BAD_CERTIFICATE, try_at(&plain, UINT64_C(1672531199000)));
    check_ok(try_at(&plain, UINT64_C(1672531201000)));
    check_ok(try_at(&plain, UINT64_C(1704067199000)));
    check_err(P2P_ERR_BAD_CERTIFICATE, try_at(&plain, UINT64_C(1704067201000)));
    check_ok(try_at(&long_lived, UINT64_C(1704067201000)));
    check_ok(try_at(&long_lived, UINT64_C(2524608000000)));  /* 2050, where the encoding changes */
    check_ok(try_at(&long_lived, UINT64_C(10000000000000))); /* 2286 */
}

/* spec: tls #libp2p-public-key-extension: peers MUST verify the signature. */
static void every_flipped_byte_is_refused(void **state) {
    (void)state;
    uint8_t der[4096];
    p2p_cert_owner owner;
    size_t len = forge_cert(&(forged_cert){0}, der, sizeof der, NULL);
    for (size_t i = 0; i < len; i++) {
        der[i] ^= (uint8_t)(1U << (i % 8));
        check_err(
            P2P_ERR_BAD_CERTIFICATE, p2p_cert_verify(&owner, p2p_bytes_of(der, len), JUNE_2023));
        der[i] ^= (uint8_t)(1U << (i % 8));
    }
    check_ok(p2p_cert_verify(&owner, p2p_bytes_of(der, len), JUNE_2023));
}

static void a_certificate_of_another_length_is_refused(void **state) {
    (void)state;
    uint8_t der[4096];
    p2p_cert_owner owner;
    size_t len = forge_cert(&(forged_cert){0}, der, sizeof der, NULL);
    for (size_t cut = 0; cut <= len + 1; cut++) {
        if (cut != len)
            check_err(P2P_ERR_BAD_CERTIFICATE,
                p2p_cert_verify(&owner, p2p_bytes_of(der, cut), JUNE_2023));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_others),
        cmocka_unit_test(sound_keys_are_accepted),
        cmocka_unit_test(weak_or_unusual_keys_are_refused),
        cmocka_unit_test(extensions_are_held_to_the_rules),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(dates_are_checked),
        cmocka_unit_test(every_flipped_byte_is_refused),
        cmocka_unit_test(a_certificate_of_another_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
