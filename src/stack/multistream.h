/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * multistream-select 1.0 (connections spec, "Protocol negotiation") as a machine without input or
 * output: it is fed bytes and says what to send. Connections use it as a layer (upgrade.c), streams
 * directly (stream.c).
 *
 * The initiator proposes one id after the other until the responder echoes one. With a single
 * proposal the caller may send what follows without waiting.
 */
#ifndef P2P_STACK_MULTISTREAM_H
#define P2P_STACK_MULTISTREAM_H

#include "base/buf.h"

enum {
    P2P_MULTISTREAM_LINE_MAX = 1024, /* bytes of a line with its end, as go and js have it */
    P2P_MULTISTREAM_TRIES_MAX = 64   /* proposals a responder answers on one stream */
};

/* Decides on an inbound proposal; true: accepted. */
typedef bool (*p2p_multistream_accept)(void *ctx, p2p_bytes id);

typedef struct p2p_multistream {
    const char *const *proposals; /* initiator: NULL-terminated; NULL: responder */
    size_t current;               /* initiator: which of them is asked */
    uint8_t tries;
    bool header_seen;
    bool done;
    p2p_buf line; /* an incomplete line */
} p2p_multistream;

void p2p_multistream_init_initiator(
    p2p_multistream *ms, const p2p_mem *mem, const char *const *proposals);
void p2p_multistream_init_responder(p2p_multistream *ms, const p2p_mem *mem);
void p2p_multistream_deinit(p2p_multistream *ms);

/* Appends what this side says first: the header, and the initiator's first proposal. */
P2P_NODISCARD p2p_err p2p_multistream_first(const p2p_multistream *ms, p2p_buf *out);

/*
 * Reads from bytes; *used says how many. Appends answers and further proposals to `out`. P2P_OK
 * with ms->done: agreed (initiator: proposals[current]; responder: accept said true); bytes behind
 * *used belong to what follows. P2P_OK without: needs more. NO_PROTOCOL: the initiator has nothing
 * left to propose. MALFORMED, TOO_BIG, VIOLATION: the peer does not speak multistream.
 */
P2P_NODISCARD p2p_err p2p_multistream_feed(p2p_multistream *ms, p2p_bytes bytes, size_t *used,
    p2p_buf *out, p2p_multistream_accept accept, void *ctx);

#endif
