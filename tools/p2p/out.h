/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the tool prints. Text for people goes out in whole lines without control characters, because
 * parts of it come from peers; JSON goes out as one object a line. A silent output prints nothing:
 * that is how a program runs in a replay.
 */
#ifndef P2P_TOOL_OUT_H
#define P2P_TOOL_OUT_H

#include "json.h"

typedef enum cli_colour { CLI_PLAIN, CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_DIM } cli_colour;

typedef struct cli_out {
    bool json, silent;
    bool colour_out, colour_err; /* the stream is a terminal and NO_COLOR is not set */
    bool bar;                    /* stderr is a terminal: progress bars may be drawn */
    bool bar_shown;
    bool hurried;  /* a line on stdout is dropped rather than waited for */
    uint64_t lost; /* lines, since one was printed last */
} cli_out;

void cli_out_init(cli_out *out, bool json);

/* A line on stdout, unless JSON is wanted. */
P2P_PRINTF(3, 4) void cli_say(cli_out *out, cli_colour colour, const char *format, ...);
/* A line on stderr. */
P2P_PRINTF(3, 4) void cli_note(cli_out *out, cli_colour colour, const char *format, ...);
/* A progress line on a terminal's stderr, written over by whatever comes next. */
P2P_PRINTF(2, 3) void cli_bar(cli_out *out, const char *format, ...);
/* A sink for p2p_config.log; ctx is the cli_out. */
void cli_log(void *ctx, const p2p_log_line *line);
/* Flushes stdout: false when something that was printed there is lost. */
bool cli_out_flush(cli_out *out);

/* Ends a JSON object (json.h), and prints it on stdout if JSON is wanted. All of it, until the next
 * begin. */
p2p_bytes cli_json_end(cli_json *j, cli_out *out);

/* The length of the UTF-8 character at the head of text, 0 if it is none. */
size_t cli_character(const uint8_t *text, size_t len);
/* Such a character that a terminal must not see. */
bool cli_is_control(const uint8_t *text, size_t size);

/* --- words for numbers --- */

enum { CLI_SIZE_TEXT = 32, CLI_ADDR_TEXT = P2P_MULTIADDR_TEXT_MAX + P2P_PEER_ID_TEXT_MAX + 8 };

/* "12.3 MB" */
const char *cli_size_text(char dst[CLI_SIZE_TEXT], double bytes);
/* "12.3 MB/s"; "-" without a duration */
const char *cli_rate_text(char dst[CLI_SIZE_TEXT], uint64_t bytes, p2p_time duration);
const char *cli_peer_text(char dst[P2P_PEER_ID_TEXT_MAX], const p2p_peer_id *peer);
const char *cli_addr_text(
    char dst[CLI_ADDR_TEXT], const p2p_multiaddr *addr, const p2p_peer_id *peer);

#endif
