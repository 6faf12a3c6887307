/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Congestion control of RFC 9260 section 7.2, counted in bytes: slow start, congestion avoidance,
 * one halving for each round of loss, one packet after a time-out. It starts with ten packets (RFC
 * 6928) instead of the RFC's three, as browsers do, and never halves below four. It does not pace.
 */
#include "webrtc/sctp_assoc.h"

enum { INITIAL_PACKETS = 10, LEAST_PACKETS = 4 };

/* A window beyond what the buffers of both ends can fill has no meaning. */
static const size_t CWND_MAX = (size_t)64 << 20;

void p2p_sctp_cc_init(sctp_cc *cc, size_t mtu) {
    *cc = (sctp_cc){.mtu = mtu, .cwnd = INITIAL_PACKETS * mtu, .ssthresh = CWND_MAX};
}

void p2p_sctp_cc_acked(sctp_cc *cc, size_t bytes, uint32_t cum_acked) {
    if (cc->recovering && !sctp_before(cum_acked, cc->recovery_end))
        cc->recovering = false;
    bool limited = cc->limited;
    cc->limited = false;
    if (cc->recovering || !limited)
        return;
    if (cc->cwnd < cc->ssthresh) {
        cc->cwnd += bytes;
    } else {
        cc->partial += bytes;
        if (cc->partial >= cc->cwnd) {
            cc->partial -= cc->cwnd;
            cc->cwnd += cc->mtu;
        }
    }
    if (cc->cwnd > CWND_MAX)
        cc->cwnd = CWND_MAX;
}

static void halve(sctp_cc *cc) {
    size_t least = LEAST_PACKETS * cc->mtu;
    cc->ssthresh = cc->cwnd / 2 > least ? cc->cwnd / 2 : least;
    cc->partial = 0;
}

void p2p_sctp_cc_lost(sctp_cc *cc, uint32_t last_sent) {
    if (cc->recovering)
        return;
    halve(cc);
    cc->cwnd = cc->ssthresh;
    cc->recovering = true;
    cc->recovery_end = last_sent;
}

/* A second time-out in a row must not halve again what was never used. */
void p2p_sctp_cc_timeout(sctp_cc *cc, uint32_t last_sent) {
    if (cc->cwnd > cc->mtu)
        halve(cc);
    cc->cwnd = cc->mtu;
    /* Slow start follows, so this is no recovery. */
    cc->recovering = false;
    cc->recovery_end = last_sent;
}
