/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/certificate.h"

#include <openssl/x509.h>

#include "identity/identity.h"
#include "support/check.h"

static const uint64_t WALL_MS = UINT64_C(1700000000000);

typedef struct host {
    p2p_env env;
    seeded_random random;
    p2p_identity *identity;
} host;

static p2p_err host_init(host *h, const p2p_mem *mem, p2p_key_kind kind) {
    *h = (host){0};
    seeded_random_init(&h->random, 5);
    h->env.mem = mem;
    h->env.random = &h->random.random;
    p2p_err err = p2p_identity_generate(&h->identity, kind, mem, &h->random.random);
    h->env.identity = h->identity;
    return err;
}

static void host_deinit(host *h) {
    p2p_env_free_parts(&h->env);
    p2p_identity_free(h->identity);
}

static const p2p_mem PLAIN = {NULL, NULL};

static void the_hosts_certificate_is_accepted_by_the_rules(void **state) {
    (void)state;
    const p2p_key_kind kinds[] = {P2P_ED25519, P2P_SECP256K1, P2P_ECDSA, P2P_RSA};
    for (size_t i = 0; i < P2P_COUNT(kinds); i++) {
        host h;
        const p2p_cert *cert;
        p2p_cert_owner owner;
        check_ok(host_init(&h, &PLAIN, kinds[i]));
        check_ok(p2p_cert_get(&cert, &h.env, NULL));
        check_ok(p2p_cert_verify(&owner, cert->certificate, WALL_MS));
        check_ok(p2p_cert_verify(&owner, cert->certificate, UINT64_C(4000000000000)));
        check(p2p_peer_id_equal(&owner.peer, p2p_identity_peer(h.identity)));
        check_same(p2p_bytes_of(owner.public_key, owner.public_key_len),
            p2p_identity_public_key(h.identity));
        host_deinit(&h);
    }
}

static void it_is_made_once(void **state) {
    (void)state;
    host h;
    const p2p_cert *first;
    const p2p_cert *second;
    check_ok(host_init(&h, &PLAIN, P2P_ED25519));
    check_ok(p2p_cert_get(&first, &h.env, NULL));
    check_ok(p2p_cert_get(&second, &h.env, NULL));
    check(first == second);
    host_deinit(&h);
}

static void the_private_key_belongs_to_it(void **state) {
    (void)state;
    host h;
    const p2p_cert *cert;
    check_ok(host_init(&h, &PLAIN, P2P_ED25519));
    check_ok(p2p_cert_get(&cert, &h.env, NULL));
    const uint8_t *at = cert->certificate.ptr;
    X509 *x509 = d2i_X509(NULL, &at, (long)cert->certificate.len);
    at = cert->private_key.ptr;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)cert->private_key.len);
    EVP_PKEY *key = EVP_PKCS82PKEY(info);
    check(X509_check_private_key(x509, key) == 1);
    EVP_PKEY_free(key);
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_free(x509);
    host_deinit(&h);
}

/* --- a signer that answers later --- */

typedef struct late {
    p2p_sign_job *job;
    uint8_t message[512];
    size_t message_len;
    p2p_cert_waiter waiter;
    int ready;
    p2p_err err;
} late;

static void remember(void *ctx, p2p_bytes message, p2p_sign_job *job) {
    late *l = ctx;
    memcpy(l->message, message.ptr, message.len);
    l->message_len = message.len;
    l->job = job;
}

static void ready(p2p_cert_waiter *waiter, p2p_err err) {
    late *l = P2P_CONTAINER(waiter, late, waiter);
    l->ready++;
    l->err = err;
}

static void a_late_signature_wakes_those_who_wait(void **state) {
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        host h;
        late l = {.waiter.ready = ready};
        const p2p_cert *cert;
        p2p_signature signature;
        p2p_sign_job *pending;
        p2p_cert_owner owner;
        check_ok(host_init(&h, &PLAIN, P2P_ED25519));
        check_ok(p2p_identity_external(
            &h.env.identity, p2p_identity_public_key(h.identity), remember, &l, &PLAIN));
        check_err(P2P_ERR_AGAIN, p2p_cert_get(&cert, &h.env, &l.waiter));
        check_err(P2P_ERR_AGAIN, p2p_cert_get(&cert, &h.env, NULL));
        check_ok(p2p_identity_sign(
            h.identity, &signature, &pending, p2p_bytes_of(l.message, l.message_len), NULL, NULL));
        p2p_sign_done(l.job, refused ? P2P_ERR_PERMISSION : P2P_OK,
            p2p_bytes_of(signature.bytes, signature.len));
        check(l.ready == 1 && l.err == (refused ? P2P_ERR_PERMISSION : P2P_OK));
        check_err(refused ? P2P_ERR_AGAIN : P2P_OK, p2p_cert_get(&cert, &h.env, NULL));
        if (!refused)
            check_ok(p2p_cert_verify(&owner, cert->certificate, WALL_MS));
        p2p_env_free_parts(&h.env);
        if (refused)
            p2p_sign_done(l.job, P2P_ERR_CANCELLED, p2p_bytes_of(NULL, 0));
        p2p_identity_free(h.env.identity);
        host_deinit(&h);
    }
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    host h;
    const p2p_cert *cert;
    p2p_err err = host_init(&h, mem, P2P_ED25519);
    if (err == P2P_OK)
        err = p2p_cert_get(&cert, &h.env, NULL);
    host_deinit(&h);
    return err;
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hosts_certificate_is_accepted_by_the_rules),
        cmocka_unit_test(it_is_made_once),
        cmocka_unit_test(the_private_key_belongs_to_it),
        cmocka_unit_test(a_late_signature_wakes_those_who_wait),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
