/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TLS 1.3 records after the handshake (RFC 8446 sections 5.2 to 5.5 and 7.2 to 7.3).
 *
 * OpenSSL's own record layer copies each byte twice and keeps its whole handshake for the life of
 * the connection. What remains of TLS once the secrets are known is little: a cipher context for
 * each direction, a counter, and the secret from which the next key comes.
 */
#include "secure/tls_record.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#include "base/bytes.h"
#include "base/cursor.h"

enum { TAG_LEN = 16, IV_LEN = 12, KEY_MAX = 32, OPEN = 0, SEAL = 1 };

/* AES-GCM may seal 2^24.5 full records with one key (RFC 8446 section 5.5). */
#define WORN_AT (UINT64_C(1) << 24)

struct p2p_tls_suite {
    uint16_t number;
    size_t key_len, secret_len;
    const EVP_CIPHER *(*cipher)(void);
    const EVP_MD *(*hash)(void);
};

static const struct p2p_tls_suite SUITES[] = {
    {0x1301, 16, 32, EVP_aes_128_gcm, EVP_sha256},
    {0x1302, 32, 48, EVP_aes_256_gcm, EVP_sha384},
    {0x1303, 32, 32, EVP_chacha20_poly1305, EVP_sha256},
};

/* --- keys */

/* HKDF-Expand-Label without context. One block of the hash is all that TLS ever asks for here. */
static bool expand(const struct p2p_tls_suite *suite, const uint8_t *secret, const char *label,
    uint8_t *out, size_t len) {
    uint8_t info[32];
    uint8_t block[EVP_MAX_MD_SIZE];
    unsigned block_len;
    p2p_writer w = p2p_writer_of(info, sizeof info);
    p2p_bytes name = p2p_bytes_text(label);
    p2p_writer_u16(&w, (uint16_t)len);
    p2p_writer_u8(&w, (uint8_t)(6 + name.len));
    p2p_writer_bytes(&w, P2P_LITERAL("tls13 "));
    p2p_writer_bytes(&w, name);
    p2p_writer_u8(&w, 0);
    p2p_writer_u8(&w, 1); /* the number of HKDF's block */
    if (p2p_writer_end(&w) != P2P_OK ||
        HMAC(suite->hash(), secret, (int)suite->secret_len, info, w.len, block, &block_len) == NULL)
        return false;
    memcpy(out, block, len);
    p2p_wipe(block, sizeof block);
    return true;
}

static p2p_err set_keys(const struct p2p_tls_suite *suite, p2p_tls_direction *direction,
    const EVP_CIPHER *cipher, int way) {
    uint8_t key[KEY_MAX];
    bool set = expand(suite, direction->secret, "key", key, suite->key_len) &&
               expand(suite, direction->secret, "iv", direction->iv, IV_LEN) &&
               EVP_CipherInit_ex2(direction->ctx, cipher, key, NULL, way, NULL) == 1;
    p2p_wipe(key, sizeof key);
    direction->count = 0;
    return set ? P2P_OK : P2P_ERR_CRYPTO;
}

static p2p_err start(const struct p2p_tls_suite *suite, p2p_tls_direction *direction,
    const uint8_t *secret, int way) {
    memcpy(direction->secret, secret, suite->secret_len);
    direction->ctx = EVP_CIPHER_CTX_new();
    if (direction->ctx == NULL)
        return P2P_ERR_CRYPTO;
    return set_keys(suite, direction, suite->cipher(), way);
}

p2p_err p2p_tls_record_init(p2p_tls_record *record, uint16_t suite,
    const uint8_t tx_secret[P2P_TLS_SECRET_MAX], const uint8_t rx_secret[P2P_TLS_SECRET_MAX]) {
    *record = (p2p_tls_record){0};
    for (size_t i = 0; i < P2P_COUNT(SUITES); i++)
        if (SUITES[i].number == suite)
            record->suite = &SUITES[i];
    if (record->suite == NULL)
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = start(record->suite, &record->tx, tx_secret, SEAL);
    return err == P2P_OK ? start(record->suite, &record->rx, rx_secret, OPEN) : err;
}

void p2p_tls_record_deinit(p2p_tls_record *record) {
    EVP_CIPHER_CTX_free(record->tx.ctx);
    EVP_CIPHER_CTX_free(record->rx.ctx);
    p2p_wipe(record, sizeof *record);
}

bool p2p_tls_record_worn(const p2p_tls_record *record) {
    return record->tx.count >= WORN_AT;
}

p2p_err p2p_tls_record_renew(p2p_tls_record *record, p2p_tls_direction *direction) {
    uint8_t next[P2P_TLS_SECRET_MAX];
    size_t len = record->suite->secret_len;
    if (!expand(record->suite, direction->secret, "traffic upd", next, len))
        return P2P_ERR_CRYPTO;
    memcpy(direction->secret, next, len);
    p2p_wipe(next, sizeof next);
    return set_keys(record->suite, direction, NULL, direction == &record->tx ? SEAL : OPEN);
}

/* --- records */

/* Sets the nonce and passes over the head and then the text. */
static bool process(
    p2p_tls_direction *direction, int way, const uint8_t *head, uint8_t *text, size_t len) {
    uint8_t nonce[IV_LEN];
    uint8_t count[8];
    int done;
    memcpy(nonce, direction->iv, IV_LEN);
    p2p_store64(count, direction->count);
    for (size_t i = 0; i < sizeof count; i++)
        nonce[IV_LEN - sizeof count + i] ^= count[i];
    return EVP_CipherInit_ex2(direction->ctx, NULL, NULL, nonce, way, NULL) == 1 &&
           EVP_CipherUpdate(direction->ctx, NULL, &done, head, P2P_TLS_HEAD_LEN) == 1 &&
           EVP_CipherUpdate(direction->ctx, text, &done, text, (int)len) == 1;
}

static p2p_err decrypt(p2p_tls_direction *direction, p2p_frame frame, size_t len) {
    uint8_t *text = frame.ptr + P2P_TLS_HEAD_LEN;
    uint8_t nothing[TAG_LEN];
    int done;
    if (direction->count == UINT64_MAX)
        return P2P_ERR_LIMIT;
    ERR_set_mark();
    bool processed =
        process(direction, OPEN, frame.ptr, text, len) &&
        EVP_CIPHER_CTX_ctrl(direction->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, text + len) == 1;
    bool genuine = processed && EVP_CipherFinal_ex(direction->ctx, nothing, &done) == 1;
    ERR_pop_to_mark();
    direction->count++;
    if (genuine)
        return P2P_OK;
    return processed ? P2P_ERR_DECRYPT : P2P_ERR_CRYPTO;
}

p2p_err p2p_tls_record_open(
    p2p_tls_record *record, p2p_frame frame, uint8_t *content, p2p_frame *text) {
    *text = (p2p_frame){NULL, 0};
    if (frame.ptr[0] != P2P_TLS_DATA || frame.len < P2P_TLS_RECORD_OVERHEAD)
        return P2P_ERR_VIOLATION;
    size_t len = frame.len - P2P_TLS_HEAD_LEN - TAG_LEN;
    p2p_err err = decrypt(&record->rx, frame, len);
    if (err != P2P_OK)
        return err;
    const uint8_t *bytes = frame.ptr + P2P_TLS_HEAD_LEN;
    while (len > 0 && bytes[len - 1] == 0) /* padding */
        len--;
    if (len == 0 || len - 1 > P2P_TLS_TEXT_MAX)
        return P2P_ERR_VIOLATION;
    *content = bytes[len - 1];
    *text = (p2p_frame){frame.ptr + P2P_TLS_HEAD_LEN, len - 1};
    return P2P_OK;
}

p2p_err p2p_tls_record_seal(
    p2p_tls_record *record, uint8_t *dst, size_t text_len, p2p_tls_content content) {
    p2p_tls_direction *tx = &record->tx;
    uint8_t *text = dst + P2P_TLS_HEAD_LEN;
    size_t len = text_len + 1;
    int done;
    if (tx->count == UINT64_MAX)
        return P2P_ERR_LIMIT;
    text[text_len] = (uint8_t)content;
    dst[0] = P2P_TLS_DATA;
    dst[1] = dst[2] = 3; /* TLS 1.2, as every record says */
    p2p_store16(dst + 3, (uint16_t)(len + TAG_LEN));
    bool sealed = process(tx, SEAL, dst, text, len) &&
                  EVP_CipherFinal_ex(tx->ctx, text + len, &done) == 1 &&
                  EVP_CIPHER_CTX_ctrl(tx->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, text + len) == 1;
    tx->count++;
    return sealed ? P2P_OK : P2P_ERR_CRYPTO;
}
