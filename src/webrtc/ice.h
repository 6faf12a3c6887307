/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An ICE agent for one component over UDP (RFC 8445, RFC 7675, trickle by RFC 8838), without
 * sockets and without a clock. The listening side of webrtc-direct is a lite agent; its dialler and
 * both sides of signalled WebRTC are full ones. It finds paths, keeps the best one alive, and says
 * where data goes; the data itself passes it by.
 */
#ifndef P2P_WEBRTC_ICE_H
#define P2P_WEBRTC_ICE_H

#include <p2p/base.h>

#include "webrtc/ice_credentials.h"

enum {
    P2P_ICE_PAIRS_MAX = 32,
    P2P_ICE_LOCALS_MAX = 8,
    P2P_ICE_REMOTES_MAX = 24,
    P2P_ICE_PACKET_MAX = 640 /* the longest datagram an agent sends */
};

typedef enum p2p_ice_kind {
    P2P_ICE_HOST,
    P2P_ICE_PEER_REFLEXIVE,
    P2P_ICE_SERVER_REFLEXIVE,
    P2P_ICE_RELAYED
} p2p_ice_kind;

typedef struct p2p_ice_candidate {
    p2p_ice_kind kind;
    p2p_sockaddr addr;
    p2p_sockaddr base; /* local: where its packets leave from; family 0: the address itself */
    uint32_t priority;
} p2p_ice_candidate;

/* RFC 8445 §5.1.2.1, component 1; the preference ranks addresses of one kind. */
uint32_t p2p_ice_priority(p2p_ice_kind kind, uint16_t preference);
/* RFC 8445 §6.1.2.3. */
uint64_t p2p_ice_pair_priority(uint32_t controlling, uint32_t controlled);

/* A local address of family 0 is "whatever the socket has": enough for an agent with one socket. */
typedef struct p2p_ice_path {
    p2p_sockaddr local, remote;
} p2p_ice_path;

bool p2p_ice_same_address(const p2p_sockaddr *a, const p2p_sockaddr *b);

typedef struct p2p_ice_config {
    p2p_ice_credentials credentials; /* copied; the remote half may come later */
    bool lite;
    bool controlling; /* a lite agent never is */
    bool remote_lite; /* the peer is: this side stays controlling whatever it says */
    /* A full agent's first pause before it repeats a check; 0: half a second, as RFC 8445 §14.3
     * asks of agents that check many pairs at once. */
    p2p_time first_pause;
} p2p_ice_config;

typedef enum p2p_ice_event {
    P2P_ICE_SELECTED, /* there is a path for data, or another one than before */
    P2P_ICE_MOVED,    /* a full agent's: its packets come to the peer from another address now */
    P2P_ICE_DISCONNECTED, /* nothing heard on it for a while; it may come back (SELECTED) */
    P2P_ICE_FAILED        /* given up; final */
} p2p_ice_event;

typedef struct p2p_ice p2p_ice;

P2P_NODISCARD p2p_err p2p_ice_new(p2p_ice **out, const p2p_ice_config *config, const p2p_mem *mem,
    const p2p_random *random, p2p_time now);
void p2p_ice_free(p2p_ice *ice);

/* The peer's credentials when they come after the agent was made; once. */
P2P_NODISCARD p2p_err p2p_ice_set_remote(p2p_ice *ice, p2p_bytes ufrag, p2p_bytes pwd);
/* Trickle: candidates may come at any time. LIMIT beyond the tables, EXISTS if known already. An
 * agent without local candidates sends from its one socket. */
P2P_NODISCARD p2p_err p2p_ice_add_local(p2p_ice *ice, const p2p_ice_candidate *candidate);
P2P_NODISCARD p2p_err p2p_ice_add_remote(p2p_ice *ice, const p2p_ice_candidate *candidate);
/* No more remote candidates will come: when all checks have failed, so has the agent. */
void p2p_ice_end_of_candidates(p2p_ice *ice, p2p_time now);

/*
 * Takes a STUN datagram. MALFORMED, DECRYPT (wrong integrity), NOT_FOUND (credentials or a
 * transaction of somebody else), UNSUPPORTED: nothing has changed and nothing is answered; a forged
 * packet is given no reply to aim at others with.
 */
P2P_NODISCARD p2p_err p2p_ice_input(
    p2p_ice *ice, p2p_bytes packet, const p2p_sockaddr *from, const p2p_sockaddr *to, p2p_time now);
/* The next STUN datagram to send, AGAIN when there is none now. cap is at least
 * P2P_ICE_PACKET_MAX. Call until AGAIN after every input and tick. */
P2P_NODISCARD p2p_err p2p_ice_output(
    p2p_ice *ice, uint8_t *dst, size_t cap, size_t *len, p2p_ice_path *path, p2p_time now);
p2p_time p2p_ice_deadline(const p2p_ice *ice);
/* Call at the deadline, then p2p_ice_output. */
void p2p_ice_tick(p2p_ice *ice, p2p_time now);
/* What went out on the selected path stays without an answer: a full agent checks it now, instead
 * of when its turn comes, so that an address which a NAT has changed is soon known again. */
void p2p_ice_doubt(p2p_ice *ice, p2p_time now);
bool p2p_ice_next_event(p2p_ice *ice, p2p_ice_event *event);

/* Where data goes: the pair nominated last, before that any that passed a check. False: nowhere. */
bool p2p_ice_selected(const p2p_ice *ice, p2p_ice_path *path);
/* Whether data from there may be looked at: it passed a check. */
bool p2p_ice_accepts(const p2p_ice *ice, const p2p_sockaddr *from, const p2p_sockaddr *to);
/* Data from there proved genuine (DTLS opened it): a sign of life for a lite agent. */
void p2p_ice_heard(p2p_ice *ice, const p2p_sockaddr *from, const p2p_sockaddr *to, p2p_time now);
bool p2p_ice_is_controlling(const p2p_ice *ice);

#endif
