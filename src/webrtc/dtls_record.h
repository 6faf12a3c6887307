/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DTLS 1.2 records of epoch 1: keys from the master secret, sealing and opening in place, and the
 * window that refuses replays. What the handshake leaves behind is this and nothing else.
 */
#ifndef P2P_WEBRTC_DTLS_RECORD_H
#define P2P_WEBRTC_DTLS_RECORD_H

#include <openssl/evp.h>

#include <p2p/base.h>

enum {
    P2P_DTLS_HEADER = 13,
    P2P_DTLS_HEAD_MAX = P2P_DTLS_HEADER + 8, /* with the explicit nonce of AES-GCM */
    P2P_DTLS_TAG = 16,
    P2P_DTLS_PLAIN_MAX = 1 << 14,

    P2P_DTLS_CHANGE_CIPHER = 20,
    P2P_DTLS_ALERT = 21,
    P2P_DTLS_HANDSHAKE = 22,
    P2P_DTLS_DATA = 23
};

typedef struct p2p_dtls_secrets {
    uint16_t cipher; /* IANA number of the suite */
    bool client;
    uint8_t master[48], client_random[32], server_random[32];
} p2p_dtls_secrets;

typedef struct p2p_dtls_records {
    EVP_CIPHER_CTX *write, *read; /* NULL before init */
    uint8_t write_iv[12], read_iv[12];
    uint8_t head;         /* bytes before the ciphertext: 21 for GCM, 13 for ChaCha20 */
    uint64_t write_seq;   /* of the next record; 48 bits */
    uint64_t write_nonce; /* explicit nonce of the next record, GCM */
    uint64_t read_next;   /* one past the highest number accepted so far */
    uint64_t read_seen;   /* bit i: read_next - 1 - i was accepted */
} p2p_dtls_records;

/*
 * `first` is the record that the provider has sealed under these keys already (its Finished):
 * numbers and nonces go on from there. UNSUPPORTED for another suite than the three below.
 */
P2P_NODISCARD p2p_err p2p_dtls_records_init(
    p2p_dtls_records *records, const p2p_dtls_secrets *secrets, p2p_bytes first);
void p2p_dtls_records_deinit(p2p_dtls_records *records);

/*
 * Writes one record. The plaintext may lie at dst + records->head, and is then encrypted where it
 * is, or outside dst altogether. TOO_BIG when cap or a record is too small, LIMIT when the numbers
 * have run out.
 */
P2P_NODISCARD p2p_err p2p_dtls_record_seal(p2p_dtls_records *records, uint8_t *dst, size_t cap,
    size_t *len, uint8_t type, p2p_bytes plain);
/* Opens a whole record where it lies. DECRYPT, or EXISTS for one that came before. */
P2P_NODISCARD p2p_err p2p_dtls_record_open(
    p2p_dtls_records *records, uint8_t *record, size_t len, p2p_bytes *plain);
/* Opens a record that this side has sealed, to seal it anew for a retransmission. */
P2P_NODISCARD p2p_err p2p_dtls_record_reopen(
    p2p_dtls_records *records, uint8_t *record, size_t len, p2p_bytes *plain);

#endif
