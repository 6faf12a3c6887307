/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The certificates of a WebTransport server: the one it shows, and the hashes of those before and
 * after it. They follow from the host's key and the date (rotation.h), so that a restarted host has
 * the same ones. A host whose key cannot be read has others after a restart.
 */
#ifndef P2P_WEBTRANSPORT_CERTIFICATES_H
#define P2P_WEBTRANSPORT_CERTIFICATES_H

#include "quic/tls.h"
#include "stack/env.h"
#include "webtransport/certhash.h"
#include "webtransport/rotation.h"

typedef struct p2p_wt_certificates {
    p2p_env *env;
    uint8_t secret[32]; /* what they are derived from */
    p2p_wt_rotation at;
    bool ready;
    p2p_quic_credentials *own;
    p2p_quic_credentials *before; /* handshakes may still be at work with it */
    uint8_t last[P2P_CERTHASH_LEN], current[P2P_CERTHASH_LEN], next[P2P_CERTHASH_LEN];
    p2p_timer timer;
    void (*rotated)(struct p2p_wt_certificates *certificates);
} p2p_wt_certificates;

/* `rotated` is called after each switch. Only for want of memory. */
P2P_NODISCARD p2p_err p2p_wt_certificates_init(p2p_wt_certificates *certificates, p2p_env *env,
    void (*rotated)(p2p_wt_certificates *certificates));
void p2p_wt_certificates_deinit(p2p_wt_certificates *certificates);
/* Makes those of the moment, unless they are there. */
P2P_NODISCARD p2p_err p2p_wt_certificates_prepare(p2p_wt_certificates *certificates);
/* Appends /certhash/CURRENT/certhash/NEXT. */
P2P_NODISCARD p2p_err p2p_wt_certificates_push(
    const p2p_wt_certificates *certificates, p2p_multiaddr *addr);

#endif
