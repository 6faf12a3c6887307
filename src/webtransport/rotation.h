/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * When a WebTransport certificate is valid and when the next one takes over, as arithmetic on wall
 * time. Certificates are numbered; a number and the host key give the certificate, so that a
 * restarted node has the same ones and its published addresses stay good.
 *
 *     number    n-1 ───────────────────┤
 *     number          n ├───────────────────────┤
 *     number                              n+1 ├──────────────
 *     in use    n-1 ───────┤├──── n ─────────────┤├── n+1 ───   (an hour inside both ends)
 */
#ifndef P2P_WEBTRANSPORT_ROTATION_H
#define P2P_WEBTRANSPORT_ROTATION_H

#include <p2p/base.h>

enum {
    P2P_WT_CERT_SECONDS = 14 * 24 * 3600, /* what browsers allow with certificate hashes */
    P2P_WT_SKEW_SECONDS = 3600,           /* how far a peer's clock may be off */
    P2P_WT_CERT_PERIOD = P2P_WT_CERT_SECONDS - 2 * P2P_WT_SKEW_SECONDS
};

/* Which certificates matter now; wall time is in seconds since 1970. */
typedef struct p2p_wt_rotation {
    int64_t last;      /* still named in the Noise handshake: addresses of before the switch */
    int64_t current;   /* served; advertised first */
    int64_t next;      /* advertised as well, so that addresses outlive the switch */
    int64_t switch_at; /* wall time from which `next` is current */
} p2p_wt_rotation;

/* Both ends belong to the validity, as in X.509: exactly P2P_WT_CERT_SECONDS seconds. */
typedef struct p2p_wt_validity {
    int64_t not_before;
    int64_t not_after;
} p2p_wt_validity;

/* public_key: the host's, in any one encoding; it spreads the switches of many hosts over time. */
p2p_wt_rotation p2p_wt_rotation_at(p2p_bytes public_key, int64_t wall_seconds);
p2p_wt_validity p2p_wt_rotation_validity(p2p_bytes public_key, int64_t number);

#endif
