/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A protocol that says back what it hears, and one that asks it: ten bytes, our end, the same ten
 * and its end. */
#ifndef P2P_SIM_ECHO_H
#define P2P_SIM_ECHO_H

#include "sim/world.h"

/* What became of the askers; `self` of each. `again` is the scenario's own. */
typedef struct many {
    size_t opened, answered, closed, again;
    p2p_stream_end last;
} many;

extern const char *const ECHO_ID[];
extern const p2p_protocol echo, asker;

#endif
