/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Asking a STUN server how it sees this host (RFC 8489, Binding request over UDP): the address and
 * port that a NAT in between has given to the host's socket. Any host of this library that listens
 * on webrtc-direct is such a server, on the same port.
 *
 * The question leaves from a socket that listens, if there is one, so that the answer is the
 * address at which others may reach the host.
 */
#ifndef P2P_STUN_H
#define P2P_STUN_H

#include <p2p/host.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_stun_query p2p_stun_query;

typedef struct p2p_stun_options {
    size_t size;       /* sizeof(p2p_stun_options) */
    unsigned requests; /* at most so many are sent; 0: 7 */
    p2p_time rto;      /* to the second request; doubled for each further one. 0: 500 ms */
} p2p_stun_options;

typedef struct p2p_stun_answer {
    /* RESOLVE, TIMEOUT, MALFORMED, or of the socket. UNSUPPORTED: the server answered with `code`.
     */
    p2p_err err;
    uint16_t code;       /* of an error response, else 0 */
    p2p_sockaddr mapped; /* what the question was made for */
    p2p_sockaddr server; /* who was asked; family 0: its name was not resolved */
    p2p_sockaddr local;  /* the socket's own address, if the driver tells it; else family 0 */
    p2p_bytes software;  /* how the server calls itself; valid for the call, not to be trusted */
    unsigned requests;   /* sent */
    p2p_time took;       /* from the first request to the answer */
} p2p_stun_answer;

/* Called once, from p2p_host_next_event; the query is gone afterwards. */
typedef void (*p2p_stun_fn)(void *ctx, const p2p_stun_answer *answer);

/*
 * Asks the server at the head of the address: /ip4, /ip6, /dns, /dns4 or /dns6, then /udp; what
 * follows does not count, so a node's own address will do. `options` and `out` may be NULL. INVALID
 * (another kind of address, an option), LIMIT, NO_MEMORY.
 */
P2P_API P2P_NODISCARD p2p_err p2p_stun_ask(p2p_stun_query **out, p2p_host *host,
    const p2p_multiaddr *server, const p2p_stun_options *options, p2p_stun_fn fn, void *ctx);
/* Gives up; `fn` is not called. */
P2P_API void p2p_stun_cancel(p2p_stun_query *query);

#ifdef __cplusplus
}
#endif
#endif
