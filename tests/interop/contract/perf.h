/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The dialler's part of the perf contract: uploads, downloads and round trips one after another on
 * one connection, and what they amount to, as YAML on stdout. */
#ifndef CONTRACT_PERF_H
#define CONTRACT_PERF_H

#include <p2p/conn.h>

#include "settings.h"

/* `done` is called once, with NULL after the results were printed, else with a reason. */
void perf_start(p2p_conn *conn, const perf_settings *amounts, void (*done)(const char *why));

#endif
