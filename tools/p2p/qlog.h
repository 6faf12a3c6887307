/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Writes the qlogs of QUIC connections into a folder, a file for each. No file stays open: what a
 * connection says is kept until there is enough of it, so thousands of connections need no
 * descriptors. A full disk ends the qlogs, not the program.
 */
#ifndef P2P_TOOL_QLOG_H
#define P2P_TOOL_QLOG_H

#include "base/map.h"
#include "program.h"

typedef struct cli_qlog {
    cli_program *program;
    p2p_map open; /* of connections, by number */
    bool failed;
} cli_qlog;

/* False after one sentence: the folder is missing, or closed to us. */
bool cli_qlog_open(cli_qlog *own, cli_program *p);
/* p2p_qlog.write; ctx is the cli_qlog. */
void cli_qlog_write(void *ctx, const p2p_qlog_piece *piece);
/* Writes what is kept; a failure now or before makes the program's status 1. */
void cli_qlog_close(cli_qlog *own);

#endif
