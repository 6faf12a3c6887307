/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plain STUN server (RFC 8489 §6.3.1, basic server of §12) and its limiter.
 *
 * A bucket is kept as the one moment at which it will be full again: a token moves that moment on
 * by the time one token takes to come back, and there is none to take while it lies more than a
 * burst ahead. A moment in the past is a full bucket, which is the same as no entry at all, so the
 * table never has to be swept. Networks fall into groups of four by a keyed hash; in a group of
 * four busy ones the newcomer replaces the fullest bucket. Somebody who forges many sources can
 * thus win fresh buckets, but neither memory nor a longer search.
 */
#include "webrtc/stun_server.h"

#include "base/bytes.h"
#include "base/mem.h"

#include "webrtc/stun.h"

enum {
    AMPLIFICATION_MAX = 3, /* webrtc-direct.md: the same bound as QUIC's */
    WAYS = 4,
    NETWORKS_MAX = 1 << 20
};

typedef struct bucket {
    uint64_t network; /* 0: never used */
    p2p_time full_at;
} bucket;

struct p2p_stun_limiter {
    const p2p_mem *mem;
    uint64_t key;
    p2p_time interval; /* in which one token comes back */
    p2p_time span;     /* in which a whole burst does, less one token */
    size_t groups;
    bucket buckets[][WAYS];
};

p2p_err p2p_stun_respond(
    uint8_t *dst, size_t cap, size_t *len, p2p_bytes request, const p2p_sockaddr *from) {
    p2p_stun_msg msg;
    p2p_err err = p2p_stun_parse(&msg, request);
    if (cap / AMPLIFICATION_MAX > request.len)
        cap = request.len * AMPLIFICATION_MAX;
    if (msg.transaction == NULL)
        return err;
    if (msg.class != P2P_STUN_REQUEST || msg.method != P2P_STUN_BINDING)
        return P2P_ERR_UNSUPPORTED;
    if (err != P2P_OK)
        return p2p_stun_write_error(
            dst, cap, len, msg.transaction, P2P_STUN_BAD_REQUEST, NULL, 0, (p2p_bytes){0});
    if (msg.username.ptr != NULL || msg.integrity_at != 0)
        return P2P_ERR_UNSUPPORTED;
    if (msg.fingerprint_at != 0 && p2p_stun_check_fingerprint(&msg) != P2P_OK)
        return P2P_ERR_MALFORMED;
    if (msg.unknown_count > 0)
        return p2p_stun_write_error(dst, cap, len, msg.transaction, P2P_STUN_UNKNOWN_ATTRIBUTE,
            msg.unknown, msg.unknown_count, (p2p_bytes){0});
    return p2p_stun_write_success(dst, cap, len, msg.transaction, from, (p2p_bytes){0});
}

static size_t limiter_size(size_t groups) {
    return sizeof(p2p_stun_limiter) + groups * sizeof(bucket[WAYS]);
}

p2p_err p2p_stun_limiter_new(p2p_stun_limiter **out, const p2p_stun_limiter_config *config,
    const p2p_mem *mem, const p2p_random *random) {
    if (config->per_second == 0 || config->burst == 0 || config->networks > NETWORKS_MAX)
        return P2P_ERR_INVALID;
    size_t groups = 1;
    while (groups * WAYS < config->networks)
        groups *= 2;
    p2p_stun_limiter *limiter = p2p_mem_alloc(mem, limiter_size(groups));
    if (limiter == NULL)
        return P2P_ERR_NO_MEMORY;
    limiter->mem = mem;
    limiter->groups = groups;
    limiter->interval = P2P_SECOND / config->per_second;
    limiter->span = limiter->interval * (config->burst - 1);
    random->fill(random->ctx, (uint8_t *)&limiter->key, sizeof limiter->key);
    *out = limiter;
    return P2P_OK;
}

void p2p_stun_limiter_free(p2p_stun_limiter *limiter) {
    if (limiter != NULL)
        p2p_mem_free(limiter->mem, limiter, limiter_size(limiter->groups));
}

/* The network as a number that is never 0: IPv4 whole, of IPv6 the 56 bits a site is given. */
static uint64_t network_of(const p2p_sockaddr *from) {
    if (from->family == 6)
        return UINT64_C(6) << 56 | p2p_load64(from->ip) >> 8;
    return UINT64_C(4) << 56 | p2p_load32(from->ip);
}

/* Mixes well enough that nobody without the key can aim at one group. */
static size_t group_of(const p2p_stun_limiter *limiter, uint64_t network) {
    uint64_t z = network ^ limiter->key;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)((z ^ z >> 31) & (limiter->groups - 1));
}

bool p2p_stun_limiter_allows(p2p_stun_limiter *limiter, const p2p_sockaddr *from, p2p_time now) {
    uint64_t network = network_of(from);
    bucket *group = limiter->buckets[group_of(limiter, network)];
    bucket *mine = &group[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (group[i].network == network) {
            mine = &group[i];
            break;
        }
        if (group[i].full_at < mine->full_at)
            mine = &group[i];
    }
    if (mine->network != network)
        *mine = (bucket){network, 0};
    if (mine->full_at < now)
        mine->full_at = now;
    if (mine->full_at - now > limiter->span)
        return false;
    mine->full_at += limiter->interval;
    return true;
}
