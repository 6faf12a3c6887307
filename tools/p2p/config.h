/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration file of `p2p up` (docs/operating.md, docs/p2p.yaml). */
#ifndef P2P_TOOL_CONFIG_H
#define P2P_TOOL_CONFIG_H

#include "program.h"

enum { CLI_CONFIG_MAX = 64 * 1024 };

/* Reads the file into p->options; false after one sentence that names line and column. What the
 * options then point to lasts as long as the process. */
bool cli_config_load(cli_program *p, const char *path);
/* The file that is read when none is named; NULL: there is none. */
const char *cli_config_default(char *path, size_t cap);
/* For SIGHUP: looks whether the file that was loaded is still good and what it was, and says what
 * became of it. False when that is nothing. */
bool cli_config_look_again(cli_program *p);

#endif
