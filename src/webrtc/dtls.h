/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DTLS 1.2 (RFC 6347) between two peers with self-signed certificates, as WebRTC uses it: without
 * sockets and without a clock. Whole datagrams go in and come out.
 *
 * Both sides show a certificate. A side that knows which one to expect (by /certhash or by SDP)
 * says so; otherwise any is taken and its SHA-256 reported, for Noise to bind it to an identity.
 */
#ifndef P2P_WEBRTC_DTLS_H
#define P2P_WEBRTC_DTLS_H

#include <p2p/base.h>

#include "crypto/certificate.h"
#include "webrtc/dtls_record.h"

enum {
    P2P_DTLS_EXPECTED_MAX = 4, /* hashes that a side may accept */
    P2P_DTLS_MTU_MIN = 256,
    P2P_DTLS_MTU_DEFAULT = 1200 /* fits every path that carries QUIC */
};

/* One certificate, shared by the connections that show it; must outlive their handshakes. */
typedef struct p2p_dtls_context p2p_dtls_context;

P2P_NODISCARD p2p_err p2p_dtls_context_new(
    p2p_dtls_context **out, const p2p_certificate *certificate, const p2p_mem *mem);
void p2p_dtls_context_free(p2p_dtls_context *context);

typedef struct p2p_dtls_config {
    const p2p_dtls_context *context;
    bool client;
    uint16_t mtu;                  /* of handshake datagrams; 0: the default */
    const uint8_t (*expected)[32]; /* SHA-256 of certificates to accept; copied */
    size_t expected_count;         /* 0: any certificate */
} p2p_dtls_config;

typedef enum p2p_dtls_state {
    P2P_DTLS_CONNECTING,
    P2P_DTLS_OPEN,
    P2P_DTLS_ENDED /* p2p_dtls_end says why */
} p2p_dtls_state;

typedef struct p2p_dtls p2p_dtls;

P2P_NODISCARD p2p_err p2p_dtls_new(
    p2p_dtls **out, const p2p_dtls_config *config, const p2p_mem *mem, p2p_time now);
void p2p_dtls_free(p2p_dtls *dtls);

/*
 * Takes a datagram, record by record, decrypting where it lies. *at starts at 0. P2P_OK: *plain is
 * one application message within the datagram, call again with the same *at; AGAIN: the datagram
 * is used up; any other: the connection has ended (EOF: the peer said goodbye; BAD_CERTIFICATE; …).
 * Records that are forged, replayed or foreign are passed over, as RFC 6347 §4.1.2.7 asks.
 */
P2P_NODISCARD p2p_err p2p_dtls_input(
    p2p_dtls *dtls, uint8_t *datagram, size_t len, size_t *at, p2p_bytes *plain, p2p_time now);
/* The next datagram of handshake or goodbye; AGAIN when there is none, TOO_BIG when cap is below
 * the MTU. */
P2P_NODISCARD p2p_err p2p_dtls_output(
    p2p_dtls *dtls, uint8_t *dst, size_t cap, size_t *len, p2p_time now);
/* When to call p2p_dtls_tick. */
p2p_time p2p_dtls_deadline(const p2p_dtls *dtls);
void p2p_dtls_tick(p2p_dtls *dtls, p2p_time now);

/* Bytes of a datagram before the plaintext, known once open; P2P_DTLS_TAG more stand behind it. */
size_t p2p_dtls_head(const p2p_dtls *dtls);
/* One datagram with one message; STATE unless open. As p2p_dtls_record_seal. */
P2P_NODISCARD p2p_err p2p_dtls_seal(
    p2p_dtls *dtls, uint8_t *dst, size_t cap, size_t *len, p2p_bytes plain);
/* Says goodbye (close_notify comes out of p2p_dtls_output) and ends with CLOSED. */
void p2p_dtls_close(p2p_dtls *dtls);

p2p_dtls_state p2p_dtls_get_state(const p2p_dtls *dtls);
/* Why it ended, else P2P_OK. */
p2p_err p2p_dtls_end(const p2p_dtls *dtls);
/* SHA-256 of the certificates, for the Noise prologue; the peer's is valid once open. */
const uint8_t *p2p_dtls_local_sha256(const p2p_dtls *dtls);
const uint8_t *p2p_dtls_peer_sha256(const p2p_dtls *dtls);

#endif
