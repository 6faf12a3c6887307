/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Congestion control: CUBIC (RFC 9438), in bytes and integers. RFC 9260 section 7.2 halves its
 * window and gains a packet a round trip; a long and fast path would take minutes to fill again. It
 * starts with ten packets (RFC 6928), as browsers do, and never shrinks below four except after a
 * time-out. It does not pace.
 *
 * After a loss the window grows back towards where it was, first fast, then slowly, then fast again
 * beyond it, as a cubic function of the time since: so how it grows does not depend on the round
 * trip. Where Reno would be faster, on short or slow paths, its window is followed.
 */
#include "webrtc/sctp_assoc.h"

enum { INITIAL_PACKETS = 10, LEAST_PACKETS = 4 };

/* Multiplied by the window at a loss; RFC 9438 section 4.6. Two tenths more or less are its fast
 * convergence, for a path that others have come to share. */
static const unsigned BETA_TENTHS = 7;
/* Of C = 0.4 packets per cubic second: W(t) = C (t - K)^3 + W_max, t in milliseconds. */
static const int64_t INVERSE_C = 2500000000;
/* Beyond this the cube would not fit, and the window is at its maximum anyway. */
static const int64_t CUBE_MAX_MS = 100000;

/* What waits in the path's queue already makes a round trip so much longer than the shortest: more
 * would only wait, in front of everything else. A path that drops nothing for want of room, such as
 * an old modem, would else hold all of a receive window, and the checks of ICE behind it for
 * minutes. */
static const p2p_time QUEUE_MAX = P2P_SECOND;

/* A window beyond what the buffers of both ends can fill has no meaning. */
static const size_t CWND_MAX = (size_t)64 << 20;

void p2p_sctp_cc_init(sctp_cc *cc, size_t mtu) {
    *cc = (sctp_cc){
        .mtu = mtu, .cwnd = INITIAL_PACKETS * mtu, .ssthresh = CWND_MAX, .epoch = P2P_NEVER};
}

static int64_t cube_root(int64_t of) {
    int64_t root = 0;
    for (int64_t bit = (int64_t)1 << 20; bit > 0; bit >>= 1) {
        int64_t tried = root + bit;
        if (tried * tried * tried <= of)
            root = tried;
    }
    return root;
}

/* A new stretch of growth, from the window as it is. */
static void begin_epoch(sctp_cc *cc, p2p_time now) {
    if (cc->w_max < cc->cwnd)
        cc->w_max = cc->cwnd;
    cc->epoch = now;
    cc->reno = cc->cwnd;
    cc->k_ms = cube_root((int64_t)(cc->w_max - cc->cwnd) * INVERSE_C / (int64_t)cc->mtu);
}

/* W_cubic so long after the loss. */
static int64_t cubic(const sctp_cc *cc, p2p_time since) {
    int64_t t = (int64_t)(since / P2P_MILLISECOND) - cc->k_ms;
    if (t > CUBE_MAX_MS)
        t = CUBE_MAX_MS;
    return (int64_t)cc->w_max + t * t * t / INVERSE_C * (int64_t)cc->mtu +
           t * t * t % INVERSE_C * (int64_t)cc->mtu / INVERSE_C;
}

/* RFC 9438 sections 4.2 to 4.5. */
static void avoid(sctp_cc *cc, size_t bytes, p2p_time srtt, p2p_time now) {
    if (cc->epoch == P2P_NEVER)
        begin_epoch(cc, now);
    /* While the application rested it did not earn a larger window. */
    else if (now - cc->grown_at > 2 * srtt)
        cc->epoch += now - cc->grown_at;
    cc->grown_at = now;
    /* Reno with the same average window, having shrunk less: 9/17 of a packet a round trip, and a
     * whole one when it is where the loss was. */
    cc->reno_rest += bytes * cc->mtu * (cc->reno < cc->w_max ? 9 : 17);
    cc->reno += cc->reno_rest / (17 * cc->cwnd);
    cc->reno_rest %= 17 * cc->cwnd;
    if (cubic(cc, now - cc->epoch) < (int64_t)cc->reno) {
        if (cc->cwnd < cc->reno)
            cc->cwnd = cc->reno;
        return;
    }
    int64_t target = cubic(cc, now - cc->epoch + srtt);
    int64_t most = (int64_t)cc->cwnd * 3 / 2;
    if (target > most)
        target = most;
    if (target > (int64_t)cc->cwnd)
        cc->cwnd += (size_t)(target - (int64_t)cc->cwnd) * bytes / cc->cwnd;
}

void p2p_sctp_cc_acked(
    sctp_cc *cc, size_t bytes, uint32_t cum_acked, p2p_time min_rtt, p2p_time srtt, p2p_time now) {
    if (cc->recovering && !sctp_before(cum_acked, cc->recovery_end))
        cc->recovering = false;
    bool limited = cc->limited;
    cc->limited = false;
    bool queued = srtt > min_rtt && srtt - min_rtt > QUEUE_MAX;
    if (cc->recovering || !limited || queued)
        return;
    if (cc->cwnd < cc->ssthresh)
        cc->cwnd += bytes;
    else
        avoid(cc, bytes, srtt, now);
    if (cc->cwnd > CWND_MAX)
        cc->cwnd = CWND_MAX;
}

static void shrink(sctp_cc *cc) {
    size_t least = LEAST_PACKETS * cc->mtu, shrunk = cc->cwnd / 10 * BETA_TENTHS;
    bool below = cc->cwnd < cc->w_max;
    cc->w_max = below ? cc->cwnd / 20 * (10 + BETA_TENTHS) : cc->cwnd;
    cc->ssthresh = shrunk > least ? shrunk : least;
    cc->epoch = P2P_NEVER;
}

void p2p_sctp_cc_lost(sctp_cc *cc, uint32_t last_sent) {
    if (cc->recovering)
        return;
    shrink(cc);
    cc->cwnd = cc->ssthresh;
    cc->recovering = true;
    cc->recovery_end = last_sent;
}

/* A second time-out in a row must not shrink again what was never used. */
void p2p_sctp_cc_timeout(sctp_cc *cc, uint32_t last_sent) {
    if (cc->cwnd > cc->mtu)
        shrink(cc);
    cc->cwnd = cc->mtu;
    /* Slow start follows, so this is no recovery. */
    cc->recovering = false;
    cc->recovery_end = last_sent;
}

/* Another path begins as the first one did, up to where that one's window was. */
void p2p_sctp_cc_moved(sctp_cc *cc) {
    if (cc->ssthresh > cc->cwnd && cc->cwnd >= INITIAL_PACKETS * cc->mtu)
        cc->ssthresh = cc->cwnd;
    cc->cwnd = INITIAL_PACKETS * cc->mtu;
    cc->recovering = false;
    cc->epoch = P2P_NEVER;
}
