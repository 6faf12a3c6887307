/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Printing. Everything passes through one filter: bytes that are not UTF-8 and control characters
 * never reach a terminal, since agent names and protocol ids are the peer's own words.
 */
#include "out.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 4096 };

static const char *const COLOURS[] = {[CLI_PLAIN] = "",
    [CLI_GREEN] = "\033[32m",
    [CLI_YELLOW] = "\033[33m",
    [CLI_RED] = "\033[31m",
    [CLI_DIM] = "\033[2m"};

static bool terminal(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && (term == NULL || strcmp(term, "dumb") != 0);
}

void cli_out_init(cli_out *out, bool json) {
    const char *no_colour = getenv("NO_COLOR");
    bool colour = no_colour == NULL || no_colour[0] == 0;
    *out = (cli_out){.json = json,
        .colour_out = colour && terminal(STDOUT_FILENO),
        .colour_err = colour && terminal(STDERR_FILENO),
        .bar = terminal(STDERR_FILENO)};
}

/* --- text --- */

size_t cli_character(const uint8_t *text, size_t len) {
    static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text[0];
    size_t size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (size <= 1 || size > len || first > 0xf4)
        return size == 1 ? 1 : 0;
    uint32_t value = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text[i] & 0x3f);
    }
    bool good = value >= LEAST[size] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    return good ? size : 0;
}

bool cli_is_control(const uint8_t *text, size_t size) {
    return (size == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
           (size == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

/* Marks that turn the direction of writing, and line and paragraph separators (U+200E, U+200F,
 * U+2028 to U+202E, U+2066 to U+2069): with them a line can be made to say something else. */
static bool is_misleading(const uint8_t *text, size_t size) {
    if (size != 3 || text[0] != 0xe2)
        return false;
    return text[1] == 0x80
               ? text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae)
               : text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9;
}

/* Replaces in place what a terminal must not see. */
static void clean(char *line) {
    uint8_t *at = (uint8_t *)line;
    for (size_t left = strlen(line); left > 0;) {
        size_t size = cli_character(at, left);
        if (size == 0 || cli_is_control(at, size) || is_misleading(at, size)) {
            size = size == 0 ? 1 : size;
            memset(at, '?', size);
        }
        at += size;
        left -= size;
    }
}

/* A terminal that is held (Ctrl-S) or a pipe that nobody reads must not hold the whole program. */
static bool would_wait(cli_out *out) {
    struct pollfd fd = {STDOUT_FILENO, POLLOUT, 0};
    if (!out->hurried || poll(&fd, 1, 0) != 0)
        return false;
    out->lost++;
    return true;
}

static void tell_lost(cli_out *out) {
    unsigned long long lost = out->lost;
    if (lost == 0)
        return;
    out->lost = 0;
    printf(out->json ? "{\"type\":\"lost\",\"lines\":%llu}\n"
                     : "(%llu lines are missing here: they could not be printed in time)\n",
        lost);
}

static void hide_bar(cli_out *out) {
    if (out->bar_shown)
        fputs("\r\033[K", stderr);
    out->bar_shown = false;
}

P2P_PRINTF(5, 0)

static void print(
    cli_out *out, FILE *to, bool colours, cli_colour colour, const char *format, va_list args) {
    char line[LINE_MAX_LEN];
    vsnprintf(line, sizeof line, format, args);
    clean(line);
    hide_bar(out);
    const char *paint = colours ? COLOURS[colour] : "";
    fprintf(to, "%s%s%s\n", paint, line, paint[0] != 0 ? "\033[0m" : "");
    fflush(to);
}

void cli_say(cli_out *out, cli_colour colour, const char *format, ...) {
    va_list args;
    if (out->silent || out->json || would_wait(out))
        return;
    tell_lost(out);
    va_start(args, format);
    print(out, stdout, out->colour_out, colour, format, args);
    va_end(args);
}

void cli_note(cli_out *out, cli_colour colour, const char *format, ...) {
    va_list args;
    if (out->silent)
        return;
    va_start(args, format);
    print(out, stderr, out->colour_err, colour, format, args);
    va_end(args);
}

void cli_bar(cli_out *out, const char *format, ...) {
    va_list args;
    char line[256];
    if (out->silent || !out->bar)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    clean(line);
    fprintf(stderr, "\r%s\033[K", line);
    out->bar_shown = true;
}

void cli_log(void *ctx, const p2p_log_line *line) {
    static const char *const NAMES[] = {"off", "error", "warn", "info", "debug", "trace"};
    static const cli_colour PAINT[] = {CLI_PLAIN, CLI_RED, CLI_YELLOW, CLI_PLAIN, CLI_DIM, CLI_DIM};
    cli_out *out = ctx;
    unsigned level = (unsigned)line->level <= P2P_LOG_TRACE ? (unsigned)line->level : 0;
    bool silent = out->silent;
    out->silent = false; /* a replay logs where the run would have */
    cli_note(out, PAINT[level], "%.6f %s %s: %s", (double)line->now / (double)P2P_SECOND,
        NAMES[level], line->subject, line->text);
    out->silent = silent;
}

bool cli_out_flush(cli_out *out) {
    hide_bar(out);
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* --- JSON --- */

p2p_bytes cli_json_end(cli_json *j, cli_out *out) {
    p2p_bytes text = cli_json_close(j);
    if (!out->silent && out->json && !would_wait(out)) {
        tell_lost(out);
        hide_bar(out);
        fwrite(text.ptr, 1, text.len, stdout);
        fputc('\n', stdout);
        fflush(stdout);
    }
    return text;
}

/* --- words for numbers --- */

const char *cli_size_text(char dst[CLI_SIZE_TEXT], double bytes) {
    static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof UNITS / sizeof UNITS[0]; unit++)
        bytes /= 1000;
    snprintf(dst, CLI_SIZE_TEXT, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, UNITS[unit]);
    return dst;
}

const char *cli_rate_text(char dst[CLI_SIZE_TEXT], uint64_t bytes, p2p_time duration) {
    char size[CLI_SIZE_TEXT];
    if (duration == 0)
        snprintf(dst, CLI_SIZE_TEXT, "-");
    else
        snprintf(dst, CLI_SIZE_TEXT, "%.28s/s",
            cli_size_text(size, (double)bytes * (double)P2P_SECOND / (double)duration));
    return dst;
}

const char *cli_peer_text(char dst[P2P_PEER_ID_TEXT_MAX], const p2p_peer_id *peer) {
    p2p_peer_id_format(dst, P2P_PEER_ID_TEXT_MAX, peer);
    return dst;
}

const char *cli_addr_text(
    char dst[CLI_ADDR_TEXT], const p2p_multiaddr *addr, const p2p_peer_id *peer) {
    size_t len = p2p_multiaddr_format(dst, P2P_MULTIADDR_TEXT_MAX, addr);
    if (peer != NULL && len < P2P_MULTIADDR_TEXT_MAX) {
        memcpy(dst + len, "/p2p/", 5);
        cli_peer_text(dst + len + 5, peer);
    }
    return dst;
}
