/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p WebTransport spec, "Certificates". Certificate n begins at offset + n * period and lasts
 * 14 days; the period is two hours shorter, so that neighbours overlap by two hours, and the switch
 * lies in the middle of that: a peer whose clock is an hour off, either way, sees a valid
 * certificate at every moment.
 */
#include "webtransport/rotation.h"

enum { MINUTE = 60 };

/* FNV-1a: any spread will do, it only has to stay the same for ever. */
static int64_t offset_of(p2p_bytes public_key) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < public_key.len; i++)
        hash = (hash ^ public_key.ptr[i]) * UINT64_C(0x100000001b3);
    return (int64_t)(hash % (P2P_WT_CERT_PERIOD / MINUTE)) * MINUTE;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

p2p_wt_rotation p2p_wt_rotation_at(p2p_bytes public_key, int64_t wall_seconds) {
    int64_t first_switch = offset_of(public_key) + P2P_WT_SKEW_SECONDS;
    int64_t n = floor_div(wall_seconds - first_switch, P2P_WT_CERT_PERIOD);
    return (p2p_wt_rotation){
        .last = n - 1,
        .current = n,
        .next = n + 1,
        .switch_at = first_switch + (n + 1) * P2P_WT_CERT_PERIOD,
    };
}

/* spec: webtransport #certificates: the validity of the certificate MUST be at most 14 days. */
p2p_wt_validity p2p_wt_rotation_validity(p2p_bytes public_key, int64_t number) {
    int64_t start = offset_of(public_key) + number * P2P_WT_CERT_PERIOD;
    return (p2p_wt_validity){start, start + P2P_WT_CERT_SECONDS - 1};
}
