/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A line typed at the terminal says hello to all tabs. */
#include <signal.h>
#include <unistd.h>

#include "base/bytes.h"
#include "up.h"

static void say_line(up *u) {
    if (u->line_len > 0)
        (void)up_hello_say(u, (p2p_bytes){0}, p2p_bytes_of(u->line, u->line_len));
    u->line_len = 0;
}

/* Not to cut a character in two. */
static void cut_line(up *u) {
    while (u->line_len > 0 && ((uint8_t)u->line[u->line_len] & 0xc0) == 0x80)
        u->line_len--;
}

static void take(up *u, p2p_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            say_line(u);
        } else if (u->line_len + 1 < sizeof u->line) {
            u->line[u->line_len++] = (char)bytes.ptr[i];
        } else {
            u->line[u->line_len] = (char)bytes.ptr[i];
            cut_line(u);
            say_line(u);
        }
    }
}

static void woken(void *ctx) {
    up *u = ctx;
    if (u->over)
        return;
    up_catch_up(u);
    for (p2p_bytes view; (view = cli_pipe_peek(&u->typed)).len > 0;) {
        take(u, view);
        cli_pipe_consume(&u->typed, view.len);
    }
    up_wake(u);
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
