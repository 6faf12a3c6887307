/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The host's QUIC endpoint as its own files see it: which connection a datagram belongs to, and
 * what is answered to those that belong to none. Applications use quic.h.
 */
#ifndef P2P_QUIC_ENDPOINT_H
#define P2P_QUIC_ENDPOINT_H

#include <ngtcp2/ngtcp2.h>

#include "base/map.h"
#include "quic/quic.h"
#include "quic/tls.h"

enum {
    /* Our connection ids: random, so the first eight bytes are key enough, and all there is. */
    P2P_QUIC_CID_LEN = 8,
    /* Closed connections that still answer; the oldest gives way. */
    P2P_QUIC_TOMBS_MAX = 1024,
    P2P_QUIC_KEY_LEN = 32
};

/* How long a closed connection answers: three times the largest probe time-out usual. */
#define P2P_QUIC_TOMB_LIFE (3 * P2P_SECOND)
#define P2P_QUIC_TOKEN_LIFE (10 * P2P_SECOND)

/* What a connection id leads to: begins p2p_quic_conn and p2p_quic_tomb. */
typedef struct p2p_quic_route {
    bool tomb;
} p2p_quic_route;

/* An allowance that refills with time. */
typedef struct p2p_quic_allowance {
    p2p_time filled;
    uint32_t left;
} p2p_quic_allowance;

struct p2p_quic_endpoint {
    p2p_udp_consumer consumer;
    p2p_watcher watcher;
    p2p_env *env;
    p2p_udp *udp;
    ngtcp2_mem mem;
    p2p_quic_tls_context *tls;
    p2p_list listeners;
    p2p_list conns;
    p2p_list tombs; /* oldest first */
    p2p_timer tombs_timer;
    p2p_map cids;     /* our connection ids → p2p_quic_route */
    p2p_map initials; /* hash of a client's first connection id and address → p2p_quic_route */
    p2p_map resets;   /* head of a peer's stateless reset token → p2p_quic_conn */
    uint64_t seed;
    uint8_t reset_key[P2P_QUIC_KEY_LEN], token_key[P2P_QUIC_KEY_LEN];
    p2p_quic_allowance reset_allowance, version_allowance;
    size_t retry_above;
    uint64_t numbers; /* connections made, for qlogs */
    p2p_quic_counters counters;
};

uint64_t p2p_quic_cid_key(const uint8_t cid[P2P_QUIC_CID_LEN]);
uint64_t p2p_quic_initial_key(
    const p2p_quic_endpoint *endpoint, p2p_bytes dcid, const p2p_sockaddr *remote);
void p2p_quic_reset_token(
    const p2p_quic_endpoint *endpoint, uint8_t token[16], const uint8_t *cid, size_t len);
/* The application that takes connections with this ALPN on the socket; NULL alpn: the first. */
const p2p_quic_listener *p2p_quic_find_listener(
    const p2p_quic_endpoint *endpoint, const p2p_udp_sock *sock, const char *alpn);

/* --- stateless.c: answers that keep nothing --- */

typedef struct p2p_quic_arrival {
    p2p_udp_sock *sock;
    uint8_t *data;
    size_t len;
    const p2p_input *from;
} p2p_quic_arrival;

void p2p_quic_init_keys(p2p_quic_endpoint *endpoint);
void p2p_quic_send_versions(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen);
void p2p_quic_send_retry(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd);
/* The client shows a token of ours: *original is the connection id that its first packet had. */
P2P_NODISCARD p2p_err p2p_quic_check_token(const p2p_quic_endpoint *endpoint, ngtcp2_cid *original,
    const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd);
/* Refuses a connection in one packet. */
void p2p_quic_send_refusal(p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in,
    const ngtcp2_pkt_hd *hd, uint64_t code);
void p2p_quic_send_reset(
    p2p_quic_endpoint *endpoint, const p2p_quic_arrival *in, const ngtcp2_version_cid *seen);

/* --- tomb.c: closed connections --- */

typedef struct p2p_quic_tomb p2p_quic_tomb;

/*
 * Takes over the connection ids of a closed connection. Answers with `packet` (empty: says nothing)
 * for a while. Without memory the ids are merely forgotten.
 */
void p2p_quic_bury(p2p_quic_endpoint *endpoint, p2p_udp_sock *sock, const ngtcp2_cid *cids,
    size_t cid_count, uint64_t initial_key, p2p_bytes packet);
void p2p_quic_tomb_answer(
    p2p_quic_endpoint *endpoint, p2p_quic_route *route, const p2p_quic_arrival *in);
void p2p_quic_tomb_fire(p2p_timer *timer, p2p_time now);
void p2p_quic_tombs_clear(p2p_quic_endpoint *endpoint);

#endif
