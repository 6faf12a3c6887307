/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The format of recordings, without files.
 *
 *     recording = "p2p-recording" version(u8 = 1) frame…
 *     frame     = length(uvarint) body(length bytes) check(4 bytes)
 *     body      = kind(u8) fields
 *
 * The first frame is HEADER, the last END; a file that stops before END was cut off. `check` is the
 * head of a chain of hashes, c(n) = SHA-256(c(n-1) body(n)), c(0) = SHA-256 of the file's first
 * bytes, so a changed, lost or moved frame is noticed where it stands.
 *
 *     HEADER     library version, start and wall clock, seed, private key, command line
 *     INPUT      all of p2p_input; the time as the difference to the input before
 *     EFFECT     all of p2p_effect, or nothing when there was none
 *     DRAW       socket and cap; length and SHA-256 of what was drawn
 *     DATAGRAMS  socket, cap and most segments; all of p2p_datagrams and SHA-256, or nothing
 *     EVENT      all of p2p_event but pointers, or nothing when there was none
 *     INTERRUPT  the program was interrupted here
 *     END        the number of frames before it
 *
 * Numbers are uvarints unless said otherwise; texts and byte strings have their length before them.
 */
#ifndef P2P_TOOL_RECORDING_H
#define P2P_TOOL_RECORDING_H

#include <p2p/node.h>

#include "base/cursor.h"
#include "seeded.h"

enum {
    CLI_RECORDING_VERSION = 1,
    CLI_BODY_MAX = 512 * 1024, /* a read of 256 KiB and its fields fit */
    CLI_CHECK_LEN = 4,
    CLI_CHAIN_LEN = 32,
    CLI_ARGS_MAX = 64,
    CLI_ARGS_TEXT_MAX = 64 * 1024,
    CLI_INPUT_ADDRS_MAX = 256,
    CLI_DRAW_CAP_MAX = 1024 * 1024
};

#define CLI_RECORDING_MAGIC "p2p-recording"

typedef enum cli_kind {
    CLI_HEADER = 1,
    CLI_INPUT,
    CLI_EFFECT,
    CLI_DRAW,
    CLI_DATAGRAMS,
    CLI_EVENT,
    CLI_INTERRUPT,
    CLI_END,
    CLI_KIND_COUNT
} cli_kind;

/* What a host is made of. Views point into the body it was decoded from. */
typedef struct cli_header {
    p2p_bytes version;
    p2p_time started;
    uint64_t wall_ms;
    uint8_t seed[CLI_SEED_LEN];
    p2p_bytes private_key;
    size_t arg_count;
    p2p_bytes args[CLI_ARGS_MAX];
} cli_header;

/* The chain before the first frame, and behind a body. */
void cli_chain_start(uint8_t chain[CLI_CHAIN_LEN]);
void cli_chain_add(uint8_t chain[CLI_CHAIN_LEN], p2p_bytes body);

/* A body each; the kind is part of it. The writer's end tells whether it fitted. */
void cli_encode_header(p2p_writer *w, const cli_header *header);
void cli_encode_input(p2p_writer *w, const p2p_input *input, p2p_time before);
void cli_encode_crossing(p2p_writer *w, const p2p_crossing *crossing, p2p_time before);
void cli_encode_interrupt(p2p_writer *w);
void cli_encode_end(p2p_writer *w, uint64_t frames);

/* The cursor stands behind the kind. MALFORMED. */
P2P_NODISCARD p2p_err cli_decode_header(cli_header *header, p2p_cursor *c);
/* data and addrs of the input point into the body and into `addrs`. */
P2P_NODISCARD p2p_err cli_decode_input(
    p2p_input *input, p2p_sockaddr addrs[CLI_INPUT_ADDRS_MAX], p2p_cursor *c, p2p_time before);
/* What to ask the host for: the head of DRAW (datagrams false) or DATAGRAMS. */
P2P_NODISCARD p2p_err cli_decode_draw(
    p2p_socket *socket, size_t *cap, size_t *max_segments, p2p_cursor *c, bool datagrams);
P2P_NODISCARD p2p_err cli_decode_end(uint64_t *frames, p2p_cursor *c);

/* A body in words, for the first difference. */
void cli_describe(char *dst, size_t cap, p2p_bytes body);

#endif
