/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A line typed at the terminal says hello to all tabs. */
#include <signal.h>
#include <unistd.h>

#include "base/bytes.h"
#include "up.h"

/* Says the first `len` bytes of the line; what is behind them begins the next. */
static void say(up *u, size_t len) {
    if (len > 0)
        (void)up_hello_say(u, (p2p_bytes){0}, p2p_bytes_of(u->line, len));
    u->line_len -= len;
    memmove(u->line, u->line + len, u->line_len);
}

/* How much of a line that is too long can be said without cutting a character in two. */
static size_t whole_characters(const up *u) {
    size_t len = u->line_len - 1;
    while (len > 1 && ((uint8_t)u->line[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void take(up *u, p2p_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            say(u, u->line_len);
            continue;
        }
        if (u->line_len == sizeof u->line)
            say(u, whole_characters(u));
        u->line[u->line_len++] = (char)bytes.ptr[i];
    }
}

static void woken(void *ctx) {
    up *u = ctx;
    if (u->over)
        return;
    p2p_node_catch_up(u->node);
    for (p2p_bytes view; (view = cli_pipe_peek(&u->typed)).len > 0;) {
        take(u, view);
        cli_pipe_consume(&u->typed, view.len);
    }
    p2p_node_kick(u->node);
}

void up_typed_start(up *u) {
    bool terminal = isatty(STDIN_FILENO);
    if (!terminal && !u->program->options.hello_stdin)
        return;
    /* In the background, reading a terminal would stop the process; ignored, it is an error. */
    (void)signal(SIGTTIN, SIG_IGN);
    u->typing = cli_pipe_start(&u->typed, u->loop, STDIN_FILENO, false, woken, u);
    if (!u->typing)
        cli_note(&u->program->out, CLI_YELLOW,
            "p2p: the system gives no thread to read what is "
            "typed; going on without");
}

void up_typed_stop(up *u) {
    if (u->typing && !cli_pipe_stop(&u->typed))
        u->program->kept = true;
}
