/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Writes a recording while a program runs. A full disk ends the recording, not the program. */
#ifndef P2P_TOOL_RECORDER_H
#define P2P_TOOL_RECORDER_H

#include <stdio.h>

#include "program.h"
#include "recording.h"

typedef struct cli_recorder {
    cli_program *program;
    FILE *file; /* NULL: not recording, or not any more */
    bool failed;
    uint8_t chain[CLI_CHAIN_LEN];
    p2p_time before;
    uint64_t frames;
    uint8_t *body;
} cli_recorder;

/* Makes the file; false after one sentence. */
bool cli_recorder_open(cli_recorder *r, cli_program *p, const char *path);
void cli_recorder_header(cli_recorder *r, const cli_header *header);
/* p2p_record_fn; ctx is the recorder. */
void cli_recorder_crossing(void *ctx, const p2p_crossing *crossing);
void cli_recorder_interrupt(cli_recorder *r);
/* Writes the end and closes; a failure now or before makes the program's status 1. */
void cli_recorder_close(cli_recorder *r);

#endif
