/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Standard input and output for an event loop, whatever they are: file, pipe, terminal. Each has a
 * thread that does plain blocking calls with one block at a time; the loop is woken when a block is
 * full or empty again. Non-blocking mode is left alone: other programs share these files.
 */
#ifndef P2P_TOOL_PIPES_H
#define P2P_TOOL_PIPES_H

#include <uv.h>

#include <p2p/base.h>

enum { CLI_PIPE_BLOCK = 64 * 1024 };

typedef struct cli_pipe {
    int fd;
    bool writes;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t changed;
    uv_async_t async;
    void (*woken)(void *ctx); /* in the loop: look again */
    void *ctx;
    bool running;
    /* Under the lock. */
    bool busy; /* the thread has the block */
    bool quit, ended;
    int error; /* errno's value, 0: none */
    size_t len, used;
    uint8_t block[CLI_PIPE_BLOCK];
} cli_pipe;

/* False when the system gives no thread. */
bool cli_pipe_start(
    cli_pipe *pipe, uv_loop_t *loop, int fd, bool writes, void (*woken)(void *ctx), void *ctx);

/* Reading: the bytes that are there; empty when there are none now. */
p2p_bytes cli_pipe_peek(cli_pipe *pipe);
void cli_pipe_consume(cli_pipe *pipe, size_t len);
/* Reading: the end was reached (or an error, in *error) and all was consumed. */
bool cli_pipe_at_end(cli_pipe *pipe, int *error);

/* Writing: takes all or nothing of at most a block; false: not now. */
bool cli_pipe_write(cli_pipe *pipe, p2p_bytes bytes);
/* Writing: all that was taken is written (or cannot be, as *error says). */
bool cli_pipe_idle(cli_pipe *pipe, int *error);

/* False when the thread hangs in a call: then it, and the memory of the pipe, are left to the end
 * of the process. */
bool cli_pipe_stop(cli_pipe *pipe);

#endif
