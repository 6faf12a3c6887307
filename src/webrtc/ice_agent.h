/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The inside of an ICE agent, shared by ice.c (tables), ice_check.c (packets), ice_timers.c (time).
 */
#ifndef P2P_WEBRTC_ICE_AGENT_H
#define P2P_WEBRTC_ICE_AGENT_H

#include "webrtc/ice.h"
#include "webrtc/stun.h"

enum {
    ICE_REPLIES_MAX = 4, /* answers waiting for output; the peer repeats what is lost beyond */
    ICE_EVENTS_MAX = 4,
    ICE_ASKED_MAX = 16 /* one a second or so while no answer comes */
};

typedef enum ice_pair_state {
    ICE_WAITING,
    ICE_IN_PROGRESS,
    ICE_SUCCEEDED, /* full: our check was answered; lite: theirs was */
    ICE_FAILED
} ice_pair_state;

typedef struct ice_pair {
    p2p_ice_path path;
    uint32_t local_priority, remote_priority;
    ice_pair_state state;
    bool triggered; /* to be checked before the others */
    bool nominate;  /* the next check carries USE-CANDIDATE */
    bool nominated; /* selected once by nomination */
    bool wanted;    /* controlled: the peer has nominated it, our check is still out */
    bool sent_role; /* controlling in the check that is out */
    bool sent_nominate;
    uint8_t sends; /* of the check that is out */
    bool outstanding;
    uint8_t transaction[P2P_STUN_TRANSACTION];
    p2p_time send_at;    /* next retransmission, or next consent check */
    p2p_time heard_at;   /* last answered or received check, or data */
    p2p_sockaddr mapped; /* as the peer saw this side in the last answer */
} ice_pair;

typedef struct ice_reply {
    p2p_ice_path path;
    uint8_t transaction[P2P_STUN_TRANSACTION];
    uint16_t code; /* 0: success */
    uint8_t unknown_count;
    uint16_t unknown[P2P_STUN_UNKNOWN_MAX];
} ice_reply;

/* A consent check that was followed by another before its answer came. */
typedef struct ice_asked {
    uint8_t transaction[P2P_STUN_TRANSACTION];
    p2p_time at;
} ice_asked;

struct p2p_ice {
    const p2p_mem *mem;
    const p2p_random *random;
    uint8_t *text; /* the four credentials one behind the other */
    size_t text_len;
    p2p_ice_credentials credentials;
    bool lite, controlling, remote_lite, complete, failed, disconnected;
    uint8_t locals_count, remotes_count, replies_count, events_count, role_changes;
    uint64_t tie_breaker;
    p2p_time first_pause;   /* RTO of RFC 8489 §6.2.1 */
    p2p_time next_check_at; /* pacing */
    p2p_time first_valid_at;
    p2p_time heard_at;                   /* a lite agent's last sign of life on any path */
    p2p_ice_candidate *locals, *remotes; /* exact blocks; NULL when there are none */
    ice_pair *pairs;
    size_t pairs_count, pairs_cap;
    size_t selected;                /* index of a pair, or SIZE_MAX */
    ice_asked asked[ICE_ASKED_MAX]; /* of the selected pair; a ring */
    uint8_t asked_count, asked_next;
    ice_reply replies[ICE_REPLIES_MAX];
    p2p_ice_event events[ICE_EVENTS_MAX];
};

#define ICE_NONE SIZE_MAX

/* ice.c */
ice_pair *p2p_ice_find_pair(
    const p2p_ice *ice, const p2p_sockaddr *local, const p2p_sockaddr *remote);
/* A new pair, in place of the least useful one when the table is full. NULL: no room. */
ice_pair *p2p_ice_add_pair(p2p_ice *ice, const p2p_ice_path *path, uint32_t local_priority,
    uint32_t remote_priority, p2p_time now);
uint64_t p2p_ice_priority_of(const p2p_ice *ice, const ice_pair *pair);
void p2p_ice_select(p2p_ice *ice, ice_pair *pair);
void p2p_ice_push_event(p2p_ice *ice, p2p_ice_event event);
void p2p_ice_fail(p2p_ice *ice);
/* Forgets a check that is out and queues a new one. */
void p2p_ice_trigger(ice_pair *pair);

/* ice_timers.c */
/* When the pair that just answered has to be checked again. */
p2p_time p2p_ice_consent_at(const p2p_ice *ice, p2p_time now);
/* Whether this was the transaction of a consent check on the selected pair that an answer may still
 * renew. */
bool p2p_ice_was_asked(const p2p_ice *ice, const uint8_t *transaction, p2p_time now);
/* Controlling: nominates when it is time to. */
void p2p_ice_consider(p2p_ice *ice, p2p_time now);

#endif
