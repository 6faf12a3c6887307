/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a host is made of, for the files of this room; everybody else has <p2p/host.h>. */
#ifndef P2P_HOST_HOST_H
#define P2P_HOST_HOST_H

#include "protocol/identify.h"
#include "swarm/swarm.h"

enum { P2P_AGENT_MAX = 128 };

struct p2p_host {
    p2p_env env;
    p2p_swarm swarm;
    p2p_mem mem;
    p2p_random random;
    p2p_log log;
    p2p_limits limits;
    p2p_timeouts timeouts;
    p2p_map timers;         /* number → app_timer */
    p2p_identify *identify; /* NULL: not run */
    char agent[P2P_AGENT_MAX];
};

/* The lists used when the configuration names none: what this build has. */
extern const p2p_transport_type *const p2p_default_transports[];
extern const p2p_security *const p2p_default_security[];
extern const p2p_muxer *const p2p_default_muxers[];

#endif
