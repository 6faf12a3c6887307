/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The record layer of DTLS 1.2 with AEAD suites (RFC 6347 §4.1, RFC 5288, RFC 7905).
 *
 * OpenSSL makes the handshake; afterwards its objects are freed and records are made here. That
 * leaves a connection with two keyed ciphers instead of tens of KiB, seals straight into the
 * datagram that is sent, and gives the caller's clock the say over retransmissions (see dtls.c).
 *
 * AES-GCM carries eight bytes of nonce in each record. OpenSSL starts them at a random number, so
 * this side counts on from the one it used in Finished: no nonce is ever used twice. OpenSSL's GCM
 * knows records: told the associated data, it does nonce, text and tag in one call. With short
 * packets that matters, for each of its calls looks parameters up by their names.
 */
#include "webrtc/dtls_record.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/bytes.h"

enum {
    VERSION = 0xfefd,
    EPOCH = 1,
    ECDHE_ECDSA_AES128_GCM = 0xc02b,
    ECDHE_ECDSA_AES256_GCM = 0xc02c,
    ECDHE_ECDSA_CHACHA20 = 0xcca9,
    WINDOW = 64,
    EXPLICIT = 8,
    AAD = 13
};

#define SEQ_MASK ((UINT64_C(1) << 48) - 1)

/* TLS 1.2's PRF, label "key expansion" (RFC 5246 §6.3). */
static bool expand(uint8_t *out, size_t len, const p2p_dtls_secrets *secrets, bool sha384) {
    static const char label[] = "key expansion";
    char digest[] = "SHA256"; /* OpenSSL's parameters are not const */
    uint8_t master[sizeof secrets->master];
    uint8_t seed[sizeof label - 1 + 64];
    if (sha384)
        memcpy(digest, "SHA384", sizeof digest);
    memcpy(master, secrets->master, sizeof master);
    memcpy(seed, label, sizeof label - 1);
    memcpy(seed + sizeof label - 1, secrets->server_random, 32);
    memcpy(seed + sizeof label - 1 + 32, secrets->client_random, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, sizeof master),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool good = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    p2p_wipe(master, sizeof master);
    return good;
}

static EVP_CIPHER_CTX *keyed(const EVP_CIPHER *cipher, const uint8_t *key, int encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx != NULL && EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, encrypt) == 1)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

static bool is_gcm(const p2p_dtls_records *records) {
    return records->head == P2P_DTLS_HEAD_MAX;
}

/* GCM counts the nonces itself, from the next one. */
static bool count_nonces(p2p_dtls_records *records) {
    uint8_t next[12];
    memcpy(next, records->write_iv, 4);
    p2p_store64(next + 4, records->write_nonce);
    return EVP_CipherInit_ex(records->write, NULL, NULL, NULL, NULL, 1) == 1 &&
           EVP_CIPHER_CTX_ctrl(records->write, EVP_CTRL_GCM_SET_IV_FIXED, -1, next) == 1;
}

static bool begin_gcm(p2p_dtls_records *records) {
    return count_nonces(records) &&
           EVP_CIPHER_CTX_ctrl(records->read, EVP_CTRL_GCM_SET_IV_FIXED, 4, records->read_iv) == 1;
}

p2p_err p2p_dtls_records_init(
    p2p_dtls_records *records, const p2p_dtls_secrets *secrets, p2p_bytes first) {
    const EVP_CIPHER *cipher = EVP_aes_128_gcm();
    size_t key_len = 16;
    size_t iv_len = 4;
    if (secrets->cipher == ECDHE_ECDSA_AES256_GCM) {
        cipher = EVP_aes_256_gcm();
        key_len = 32;
    } else if (secrets->cipher == ECDHE_ECDSA_CHACHA20) {
        cipher = EVP_chacha20_poly1305();
        key_len = 32;
        iv_len = 12;
    } else if (secrets->cipher != ECDHE_ECDSA_AES128_GCM) {
        return P2P_ERR_UNSUPPORTED;
    }
    *records = (p2p_dtls_records){.head = P2P_DTLS_HEADER + (iv_len == 4 ? EXPLICIT : 0)};
    if (first.len < P2P_DTLS_HEAD_MAX)
        return P2P_ERR_INTERNAL;
    uint8_t block[2 * (32 + 12)];
    if (!expand(block, 2 * (key_len + iv_len), secrets, key_len == 32 && iv_len == 4))
        return P2P_ERR_CRYPTO;
    /* The client's key, the server's, the client's IV, the server's. */
    size_t mine = secrets->client ? 0 : 1;
    records->write = keyed(cipher, block + mine * key_len, 1);
    records->read = keyed(cipher, block + (1 - mine) * key_len, 0);
    memcpy(records->write_iv, block + 2 * key_len + mine * iv_len, iv_len);
    memcpy(records->read_iv, block + 2 * key_len + (1 - mine) * iv_len, iv_len);
    p2p_wipe(block, sizeof block);
    records->write_seq = (p2p_load64(first.ptr + 3) & SEQ_MASK) + 1;
    records->write_nonce = p2p_load64(first.ptr + P2P_DTLS_HEADER) + 1;
    if (records->write != NULL && records->read != NULL && (!is_gcm(records) || begin_gcm(records)))
        return P2P_OK;
    p2p_dtls_records_deinit(records);
    return P2P_ERR_CRYPTO;
}

void p2p_dtls_records_deinit(p2p_dtls_records *records) {
    EVP_CIPHER_CTX_free(records->write);
    EVP_CIPHER_CTX_free(records->read);
    p2p_wipe(records, sizeof *records);
}

/* The nonce of the record whose header and explicit part stand at `record`. */
static void make_nonce(
    uint8_t nonce[12], const p2p_dtls_records *records, const uint8_t *iv, const uint8_t *record) {
    if (is_gcm(records)) {
        memcpy(nonce, iv, 4);
        memcpy(nonce + 4, record + P2P_DTLS_HEADER, EXPLICIT);
        return;
    }
    memcpy(nonce, iv, 12);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= record[3 + i];
}

/* Epoch and number, type, version, length of the plaintext: not the order of the header. */
static void make_aad(uint8_t aad[AAD], const uint8_t *record, size_t plain_len) {
    memcpy(aad, record + 3, 8);
    memcpy(aad + 8, record, 3);
    p2p_store16(aad + 11, (uint16_t)plain_len);
}

static bool start(
    EVP_CIPHER_CTX *ctx, const uint8_t nonce[12], const uint8_t aad[AAD], int encrypt) {
    int moved;
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, encrypt) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &moved, aad, AAD) == 1;
}

/* A whole record behind its header, in place: explicit nonce, text, tag. */
static bool run_gcm(EVP_CIPHER_CTX *ctx, uint8_t *record, uint8_t aad[AAD], size_t body_len) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, aad, AAD),
        OSSL_PARAM_construct_end(),
    };
    uint8_t *body = record + P2P_DTLS_HEADER;
    return EVP_CIPHER_CTX_set_params(ctx, params) == 1 &&
           EVP_Cipher(ctx, body, body, (unsigned)body_len) == (int)body_len;
}

/* The text lies behind the room for the nonce. */
static bool seal_gcm(const p2p_dtls_records *records, uint8_t *record, size_t plain_len) {
    uint8_t aad[AAD];
    make_aad(aad, record, EXPLICIT + plain_len); /* GCM takes its own share off */
    return run_gcm(records->write, record, aad, EXPLICIT + plain_len + P2P_DTLS_TAG);
}

static bool seal_chacha(const p2p_dtls_records *records, uint8_t *record, size_t plain_len) {
    uint8_t nonce[12];
    uint8_t aad[AAD];
    uint8_t *body = record + records->head;
    int moved;
    make_nonce(nonce, records, records->write_iv, record);
    make_aad(aad, record, plain_len);
    return start(records->write, nonce, aad, 1) &&
           (plain_len == 0 ||
               EVP_CipherUpdate(records->write, body, &moved, body, (int)plain_len) == 1) &&
           EVP_CipherFinal_ex(records->write, body + plain_len, &moved) == 1 &&
           EVP_CIPHER_CTX_ctrl(
               records->write, EVP_CTRL_AEAD_GET_TAG, P2P_DTLS_TAG, body + plain_len) == 1;
}

p2p_err p2p_dtls_record_seal(p2p_dtls_records *records, uint8_t *dst, size_t cap, size_t *len,
    uint8_t type, p2p_bytes plain) {
    size_t overhead = records->head + P2P_DTLS_TAG;
    if (plain.len > P2P_DTLS_PLAIN_MAX || cap < overhead || cap - overhead < plain.len)
        return P2P_ERR_TOO_BIG;
    if (records->write_seq > SEQ_MASK)
        return P2P_ERR_LIMIT;
    dst[0] = type;
    p2p_store16(dst + 1, VERSION);
    p2p_store64(dst + 3, (uint64_t)EPOCH << 48 | records->write_seq);
    p2p_store16(dst + 11, (uint16_t)(overhead - P2P_DTLS_HEADER + plain.len));
    uint8_t *body = dst + records->head;
    if (plain.ptr != body)
        p2p_copy(body, plain.ptr, plain.len);
    if (!(is_gcm(records) ? seal_gcm : seal_chacha)(records, dst, plain.len))
        return P2P_ERR_CRYPTO;
    records->write_seq++;
    records->write_nonce++;
    *len = overhead + plain.len;
    return P2P_OK;
}

static bool is_whole(const p2p_dtls_records *records, const uint8_t *record, size_t len) {
    size_t overhead = records->head + P2P_DTLS_TAG;
    return len >= overhead && len - overhead <= P2P_DTLS_PLAIN_MAX &&
           p2p_load16(record + 11) == len - P2P_DTLS_HEADER;
}

static p2p_err open_gcm(
    const p2p_dtls_records *records, uint8_t *record, size_t len, p2p_bytes *plain) {
    uint8_t aad[AAD];
    if (!is_whole(records, record, len))
        return P2P_ERR_MALFORMED;
    make_aad(aad, record, len - P2P_DTLS_HEADER); /* GCM takes its own share off */
    ERR_set_mark();
    bool genuine = run_gcm(records->read, record, aad, len - P2P_DTLS_HEADER);
    ERR_pop_to_mark();
    if (!genuine)
        return P2P_ERR_DECRYPT;
    *plain = p2p_bytes_of(record + P2P_DTLS_HEAD_MAX, len - P2P_DTLS_HEAD_MAX - P2P_DTLS_TAG);
    return P2P_OK;
}

static p2p_err decrypt(const p2p_dtls_records *records, EVP_CIPHER_CTX *ctx, const uint8_t *iv,
    uint8_t *record, size_t len, p2p_bytes *plain) {
    uint8_t nonce[12];
    uint8_t aad[AAD];
    int moved;
    if (!is_whole(records, record, len))
        return P2P_ERR_MALFORMED;
    size_t plain_len = len - records->head - P2P_DTLS_TAG;
    uint8_t *body = record + records->head;
    make_nonce(nonce, records, iv, record);
    make_aad(aad, record, plain_len);
    ERR_set_mark(); /* a forged record leaves nothing behind for a handshake to stumble over */
    bool processed =
        start(ctx, nonce, aad, 0) &&
        (plain_len == 0 || EVP_CipherUpdate(ctx, body, &moved, body, (int)plain_len) == 1) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, P2P_DTLS_TAG, body + plain_len) == 1;
    bool genuine = processed && EVP_CipherFinal_ex(ctx, body + plain_len, &moved) == 1;
    ERR_pop_to_mark();
    if (!genuine)
        return processed ? P2P_ERR_DECRYPT : P2P_ERR_CRYPTO;
    *plain = p2p_bytes_of(body, plain_len);
    return P2P_OK;
}

/* RFC 6347 §4.1.2.6. */
static bool is_new(const p2p_dtls_records *records, uint64_t seq) {
    if (seq >= records->read_next)
        return true;
    uint64_t age = records->read_next - 1 - seq;
    return age < WINDOW && (records->read_seen >> age & 1) == 0;
}

static void mark_seen(p2p_dtls_records *records, uint64_t seq) {
    if (seq < records->read_next) {
        records->read_seen |= UINT64_C(1) << (records->read_next - 1 - seq);
        return;
    }
    uint64_t shift = seq + 1 - records->read_next;
    records->read_seen = shift < WINDOW ? records->read_seen << shift | 1 : 1;
    records->read_next = seq + 1;
}

p2p_err p2p_dtls_record_open(
    p2p_dtls_records *records, uint8_t *record, size_t len, p2p_bytes *plain) {
    if (len < P2P_DTLS_HEADER || p2p_load16(record + 1) != VERSION ||
        p2p_load16(record + 3) != EPOCH)
        return P2P_ERR_MALFORMED;
    uint64_t seq = p2p_load64(record + 3) & SEQ_MASK;
    if (!is_new(records, seq))
        return P2P_ERR_EXISTS;
    p2p_err err = is_gcm(records)
                      ? open_gcm(records, record, len, plain)
                      : decrypt(records, records->read, records->read_iv, record, len, plain);
    if (err == P2P_OK)
        mark_seen(records, seq);
    return err;
}

p2p_err p2p_dtls_record_reopen(
    p2p_dtls_records *records, uint8_t *record, size_t len, p2p_bytes *plain) {
    p2p_err err = decrypt(records, records->write, records->write_iv, record, len, plain);
    return err == P2P_OK && is_gcm(records) && !count_nonces(records) ? P2P_ERR_CRYPTO : err;
}
