/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise_XX_25519_ChaChaPoly_SHA256 (Noise specification revision 34, sections 5 and 7.5):
 *
 *     -> e
 *     <- e, ee, s, es
 *     -> s, se
 *
 * The symmetric state is five helpers: mix_hash, mix_key, mix_dh, encrypt_and_hash and
 * decrypt_and_hash. Above them each message is written out token by token; which keys a token
 * multiplies depends on the role, the order of tokens does not.
 *
 * Left out: pre-shared keys, other patterns, rekeying.
 */
#include "secure/noise_handshake.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/cursor.h"

/* Exactly 32 bytes long, so that it is its own hash in the specification's sense. */
/* spec: noise #noise-protocol-name: the protocol name MUST be Noise_XX_25519_ChaChaPoly_SHA256. */
static const char PROTOCOL_NAME[] = "Noise_XX_25519_ChaChaPoly_SHA256";

p2p_err p2p_noise_keypair_generate(p2p_noise_keypair *pair, const p2p_random *random) {
    random->fill(random->ctx, pair->private_key, sizeof pair->private_key);
    return p2p_x25519_public(pair->public_key, pair->private_key);
}

/* --- symmetric state --- */

static void mix_hash(p2p_noise_handshake *hs, p2p_bytes data) {
    p2p_sha256_two(hs->h, p2p_bytes_of(hs->h, sizeof hs->h), data);
}

/* HKDF with two outputs; the first may be the chaining key itself. */
static void derive_two(
    uint8_t first[32], uint8_t second[32], const uint8_t ck[32], p2p_bytes secret) {
    uint8_t prk[32];
    uint8_t out[64];
    p2p_hkdf_extract(prk, p2p_bytes_of(ck, 32), secret);
    p2p_hkdf_expand(out, sizeof out, prk, p2p_bytes_of(NULL, 0));
    memcpy(first, out, 32);
    memcpy(second, out + 32, 32);
    p2p_wipe(prk, sizeof prk);
    p2p_wipe(out, sizeof out);
}

static void mix_key(p2p_noise_handshake *hs, p2p_bytes secret) {
    derive_two(hs->ck, hs->k, hs->ck, secret);
    hs->n = 0;
    hs->has_key = true;
}

static p2p_err mix_dh(
    p2p_noise_handshake *hs, const uint8_t private_key[32], const uint8_t public_key[32]) {
    uint8_t shared[32];
    p2p_err err = p2p_x25519(shared, private_key, public_key);
    if (err == P2P_OK)
        mix_key(hs, p2p_bytes_of(shared, sizeof shared));
    p2p_wipe(shared, sizeof shared);
    return err;
}

static void next_nonce(p2p_noise_handshake *hs, uint8_t nonce[12]) {
    memset(nonce, 0, 4);
    p2p_store64le(nonce + 4, hs->n++);
}

/* Encrypts in place; `data` has room for the tag once there is a key. */
static p2p_err encrypt_and_hash(p2p_noise_handshake *hs, uint8_t *data, size_t len) {
    if (hs->has_key) {
        uint8_t nonce[12];
        p2p_aead *aead;
        p2p_err err = p2p_aead_new(&aead, hs->k);
        if (err != P2P_OK)
            return err;
        next_nonce(hs, nonce);
        err = p2p_aead_seal(aead, data, len, nonce, p2p_bytes_of(hs->h, sizeof hs->h));
        p2p_aead_free(aead);
        if (err != P2P_OK)
            return err;
        len += P2P_AEAD_TAG_LEN;
    }
    mix_hash(hs, p2p_bytes_of(data, len));
    return P2P_OK;
}

/* Decrypts in place; len includes the tag. The hash is over the ciphertext, so it comes first. */
static p2p_err decrypt_and_hash(p2p_noise_handshake *hs, uint8_t *data, size_t len) {
    uint8_t associated[32];
    memcpy(associated, hs->h, sizeof associated);
    mix_hash(hs, p2p_bytes_of(data, len));
    if (!hs->has_key)
        return P2P_OK;
    uint8_t nonce[12];
    p2p_aead *aead;
    p2p_err err = p2p_aead_new(&aead, hs->k);
    if (err != P2P_OK)
        return err;
    next_nonce(hs, nonce);
    err = p2p_aead_open(aead, data, len, nonce, p2p_bytes_of(associated, sizeof associated));
    p2p_aead_free(aead);
    return err;
}

void p2p_noise_handshake_init(p2p_noise_handshake *hs, bool initiator, p2p_bytes prologue,
    const p2p_noise_keypair *s, const p2p_noise_keypair *e) {
    *hs = (p2p_noise_handshake){.initiator = initiator, .s = *s, .e = *e};
    _Static_assert(sizeof PROTOCOL_NAME - 1 == sizeof hs->h, "a longer name would be hashed");
    memcpy(hs->h, PROTOCOL_NAME, sizeof hs->h);
    memcpy(hs->ck, hs->h, sizeof hs->ck);
    mix_hash(hs, prologue);
}

void p2p_noise_handshake_deinit(p2p_noise_handshake *hs) {
    p2p_wipe(hs, sizeof *hs);
}

/* --- tokens --- */

static p2p_err mix_ee(p2p_noise_handshake *hs) {
    return mix_dh(hs, hs->e.private_key, hs->re);
}

/* The initiator's ephemeral with the responder's static key. */
static p2p_err mix_es(p2p_noise_handshake *hs) {
    return hs->initiator ? mix_dh(hs, hs->e.private_key, hs->rs)
                         : mix_dh(hs, hs->s.private_key, hs->re);
}

/* The initiator's static with the responder's ephemeral key. */
static p2p_err mix_se(p2p_noise_handshake *hs) {
    return hs->initiator ? mix_dh(hs, hs->s.private_key, hs->re)
                         : mix_dh(hs, hs->e.private_key, hs->rs);
}

static p2p_err write_e(p2p_noise_handshake *hs, p2p_writer *w) {
    p2p_bytes e = p2p_bytes_of(hs->e.public_key, sizeof hs->e.public_key);
    p2p_writer_bytes(w, e);
    mix_hash(hs, e);
    return P2P_OK;
}

static p2p_err write_sealed(p2p_noise_handshake *hs, p2p_writer *w, p2p_bytes data) {
    uint8_t *at = w->base + w->len;
    p2p_writer_bytes(w, data);
    if (hs->has_key)
        p2p_writer_bytes(w, p2p_bytes_of((uint8_t[P2P_AEAD_TAG_LEN]){0}, P2P_AEAD_TAG_LEN));
    p2p_err err = p2p_writer_end(w);
    return err == P2P_OK ? encrypt_and_hash(hs, at, data.len) : err;
}

static p2p_err write_s(p2p_noise_handshake *hs, p2p_writer *w) {
    return write_sealed(hs, w, p2p_bytes_of(hs->s.public_key, sizeof hs->s.public_key));
}

/* The message's bytes that are still to be read. */
typedef struct unread {
    uint8_t *ptr;
    size_t left;
} unread;

static uint8_t *take(unread *m, size_t len) {
    if (m->left < len)
        return NULL;
    uint8_t *at = m->ptr;
    m->ptr += len;
    m->left -= len;
    return at;
}

static p2p_err read_e(p2p_noise_handshake *hs, unread *m) {
    const uint8_t *e = take(m, sizeof hs->re);
    if (e == NULL)
        return P2P_ERR_MALFORMED;
    memcpy(hs->re, e, sizeof hs->re);
    mix_hash(hs, p2p_bytes_of(e, sizeof hs->re));
    return P2P_OK;
}

static p2p_err read_s(p2p_noise_handshake *hs, unread *m) {
    uint8_t *s = take(m, sizeof hs->rs + P2P_AEAD_TAG_LEN);
    if (s == NULL)
        return P2P_ERR_MALFORMED;
    p2p_err err = decrypt_and_hash(hs, s, sizeof hs->rs + P2P_AEAD_TAG_LEN);
    if (err == P2P_OK)
        memcpy(hs->rs, s, sizeof hs->rs);
    return err;
}

static p2p_err read_payload(p2p_noise_handshake *hs, unread *m, p2p_bytes *payload) {
    size_t tag_len = hs->has_key ? P2P_AEAD_TAG_LEN : 0;
    if (m->left < tag_len)
        return P2P_ERR_MALFORMED;
    *payload = p2p_bytes_of(m->ptr, m->left - tag_len);
    return decrypt_and_hash(hs, m->ptr, m->left);
}

/* --- messages --- */

static p2p_err write_tokens(p2p_noise_handshake *hs, p2p_writer *w) {
    p2p_err err = P2P_OK;
    switch (hs->message) {
    case 0:
        /* e */
        return write_e(hs, w);
    case 1:
        /* e */
        err = write_e(hs, w);
        /* ee */
        if (err == P2P_OK)
            err = mix_ee(hs);
        /* s */
        if (err == P2P_OK)
            err = write_s(hs, w);
        /* es */
        return err == P2P_OK ? mix_es(hs) : err;
    default:
        /* s */
        err = write_s(hs, w);
        /* se */
        return err == P2P_OK ? mix_se(hs) : err;
    }
}

static p2p_err read_tokens(p2p_noise_handshake *hs, unread *m) {
    p2p_err err = P2P_OK;
    switch (hs->message) {
    case 0:
        /* e */
        return read_e(hs, m);
    case 1:
        /* e */
        err = read_e(hs, m);
        /* ee */
        if (err == P2P_OK)
            err = mix_ee(hs);
        /* s */
        if (err == P2P_OK)
            err = read_s(hs, m);
        /* es */
        return err == P2P_OK ? mix_es(hs) : err;
    default:
        /* s */
        err = read_s(hs, m);
        /* se */
        return err == P2P_OK ? mix_se(hs) : err;
    }
}

p2p_err p2p_noise_handshake_write(
    p2p_noise_handshake *hs, uint8_t *out, size_t cap, size_t *len, p2p_bytes payload) {
    INVARIANT(p2p_noise_handshake_writes(hs));
    p2p_writer w = p2p_writer_of(out, cap);
    p2p_err err = write_tokens(hs, &w);
    if (err == P2P_OK)
        err = write_sealed(hs, &w, payload);
    if (err != P2P_OK)
        return err;
    hs->message++;
    *len = w.len;
    return P2P_OK;
}

p2p_err p2p_noise_handshake_read(
    p2p_noise_handshake *hs, uint8_t *message, size_t len, p2p_bytes *payload) {
    INVARIANT(hs->message < P2P_NOISE_MESSAGES && !p2p_noise_handshake_writes(hs));
    unread m = {message, len};
    p2p_err err = read_tokens(hs, &m);
    if (err == P2P_OK)
        err = read_payload(hs, &m, payload);
    if (err == P2P_OK)
        hs->message++;
    return err;
}

p2p_err p2p_noise_handshake_split(const p2p_noise_handshake *hs, p2p_aead **tx, p2p_aead **rx) {
    INVARIANT(hs->message == P2P_NOISE_MESSAGES);
    uint8_t to_responder[32];
    uint8_t to_initiator[32];
    derive_two(to_responder, to_initiator, hs->ck, p2p_bytes_of(NULL, 0));
    *rx = NULL;
    p2p_err err = p2p_aead_new(tx, hs->initiator ? to_responder : to_initiator);
    if (err == P2P_OK)
        err = p2p_aead_new(rx, hs->initiator ? to_initiator : to_responder);
    if (err != P2P_OK) {
        p2p_aead_free(*tx);
        *tx = NULL;
    }
    p2p_wipe(to_responder, sizeof to_responder);
    p2p_wipe(to_initiator, sizeof to_initiator);
    return err;
}
