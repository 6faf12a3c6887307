/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What has happened since the start, in numbers: for /metrics. */
#ifndef P2P_TOOL_UP_COUNTERS_H
#define P2P_TOOL_UP_COUNTERS_H

#include <p2p/host.h>

enum { UP_KINDS_MAX = 128 };

/* Connections of one kind. */
typedef struct up_kind {
    bool outbound;
    const char *transport, *security, *muxer, *ip_version; /* of constants */
    uint64_t opened, closed;
} up_kind;

typedef struct up_counters {
    up_kind kinds[UP_KINDS_MAX];
    size_t kind_count;
    uint64_t dialled, dial_errors[P2P_ERR_COUNT_], inbound_errors[P2P_ERR_COUNT_];
    uint64_t identified, hellos;
    uint64_t bytes_in, bytes_out; /* of connections that are gone */
} up_counters;

void up_count_event(up_counters *c, const p2p_event *event);
/* All stream bytes, those of connections that exist included. */
void up_count_bytes(const up_counters *c, const p2p_host *host, uint64_t *in, uint64_t *out);

#endif
