/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The configuration file of `p2p up` (docs/operating.md, docs/p2p.yaml). */
#ifndef P2P_TOOL_CONFIG_H
#define P2P_TOOL_CONFIG_H

#include <stdio.h>

#include "program.h"

enum { CLI_CONFIG_MAX = 64 * 1024 };

/* Reads the file into p->options, which point into p->config then; false after one sentence that
 * names line and column. */
bool cli_config_load(cli_program *p, const char *path);
const char *cli_config_path(const cli_config_file *file); /* NULL: of none */
void cli_config_free(cli_config_file *file);
/* The file that is read when none is named; NULL: there is none. */
const char *cli_config_default(char *path, size_t cap);
/* All settings, a line each, in the same order whatever they are. */
void cli_config_show(const cli_options *o, FILE *to);

#endif
