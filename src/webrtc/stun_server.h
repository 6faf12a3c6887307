/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A STUN server without state: it tells whoever asks which address the question came from. Beside
 * it a limiter, because UDP's source addresses can be forged and every answer costs something.
 */
#ifndef P2P_WEBRTC_STUN_SERVER_H
#define P2P_WEBRTC_STUN_SERVER_H

#include <p2p/base.h>

/*
 * Answers a Binding request that carries no credentials. P2P_OK with the answer in dst (never more
 * than three times the request, nor more than cap); UNSUPPORTED when this is not a request of that
 * kind, MALFORMED when it is no STUN: both send nothing.
 */
P2P_NODISCARD p2p_err p2p_stun_respond(
    uint8_t *dst, size_t cap, size_t *len, p2p_bytes request, const p2p_sockaddr *from);

/* Token buckets by source network: /32 for IPv4 and /56 for IPv6, in a table of fixed size. */
typedef struct p2p_stun_limiter p2p_stun_limiter;

typedef struct p2p_stun_limiter_config {
    uint32_t per_second; /* tokens that each network gets back per second, at least 1 */
    uint32_t burst;      /* tokens a network can save up, at least 1 */
    uint32_t networks;   /* networks remembered at once; rounded up to a power of two from 4 on */
} p2p_stun_limiter_config;

#define P2P_STUN_LIMITER_DEFAULTS \
    ((p2p_stun_limiter_config){.per_second = 50, .burst = 100, .networks = 1024})

P2P_NODISCARD p2p_err p2p_stun_limiter_new(p2p_stun_limiter **out,
    const p2p_stun_limiter_config *config, const p2p_mem *mem, const p2p_random *random);
void p2p_stun_limiter_free(p2p_stun_limiter *limiter);
/* Takes one token of the source's network; false when it has none left. Allocates nothing. */
bool p2p_stun_limiter_allows(p2p_stun_limiter *limiter, const p2p_sockaddr *from, p2p_time now);

#endif
