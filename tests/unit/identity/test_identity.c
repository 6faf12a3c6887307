/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "identity/identity.h"

#include "support/check.h"

static const p2p_mem MEM = {0};
static const p2p_key_kind KINDS[] = {P2P_ED25519, P2P_SECP256K1, P2P_ECDSA, P2P_RSA};

static p2p_identity *generated(p2p_key_kind kind, uint64_t seed) {
    seeded_random random;
    seeded_random_init(&random, seed);
    p2p_identity *identity;
    check_ok(p2p_identity_generate(&identity, kind, &MEM, &random.random));
    check(p2p_identity_kind(identity) == kind);
    return identity;
}

static void never(void *ctx, p2p_err err, p2p_bytes signature) {
    (void)ctx;
    (void)signature;
    fail_msg("an answer that nobody waits for: %s", p2p_err_name(err));
}

static void check_signs(const p2p_identity *identity) {
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_bytes public_key = p2p_identity_public_key(identity);
    p2p_bytes message = P2P_LITERAL("libp2p");
    check_ok(p2p_identity_sign(identity, &signature, &pending, message, never, NULL));
    check(pending == NULL);
    p2p_bytes sig = p2p_bytes_of(signature.bytes, signature.len);
    check_ok(p2p_verify(public_key, message, sig));
    check_err(P2P_ERR_BAD_SIGNATURE, p2p_verify(public_key, P2P_LITERAL("libp2P"), sig));
}

static void the_specs_key_pairs(void **state) {
    (void)state;
    size_t len;
    int pairs = 0;
    char *text = (char *)read_vector_file("keys/keys.txt", &len);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), pairs++) {
        char private_hex[1024];
        char public_hex[1024];
        int kind = line[0] - '0';
        uint8_t bytes[512];
        uint8_t out[P2P_PRIVATE_KEY_MAX];
        size_t out_len;
        p2p_identity *identity;
        check(sscanf(line, "%*s %1023s %1023s", private_hex, public_hex) == 2);
        p2p_bytes encoded = p2p_bytes_of(bytes, from_hex(private_hex, bytes, sizeof bytes));
        check_ok(p2p_identity_decode(&identity, encoded, &MEM));
        check((int)p2p_identity_kind(identity) == kind);
        check_bytes(p2p_identity_public_key(identity), public_hex);
        check_ok(p2p_identity_private_key(identity, out, &out_len));
        check_same(p2p_bytes_of(out, out_len), encoded);
        check_signs(identity);
        p2p_identity_free(identity);
    }
    check(pairs == 3);
    free(text);
}

static void every_kind_round_trips_and_signs(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(KINDS); i++) {
        uint8_t out[P2P_PRIVATE_KEY_MAX];
        size_t len;
        p2p_identity *identity = generated(KINDS[i], 1);
        p2p_identity *copy;
        check_signs(identity);
        check_ok(p2p_identity_private_key(identity, out, &len));
        check_ok(p2p_identity_decode(&copy, p2p_bytes_of(out, len), &MEM));
        check(p2p_peer_id_equal(p2p_identity_peer(copy), p2p_identity_peer(identity)));
        check_signs(copy);
        p2p_peer_id id;
        check_ok(p2p_peer_id_of_key(&id, p2p_identity_public_key(identity)));
        check(p2p_peer_id_equal(&id, p2p_identity_peer(identity)));
        p2p_identity_free(copy);
        p2p_identity_free(identity);
    }
    p2p_identity_free(NULL);
}

/* peer-ids spec #ed25519: seed, public, public. */
static void old_ed25519_files_are_read(void **state) {
    (void)state;
    uint8_t out[P2P_PRIVATE_KEY_MAX];
    uint8_t old[100] = {8, 1, 18, 96};
    size_t len;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    p2p_identity *read;
    check_ok(p2p_identity_private_key(identity, out, &len));
    check(len == 68);
    memcpy(old + 4, out + 4, 64);
    memcpy(old + 68, out + 36, 32);
    check_ok(p2p_identity_decode(&read, p2p_bytes_of(old, sizeof old), &MEM));
    check(p2p_peer_id_equal(p2p_identity_peer(read), p2p_identity_peer(identity)));
    p2p_identity_free(read);
    old[99] ^= 1; /* the two copies differ */
    check_err(P2P_ERR_INVALID, p2p_identity_decode(&read, p2p_bytes_of(old, sizeof old), &MEM));
    old[67] ^= 1; /* they agree, but are not the seed's */
    check_err(P2P_ERR_INVALID, p2p_identity_decode(&read, p2p_bytes_of(old, sizeof old), &MEM));
    out[67] ^= 1;
    check_err(P2P_ERR_INVALID, p2p_identity_decode(&read, p2p_bytes_of(out, len), &MEM));
    check(read == NULL);
    p2p_identity_free(identity);
}

static void bad_key_files_are_refused(void **state) {
    (void)state;

    static const struct {
        p2p_err err;
        const char *hex;
    } cases[] = {
        {P2P_ERR_MALFORMED, ""},
        {P2P_ERR_MALFORMED, "0801"},
        {P2P_ERR_MALFORMED, "1200"},
        {P2P_ERR_MALFORMED, "08011200"},
        {P2P_ERR_MALFORMED, "080112021111"},
        {P2P_ERR_MALFORMED, "0801080112021111"},
        {P2P_ERR_MALFORMED, "08021203111111"},
        {P2P_ERR_MALFORMED, "08031203111111"},
        {P2P_ERR_MALFORMED, "08001203111111"},
        {P2P_ERR_MALFORMED, "080112ff"},
        {P2P_ERR_UNSUPPORTED, "08041203111111"},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t bytes[32];
        p2p_identity *identity;
        size_t len = from_hex(cases[i].hex, bytes, sizeof bytes);
        check_err(cases[i].err, p2p_identity_decode(&identity, p2p_bytes_of(bytes, len), &MEM));
        check(identity == NULL);
    }
}

static p2p_err load_and_free(const p2p_mem *mem, void *ctx) {
    p2p_identity *identity;
    p2p_err err = p2p_identity_decode(&identity, *(p2p_bytes *)ctx, mem);
    check((err == P2P_OK) == (identity != NULL));
    p2p_identity_free(identity);
    return err;
}

static void allocation_failures_leak_nothing(void **state) {
    (void)state;
    uint8_t out[P2P_PRIVATE_KEY_MAX];
    size_t len;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    check_ok(p2p_identity_private_key(identity, out, &len));
    p2p_identity_free(identity);
    p2p_bytes encoded = p2p_bytes_of(out, len);
    sweep_allocations(load_and_free, &encoded);
}

/* --- a key that lives elsewhere --- */

typedef struct remote_key {
    p2p_identity *own;
    bool at_once;
    p2p_err fail_with;
    p2p_sign_job *job;
    p2p_signature signature;
    p2p_err got_err;
    p2p_signature got;
    int answers;
} remote_key;

static void answer(remote_key *remote) {
    p2p_sign_job *job = remote->job;
    remote->job = NULL;
    p2p_sign_done(
        job, remote->fail_with, p2p_bytes_of(remote->signature.bytes, remote->signature.len));
}

static void remote_sign(void *ctx, p2p_bytes message, p2p_sign_job *job) {
    remote_key *remote = ctx;
    p2p_sign_job *none;
    check_ok(p2p_identity_sign(remote->own, &remote->signature, &none, message, never, NULL));
    remote->job = job;
    if (remote->at_once)
        answer(remote);
}

static void take_answer(void *ctx, p2p_err err, p2p_bytes signature) {
    remote_key *remote = ctx;
    remote->answers++;
    remote->got_err = err;
    remote->got.len = (uint16_t)signature.len;
    p2p_copy(remote->got.bytes, signature.ptr, signature.len);
}

static p2p_identity *external(remote_key *remote, faulty_mem *faulty) {
    p2p_identity *identity;
    *remote = (remote_key){.own = generated(P2P_ED25519, 4)};
    faulty_mem_init(faulty);
    check_ok(p2p_identity_external(
        &identity, p2p_identity_public_key(remote->own), remote_sign, remote, &faulty->mem));
    check(p2p_peer_id_equal(p2p_identity_peer(identity), p2p_identity_peer(remote->own)));
    return identity;
}

static void finish(remote_key *remote, faulty_mem *faulty) {
    p2p_identity_free(remote->own);
    check(faulty->live_blocks == 0 && faulty->live_bytes == 0);
}

static void an_external_signer_may_answer_at_once(void **state) {
    (void)state;
    remote_key remote;
    faulty_mem faulty;
    uint8_t out[P2P_PRIVATE_KEY_MAX];
    size_t len;
    p2p_identity *identity = external(&remote, &faulty);
    remote.at_once = true;
    check_signs(identity);
    check_err(P2P_ERR_UNSUPPORTED, p2p_identity_private_key(identity, out, &len));
    static const p2p_err failures[] = {P2P_ERR_CANCELLED, P2P_ERR_CRYPTO};
    for (size_t i = 0; i < P2P_COUNT(failures); i++) {
        p2p_signature signature;
        p2p_sign_job *pending;
        remote.fail_with = failures[i];
        check_err(failures[i],
            p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"), never, NULL));
        check(pending == NULL && signature.len == 0);
    }
    p2p_identity_free(identity);
    finish(&remote, &faulty);
}

static void an_external_signer_may_answer_later(void **state) {
    (void)state;
    remote_key remote;
    faulty_mem faulty;
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_identity *identity = external(&remote, &faulty);
    check_err(P2P_ERR_AGAIN,
        p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"), take_answer, &remote));
    check(pending != NULL && pending == remote.job && remote.answers == 0);
    answer(&remote);
    check(remote.answers == 1);
    check_ok(remote.got_err);
    check_ok(p2p_verify(p2p_identity_public_key(identity), P2P_LITERAL("x"),
        p2p_bytes_of(remote.got.bytes, remote.got.len)));

    check_err(P2P_ERR_AGAIN,
        p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"), take_answer, &remote));
    remote.fail_with = P2P_ERR_TIMEOUT;
    answer(&remote);
    check(remote.answers == 2 && remote.got.len == 0);
    check_err(P2P_ERR_TIMEOUT, remote.got_err);
    p2p_identity_free(identity);
    finish(&remote, &faulty);
}

static void the_asker_and_the_identity_may_go_first(void **state) {
    (void)state;
    remote_key remote;
    faulty_mem faulty;
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_identity *identity = external(&remote, &faulty);
    check_err(P2P_ERR_AGAIN,
        p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"), take_answer, &remote));
    p2p_sign_cancel(pending);
    p2p_identity_free(identity);
    check(faulty.live_blocks == 1);
    answer(&remote);
    check(remote.answers == 0);
    finish(&remote, &faulty);
}

static void an_impossible_answer_is_an_error(void **state) {
    (void)state;
    remote_key remote;
    faulty_mem faulty;
    p2p_signature signature;
    p2p_sign_job *pending;
    uint8_t huge[P2P_SIGNATURE_MAX + 1] = {0};

    const struct {
        p2p_err err;
        size_t len;
    } cases[] = {{P2P_OK, 0}, {P2P_OK, sizeof huge}, {P2P_ERR_AGAIN, 64}};

    p2p_identity *identity = external(&remote, &faulty);
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        check_err(P2P_ERR_AGAIN, p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"),
                                     take_answer, &remote));
        p2p_sign_done(pending, cases[i].err, p2p_bytes_of(huge, cases[i].len));
        check_err(P2P_ERR_CRYPTO, remote.got_err);
    }
    p2p_identity_free(identity);
    finish(&remote, &faulty);
}

static p2p_err sign_externally(const p2p_mem *mem, void *ctx) {
    remote_key *remote = ctx;
    p2p_identity *identity;
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_err err = p2p_identity_external(
        &identity, p2p_identity_public_key(remote->own), remote_sign, remote, mem);
    if (err != P2P_OK)
        return err;
    err = p2p_identity_sign(identity, &signature, &pending, P2P_LITERAL("x"), take_answer, remote);
    p2p_identity_free(identity);
    if (err != P2P_ERR_AGAIN)
        return err;
    answer(remote);
    return remote->got_err;
}

static void external_signing_survives_allocation_failures(void **state) {
    (void)state;
    remote_key remote = {.own = generated(P2P_ED25519, 4)};
    sweep_allocations(sign_externally, &remote);
    p2p_identity_free(remote.own);
}

static void an_external_identity_needs_a_sound_public_key(void **state) {
    (void)state;
    p2p_identity *identity;
    uint8_t not_a_point[37] = {8, 2, 18, 33, 2};
    check_err(P2P_ERR_MALFORMED,
        p2p_identity_external(&identity, p2p_bytes_of(not_a_point, 37), remote_sign, NULL, &MEM));
    check_err(P2P_ERR_MALFORMED,
        p2p_identity_external(&identity, (p2p_bytes){0}, remote_sign, NULL, &MEM));
    check(identity == NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specs_key_pairs),
        cmocka_unit_test(every_kind_round_trips_and_signs),
        cmocka_unit_test(old_ed25519_files_are_read),
        cmocka_unit_test(bad_key_files_are_refused),
        cmocka_unit_test(allocation_failures_leak_nothing),
        cmocka_unit_test(an_external_signer_may_answer_at_once),
        cmocka_unit_test(an_external_signer_may_answer_later),
        cmocka_unit_test(the_asker_and_the_identity_may_go_first),
        cmocka_unit_test(an_impossible_answer_is_an_error),
        cmocka_unit_test(external_signing_survives_allocation_failures),
        cmocka_unit_test(an_external_identity_needs_a_sound_public_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
