/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

void p2p_log_write(const p2p_log *log, p2p_log_level level, const char *subject, uint64_t conn,
    p2p_time now, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is the line above */
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log->write(log->ctx, &(p2p_log_line){level, subject, conn, text, now});
}
