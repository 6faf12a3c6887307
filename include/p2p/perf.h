/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Perf (/perf/1.0.0): how fast bytes move. The client says how many bytes it wants back, sends as
 * many as it likes, and reads to the end.
 *
 * Serving: p2p_host_add_protocol(host, &p2p_perf_protocol, NULL).
 */
#ifndef P2P_PERF_H
#define P2P_PERF_H

#include <p2p/conn.h>

#ifdef __cplusplus
extern "C" {
#endif

P2P_API extern const p2p_protocol p2p_perf_protocol;

typedef struct p2p_perf p2p_perf;

typedef struct p2p_perf_progress {
    uint64_t uploaded, downloaded; /* so far; uploaded: accepted for sending */
    p2p_time started;              /* when p2p_perf_start was called */
    p2p_time upload_done; /* when the first byte of the answer, or the end, came; 0: not yet */
    bool done;            /* the last call: err says how it went */
    p2p_err err;
} p2p_perf_progress;

/* Called as bytes move and once at the end, after which the run is gone. */
typedef void (*p2p_perf_fn)(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress);

/* Uploads, then downloads. `block`: bytes for each write; 0: 64 KiB. */
P2P_API P2P_NODISCARD p2p_err p2p_perf_start(p2p_perf **out, p2p_conn *conn, uint64_t upload,
    uint64_t download, size_t block, p2p_perf_fn fn, void *ctx);
/* Breaks it off; the last call to `fn` still comes. */
P2P_API void p2p_perf_stop(p2p_perf *perf);

#ifdef __cplusplus
}
#endif
#endif
