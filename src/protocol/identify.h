/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Identify (/ipfs/id/1.0.0) and identify push (/ipfs/id/push/1.0.0): every new connection is asked
 * who the peer is; peers are told when the own addresses or protocols change.
 *
 * It is an application of the host like any other: it sees the host's events and uses public
 * functions only.
 */
#ifndef P2P_PROTOCOL_IDENTIFY_H
#define P2P_PROTOCOL_IDENTIFY_H

#include "protocol/identify_message.h"

typedef struct p2p_identify p2p_identify;

/* Timer numbers (p2p_host_set_timer) from here on are the host's own. */
#define P2P_TIMER_OWN (UINT64_C(1) << 63)

typedef struct p2p_identify_params {
    p2p_host *host;
    const char *agent; /* outlives it */
    /* A peer was identified; takes the block that info lives in. */
    void (*identified)(void *ctx, p2p_conn *conn, p2p_identify_told *take_told);
    void *ctx;
} p2p_identify_params;

P2P_NODISCARD p2p_err p2p_identify_new(p2p_identify **out, const p2p_identify_params *params);
void p2p_identify_free(p2p_identify *identify);
/* Shows it an event; true: it was its own and nobody else's business. */
bool p2p_identify_event(p2p_identify *identify, const p2p_event *event);
/* The own protocols changed: tell the peers soon. */
void p2p_identify_changed(p2p_identify *identify);

#endif
