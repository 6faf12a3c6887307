/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TLS 1.3 records after the handshake (RFC 8446 section 5), opened and sealed where they lie. For
 * tls.c only.
 */
#ifndef P2P_SECURE_TLS_RECORD_H
#define P2P_SECURE_TLS_RECORD_H

#include <openssl/evp.h>

#include <p2p/base.h>

#include "secure/frame.h"

enum {
    P2P_TLS_HEAD_LEN = 5,
    P2P_TLS_TEXT_MAX = 16384,
    P2P_TLS_RECORD_OVERHEAD = P2P_TLS_HEAD_LEN + 1 + 16, /* head, content type, tag */
    P2P_TLS_SECRET_MAX = 48
};

typedef enum p2p_tls_content {
    P2P_TLS_ALERT = 21,
    P2P_TLS_HANDSHAKE = 22,
    P2P_TLS_DATA = 23
} p2p_tls_content;

/* The keys of one direction. */
typedef struct p2p_tls_direction {
    EVP_CIPHER_CTX *ctx;
    uint64_t count; /* records with the present key */
    uint8_t iv[12];
    uint8_t secret[P2P_TLS_SECRET_MAX]; /* the next keys come from it */
} p2p_tls_direction;

typedef struct p2p_tls_record {
    const struct p2p_tls_suite *suite;
    p2p_tls_direction tx, rx;
} p2p_tls_record;

/* Keys from the application traffic secrets of a cipher suite by its number. UNSUPPORTED, CRYPTO.
 */
P2P_NODISCARD p2p_err p2p_tls_record_init(p2p_tls_record *record, uint16_t suite,
    const uint8_t tx_secret[P2P_TLS_SECRET_MAX], const uint8_t rx_secret[P2P_TLS_SECRET_MAX]);
void p2p_tls_record_deinit(p2p_tls_record *record);

/* Opens a whole record; *text is its content, where it lies. DECRYPT, VIOLATION, CRYPTO. */
P2P_NODISCARD p2p_err p2p_tls_record_open(
    p2p_tls_record *record, p2p_frame frame, uint8_t *content, p2p_frame *text);
/*
 * Makes a record at dst out of the text_len bytes that stand P2P_TLS_HEAD_LEN behind it; it is
 * P2P_TLS_RECORD_OVERHEAD longer than they are. LIMIT: the key has done its work.
 */
P2P_NODISCARD p2p_err p2p_tls_record_seal(
    p2p_tls_record *record, uint8_t *dst, size_t text_len, p2p_tls_content content);
/* Has the sending key sealed as much as it should? Then say KeyUpdate and renew it. */
bool p2p_tls_record_worn(const p2p_tls_record *record);
P2P_NODISCARD p2p_err p2p_tls_record_renew(p2p_tls_record *record, p2p_tls_direction *direction);

#endif
