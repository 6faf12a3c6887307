/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the endpoint says to datagrams that belong to no connection, without keeping anything:
 * Version Negotiation and Retry (RFC 9000 §6, §8.1), a refusal in one packet, stateless resets
 * (§10.3). All are smaller than what provoked them, and those that a stranger can provoke at will
 * are rationed.
 *
 * The keys come from the identity's private key, so that resets and tokens survive a restart; with
 * an external key, which cannot be read, they are random and do not.
 */
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "quic/address.h"
#include "quic/endpoint.h"

enum {
    ANSWERS_PER_SECOND = 50, /* of each rationed kind */
    ANSWERS_AT_ONCE = 20,
    /* RFC 9000 §10.3: a reset of 43 bytes or more looks like any packet, and it must be smaller
     * than what it answers, or two endpoints could answer each other for ever. */
    RESET_LEN = 43,
    /* What hole punching sends is this long and random (DCUtR): never answered. */
    PUNCH_LEN = 64,
    ANSWER_MAX = 512
};

/* The info strings that go-libp2p and rust-libp2p use for the same purposes. */
static const char RESET_INFO[] = "libp2p quic stateless reset key";
static const char TOKEN_INFO[] = "libp2p quic token generator key";

void p2p_quic_init_keys(p2p_quic_endpoint *endpoint) {
    p2p_env *env = endpoint->env;
    uint8_t secret[P2P_PRIVATE_KEY_MAX], prk[P2P_SHA256_LEN];
    size_t len = 0;
    if (env->identity == NULL || p2p_identity_private_key(env->identity, secret, &len) != P2P_OK) {
        len = P2P_SHA256_LEN;
        p2p_env_random(env, secret, len);
    }
    p2p_hkdf_extract(prk, (p2p_bytes){0}, p2p_bytes_of(secret, len));
    p2p_hkdf_expand(
        endpoint->reset_key, sizeof endpoint->reset_key, prk, p2p_bytes_text(RESET_INFO));
    p2p_hkdf_expand(
        endpoint->token_key, sizeof endpoint->token_key, prk, p2p_bytes_text(TOKEN_INFO));
    p2p_wipe(secret, sizeof secret);
    p2p_wipe(prk, sizeof prk);
}

void p2p_quic_reset_token(
    const p2p_quic_endpoint *endpoint, uint8_t token[16], const uint8_t *cid, size_t len) {
    uint8_t mac[P2P_SHA256_LEN];
    p2p_hmac_sha256(
        mac, p2p_bytes_of(endpoint->reset_key, sizeof endpoint->reset_key), p2p_bytes_of(cid, len));
    memcpy(token, mac, NGTCP2_STATELESS_RESET_TOKENLEN);
}

static bool may_answer(p2p_quic_allowance *allowance, p2p_time now) {
    p2p_time step = P2P_SECOND / ANSWERS_PER_SECOND;
    uint64_t refill = (now - allowance->filled) / step;
    if (allowance->filled == 0 || refill >= ANSWERS_AT_ONCE) {
        allowance->left = ANSWERS_AT_ONCE;
        allowance->filled = now;
    } else {
        uint64_t left = allowance->left + refill;
        allowance->left = left < ANSWERS_AT_ONCE ? (uint32_t)left : ANSWERS_AT_ONCE;
        allowance->filled += refill * step;
    }
    if (allowance->left == 0)
        return false;
    allowance->left--;
    return true;
}

/* Lost like any datagram when too many wait. */
static void answer(const p2p_quic_arrival *in, const uint8_t *data, ngtcp2_ssize len) {
    if (len <= 0)
        return;
    p2p_err lost = p2p_udp_send(
        in->sock, &in->from->remote, &in->from->local, p2p_bytes_of(data, (size_t)len));
    (void)lost;
}

/* spec: rfc9000 #6.1: a server that does not support the version SHOULD send a Version Negotiation
 * packet. */
void p2p_quic_send_versions(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen) {
    uint8_t packet[ANSWER_MAX], unused;
    const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    if (!may_answer(&endpoint->version_allowance, endpoint->env->now))
        return;
    p2p_env_random(endpoint->env, &unused, 1);
    /* The fixed bit stays set, for whoever tells QUIC from others by it. */
    ngtcp2_ssize len = ngtcp2_pkt_write_version_negotiation(packet, sizeof packet, unused | 0x40,
        seen->scid, seen->scidlen, seen->dcid, seen->dcidlen, versions, P2P_COUNT(versions));
    answer(in, packet, len);
    endpoint->counters.versions++;
}

void p2p_quic_send_retry(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd) {
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2], packet[ANSWER_MAX];
    p2p_quic_sockaddr remote;
    ngtcp2_socklen remote_len = p2p_quic_sockaddr_from(&remote, &in->from->remote);
    ngtcp2_cid scid = {.datalen = P2P_QUIC_CID_LEN};
    p2p_env_random(endpoint->env, scid.data, scid.datalen);
    ngtcp2_ssize token_len =
        ngtcp2_crypto_generate_retry_token2(token, endpoint->token_key, sizeof endpoint->token_key,
            hd->version, &remote.any, remote_len, &scid, &hd->dcid, endpoint->env->now);
    if (token_len < 0)
        return;
    ngtcp2_ssize len = ngtcp2_crypto_write_retry(
        packet, sizeof packet, hd->version, &hd->scid, &scid, &hd->dcid, token, (size_t)token_len);
    answer(in, packet, len);
    endpoint->counters.retries++;
}

/* spec: rfc9000 #8.1.2: a server MUST be able to tell a token of a Retry from others, and that it
 * was sent to this client. */
p2p_err p2p_quic_check_token(const p2p_quic_endpoint *endpoint, ngtcp2_cid *original,
    const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd) {
    p2p_quic_sockaddr remote;
    ngtcp2_socklen remote_len = p2p_quic_sockaddr_from(&remote, &in->from->remote);
    /* A token of another kind comes from an earlier server here, or from nowhere: as good as none.
     */
    if (hd->tokenlen == 0 || hd->token[0] != NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2)
        return P2P_ERR_NOT_FOUND;
    int rv = ngtcp2_crypto_verify_retry_token2(original, hd->token, hd->tokenlen,
        endpoint->token_key, sizeof endpoint->token_key, hd->version, &remote.any, remote_len,
        &hd->dcid, P2P_QUIC_TOKEN_LIFE, endpoint->env->now);
    return rv == 0 ? P2P_OK : P2P_ERR_BAD_SIGNATURE;
}

void p2p_quic_send_refusal(p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in,
    const ngtcp2_pkt_hd *hd, uint64_t code) {
    uint8_t packet[ANSWER_MAX];
    endpoint->counters.refused++;
    if (!may_answer(&endpoint->version_allowance, endpoint->env->now))
        return;
    ngtcp2_ssize len = ngtcp2_crypto_write_connection_close(
        packet, sizeof packet, hd->version, &hd->scid, &hd->dcid, code, NULL, 0);
    answer(in, packet, len);
}

void p2p_quic_send_reset(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen) {
    uint8_t packet[RESET_LEN], noise[RESET_LEN - NGTCP2_STATELESS_RESET_TOKENLEN];
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
    /* spec: rfc9000 #10.3.3: an endpoint MUST ensure that every stateless reset is smaller than the
     * packet that triggered it. */
    if (in->len <= RESET_LEN || in->len == PUNCH_LEN || seen->dcidlen != P2P_QUIC_CID_LEN)
        return;
    if (!may_answer(&endpoint->reset_allowance, endpoint->env->now))
        return;
    p2p_env_random(endpoint->env, noise, sizeof noise);
    p2p_quic_reset_token(endpoint, token, seen->dcid, seen->dcidlen);
    ngtcp2_ssize len =
        ngtcp2_pkt_write_stateless_reset(packet, sizeof packet, token, noise, sizeof noise);
    answer(in, packet, len);
    endpoint->counters.resets++;
}
