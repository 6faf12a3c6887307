/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Randomness that can be had again: everything a recorded run draws follows from one seed. The seed
 * itself comes from the system and stays in the recording.
 */
#ifndef P2P_TOOL_SEEDED_H
#define P2P_TOOL_SEEDED_H

#include <p2p/base.h>

enum { CLI_SEED_LEN = 32 };

typedef struct cli_seeded {
    uint8_t key[32];
    uint64_t counter;
    uint8_t block[1024];
    size_t left; /* unused bytes at the end of block */
} cli_seeded;

/* Streams of different labels have nothing in common. */
void cli_seeded_init(cli_seeded *s, const uint8_t seed[CLI_SEED_LEN], const char *label);
/* p2p_random.fill; ctx is the cli_seeded. */
void cli_seeded_fill(void *ctx, uint8_t *dst, size_t len);

/*
 * From here on the randomness of OpenSSL and GnuTLS (key shares, certificate signatures, blinding,
 * QUIC's path challenges) comes from the seed too, for the whole process: only a program may do
 * that, never the library. False if one of them does not take it.
 */
bool cli_seed_libraries(const uint8_t seed[CLI_SEED_LEN]);
/* Back to their own. */
void cli_unseed_libraries(void);

#endif
