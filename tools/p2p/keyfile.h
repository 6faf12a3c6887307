/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Key files: libp2p's protobuf PrivateKey and nothing else, readable by their owner alone. */
#ifndef P2P_TOOL_KEYFILE_H
#define P2P_TOOL_KEYFILE_H

#include "program.h"

/* Reads and checks a key file; false after one sentence. The caller wipes `bytes`. */
bool cli_keyfile_read(
    cli_program *p, const char *path, uint8_t bytes[P2P_PRIVATE_KEY_MAX], size_t *len);
/* Writes one that must not exist yet; false after one sentence, and then no file is left. */
bool cli_keyfile_write(cli_program *p, const char *path, const p2p_identity *identity);
/* The system's randomness. */
extern const p2p_random cli_system_random;

#endif
