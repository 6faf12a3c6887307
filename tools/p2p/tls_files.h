/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The certificate and key for wss, from two PEM files. They are read when the program starts, when
 * one of them has changed, and on SIGHUP. A new pair is for connections that come; those that exist
 * go on. A pair that is no good changes nothing and is said.
 */
#ifndef P2P_TOOL_TLS_FILES_H
#define P2P_TOOL_TLS_FILES_H

#include <uv.h>

#include "program.h"

typedef struct cli_tls_files {
    cli_program *program;
    p2p_node *node;
    uv_fs_poll_t polls[2];
    uv_signal_t hangup;
    uv_timer_t settled; /* the last change is some time ago */
} cli_tls_files;

/* Reads them for the first time, and watches them; false after one sentence. Nothing is open then.
 */
bool cli_tls_files_start(cli_tls_files *own, cli_program *p, p2p_node *node, uv_loop_t *loop);
/* Its handles close in the loop. */
void cli_tls_files_stop(cli_tls_files *own);

#endif
