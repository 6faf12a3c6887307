/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef P2P_BASE_LOG_H
#define P2P_BASE_LOG_H

#include <p2p/base.h>

/* Evaluates its arguments only if somebody listens at that level. */
#define P2P_LOG(log, lvl, subject, conn, now, ...)                               \
    ((log)->write != NULL && (lvl) <= (log)->level                               \
            ? p2p_log_write((log), (lvl), (subject), (conn), (now), __VA_ARGS__) \
            : (void)0)

P2P_PRINTF(6, 7)
void p2p_log_write(const p2p_log *log, p2p_log_level level, const char *subject, uint64_t conn,
    p2p_time now, const char *format, ...);

#endif
