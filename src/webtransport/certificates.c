/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p's WebTransport spec, "Certificates". Number n of the schedule and a secret of the host
 * give certificate n, to the byte; the timer stands at the next switch.
 */
#include "webtransport/certificates.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "crypto/certificate.h"
#include "crypto/crypto.h"

static const char SECRET_INFO[] = "libp2p webtransport certificates";
static const char CERTIFICATE_INFO[] = "webtransport certificate";
static const char COMMON_NAME[] = "libp2p";

static p2p_bytes public_key(const p2p_wt_certificates *certificates) {
    return p2p_identity_public_key(certificates->env->identity);
}

static int64_t wall_seconds(const p2p_env *env) {
    return (int64_t)(p2p_env_wall_ms(env) / 1000);
}

static p2p_err derive(
    const p2p_wt_certificates *certificates, p2p_certificate *out, int64_t number) {
    p2p_wt_validity validity = p2p_wt_rotation_validity(public_key(certificates), number);
    p2p_certificate_subject subject = {.common_name = p2p_bytes_text(COMMON_NAME),
        .not_before = validity.not_before,
        .not_after = validity.not_after};
    uint8_t salt[8];
    p2p_writer w = p2p_writer_of(salt, sizeof salt);
    p2p_writer_u64(&w, (uint64_t)number);
    return p2p_certificate_derive(out,
        p2p_bytes_of(certificates->secret, sizeof certificates->secret), p2p_writer_view(&w),
        p2p_bytes_text(CERTIFICATE_INFO), &subject);
}

static p2p_err hash_of(
    const p2p_wt_certificates *certificates, uint8_t hash[P2P_CERTHASH_LEN], int64_t number) {
    p2p_certificate certificate;
    p2p_err err = derive(certificates, &certificate, number);
    if (err == P2P_OK)
        p2p_certhash_of_digest(hash, certificate.sha256);
    p2p_certificate_wipe(&certificate);
    return err;
}

/* The one to show, and its place among the hashes. */
static p2p_err make_current(p2p_wt_certificates *certificates, int64_t number) {
    p2p_certificate certificate;
    p2p_quic_credentials *own = NULL;
    p2p_err err = derive(certificates, &certificate, number);
    if (err == P2P_OK)
        err = p2p_quic_credentials_new(&own, certificates->env->mem,
            p2p_bytes_of(certificate.der, certificate.der_len),
            p2p_bytes_of(certificate.key, certificate.key_len));
    if (err == P2P_OK) {
        p2p_certhash_of_digest(certificates->current, certificate.sha256);
        p2p_quic_credentials_free(certificates->before);
        certificates->before = certificates->own;
        certificates->own = own;
    }
    p2p_certificate_wipe(&certificate);
    return err;
}

p2p_err p2p_wt_certificates_prepare(p2p_wt_certificates *certificates) {
    p2p_env *env = certificates->env;
    int64_t wall = wall_seconds(env);
    if (certificates->ready)
        return P2P_OK;
    p2p_wt_rotation at = p2p_wt_rotation_at(public_key(certificates), wall);
    p2p_err err = hash_of(certificates, certificates->last, at.last);
    if (err == P2P_OK)
        err = hash_of(certificates, certificates->next, at.next);
    if (err == P2P_OK)
        err = make_current(certificates, at.current);
    if (err != P2P_OK)
        return err;
    certificates->at = at;
    certificates->ready = true;
    p2p_timer_set(&env->timers, &certificates->timer,
        env->now + (p2p_time)(at.switch_at - wall) * P2P_SECOND);
    return P2P_OK;
}

static void switch_over(p2p_timer *timer, p2p_time now) {
    p2p_wt_certificates *certificates = P2P_CONTAINER(timer, p2p_wt_certificates, timer);
    certificates->ready = false;
    if (p2p_wt_certificates_prepare(certificates) == P2P_OK) {
        certificates->rotated(certificates);
        return;
    }
    /* The present ones are good for another hour: there is time to find memory. */
    certificates->ready = true;
    p2p_timer_set(&certificates->env->timers, timer, now + 60 * P2P_SECOND);
}

p2p_err p2p_wt_certificates_init(p2p_wt_certificates *certificates, p2p_env *env,
    void (*rotated)(p2p_wt_certificates *certificates)) {
    uint8_t key[P2P_PRIVATE_KEY_MAX], prk[P2P_SHA256_LEN];
    size_t len = 0;
    certificates->env = env;
    certificates->rotated = rotated;
    p2p_err err = p2p_timers_expect(&env->timers, &certificates->timer, switch_over);
    if (err != P2P_OK)
        return err;
    if (p2p_identity_private_key(env->identity, key, &len) != P2P_OK) {
        len = P2P_SHA256_LEN;
        p2p_env_random(env, key, len);
    }
    p2p_hkdf_extract(prk, (p2p_bytes){0}, p2p_bytes_of(key, len));
    p2p_hkdf_expand(
        certificates->secret, sizeof certificates->secret, prk, p2p_bytes_text(SECRET_INFO));
    p2p_wipe(key, sizeof key);
    p2p_wipe(prk, sizeof prk);
    return P2P_OK;
}

void p2p_wt_certificates_deinit(p2p_wt_certificates *certificates) {
    p2p_timers_forget(&certificates->env->timers, &certificates->timer);
    p2p_quic_credentials_free(certificates->own);
    p2p_quic_credentials_free(certificates->before);
    p2p_wipe(certificates->secret, sizeof certificates->secret);
}

p2p_err p2p_wt_certificates_push(const p2p_wt_certificates *certificates, p2p_multiaddr *addr) {
    p2p_err err = p2p_multiaddr_push(
        addr, P2P_CERTHASH, p2p_bytes_of(certificates->current, P2P_CERTHASH_LEN));
    return err == P2P_OK ? p2p_multiaddr_push(addr, P2P_CERTHASH,
                               p2p_bytes_of(certificates->next, P2P_CERTHASH_LEN))
                         : err;
}
